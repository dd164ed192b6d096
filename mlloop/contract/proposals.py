"""Recognises a finished folder of proposals by the version of its proposals.json."""

from __future__ import annotations

from pathlib import Path

from mlloop.contract.records import FieldError, read_json

PROPOSALS_SCHEMA = 2  # version 1 had neither thresholds nor labels


def is_proposed(folder: Path) -> bool:
    """Say whether the proposals of an image are complete: proposals.json is written last.

    A record of an earlier version does not count, so the image gets new proposals.
    """
    try:
        record = read_json(folder / "proposals.json")
    except FieldError:
        return False
    return isinstance(record, dict) and record.get("schema") == PROPOSALS_SCHEMA
