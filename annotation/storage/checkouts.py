"""Place the stored files that one child process reads in a folder of its own, while it runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType

from annotation.storage.contents import checkout
from annotation.storage.keys import digest_of


class Checkout:
    """Collect keys, then hold their files in a folder inside a `with` block.

    The folder is deleted at the end of the block. Otherwise it would keep the bytes of an image
    that is erased later. Files that a killed process left in the folder are deleted first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: set[str] = set()

    def path_of(self, key: str) -> str:
        """Add a key; return the path that its file has inside the block."""
        self._keys.add(key)
        return str(self._folder / digest_of(key))

    def __enter__(self) -> Checkout:
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            checkout(sorted(self._keys), self._folder)
        except BaseException:  # Python then calls no __exit__
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
