"""Store bytes and return their keys. Only this package knows the paths of stored files.

A `Store` decides where the bytes are kept. `DiskStore` is the only store so far; another place
needs one more class. A child process needs paths, so `checkout` places its files in a folder of the
child's own.
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
    probe,
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
    "probe",
    "put",
    "put_over",
    "read",
    "size",
    "walk",
]
