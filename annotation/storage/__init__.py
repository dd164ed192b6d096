"""Bytes in, key out; the only place that touches stored files. No path of a disk leaves it.

Where the bytes lie is the affair of a `Store`: `DiskStore` is the only one so far, and another is
one more class. A child process, which needs paths, gets its files by `checkout` in a folder of its
own.
"""

from __future__ import annotations

from annotation.storage.batches import Batch
from annotation.storage.checkouts import Checkout
from annotation.storage.contents import (
    checkout,
    delete,
    erase,
    is_erased,
    is_stored,
    open,
    put,
    put_over,
    read,
    size,
    walk,
)
from annotation.storage.keys import digest_of, folder_of, key_of
from annotation.storage.store import Sighting

__all__ = [
    "Batch",
    "Checkout",
    "Sighting",
    "checkout",
    "delete",
    "digest_of",
    "erase",
    "folder_of",
    "is_erased",
    "is_stored",
    "key_of",
    "open",
    "put",
    "put_over",
    "read",
    "size",
    "walk",
]
