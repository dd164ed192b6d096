"""Random draws that depend on a key and nothing else, so that a resumed run repeats them."""

from __future__ import annotations

import hashlib

import numpy as np


def seeded_generator(*parts: object) -> np.random.Generator:
    """Return a random generator that depends on `parts` and nothing else."""
    key = int.from_bytes(hash_key(*parts)[:16], "big")
    return np.random.Generator(np.random.Philox(key))


def hash_key(*parts: object) -> bytes:
    """Return the sha256 of the parts, as text joined by slashes."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()
