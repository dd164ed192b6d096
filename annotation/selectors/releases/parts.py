"""The two parts of a release, open and sealed, and who may have each.

The sealed part has the masks that judge every round. Only curators have it until a curator opens
it. A release that is older than sealed parts has its sealed masks among the others: all of it is
then guarded like a sealed part.
"""

from __future__ import annotations

from annotation.errors import Forbidden
from annotation.formats.manifest import MANIFEST
from annotation.formats.released import Part
from annotation.models import Release, SealedOpening
from annotation.permissions import Permission, Person, may, require

FOLDERS: dict[Part, str] = {"open": "", "sealed": "sealed/"}  # in the paths of release items


def has_sealed_part(release: Release) -> bool:
    """Say whether the release has sealed images in a part of their own."""
    return release.items.filter(path=f"{FOLDERS['sealed']}{MANIFEST}").exists()


def mixes_parts(release: Release) -> bool:
    """Say whether sealed masks lie among the others, as in releases of older versions."""
    return "split.sealed" in release.summary


def is_opened(release: Release) -> bool:
    """Say whether a curator has opened the sealed masks of the release."""
    return SealedOpening.objects.filter(release=release).exists()


def may_have_part(person: Person, release: Release, part: Part) -> bool:
    """Say whether the person may download a part of the release."""
    if not may(person, Permission.SEE_RELEASES, release.project):
        return False
    if part == "open" and not mixes_parts(release):
        return True
    return is_opened(release) or may(person, Permission.DOWNLOAD_SEALED, release.project)


def require_part(person: Person, release: Release, part: Part) -> None:
    """Raise Forbidden if the person may not download a part of the release."""
    if may_have_part(person, release, part):
        return
    if part == "open" and mixes_parts(release):
        raise Forbidden(
            f"Release {release.version} was made before sealed masks had a part of their own: they "
            "lie among the others, so only a curator may download it. Ask for a new version."
        )
    require(person, Permission.DOWNLOAD_SEALED, release.project)
