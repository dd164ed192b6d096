"""Make a thing once in a run of the tests, for all its worker processes."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path


def make_once(path: Path, make: Callable[[Path], None]) -> Path:
    """Return `path` after the first process that asks has made it; the others wait for that.

    `make` gets another path and fills it, so that a run that was stopped leaves nothing half made.
    """
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            unfinished = path.with_name(f"{path.name}.unfinished")
            make(unfinished)
            unfinished.rename(path)
    return path
