"""Storage keys: `projects/{uuid}/sha256/ab/{hex}`.

Two projects never share bytes, so erasing bytes of one project neither leaves nor breaks bytes of
another. No URL is ever made from a key.
"""

from __future__ import annotations

import re
from uuid import UUID

from annotation.errors import NotFound

_KEY = re.compile(r"projects/[0-9a-f-]{36}/sha256/[0-9a-f]{2}/[0-9a-f]{64}")


def key_of(project_id: UUID, digest: str) -> str:
    """Return the key under which bytes with this sha256 (hex) are stored."""
    return f"{folder_of(project_id, digest[:2])}/{digest}"


def folder_of(project_id: UUID, part: str) -> str:
    """Return the beginning of all keys whose digest begins with `part` (at most two digits)."""
    return f"projects/{project_id}/sha256/{part}"


def digest_of(key: str) -> str:
    """Return the sha256 (hex) that `key` names."""
    return key.rsplit("/", 1)[1]


def check_key(key: str) -> None:
    """Raise NotFound if `key` is not well formed: a key from outside must not name another file."""
    if not _KEY.fullmatch(key):
        raise NotFound(f"{key!r} is not a storage key.", code="bad_key")
