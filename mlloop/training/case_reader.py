"""Read the images and masks of cases, and remember whose files were read.

The list of patients on a card comes from here and never from a plan.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mlloop.contract.errors import LearningError
from mlloop.contract.manifest import Case
from mlloop.pixels.arrays import BoolArray, FloatArray
from mlloop.pixels.images import ImageError, load_mask_target, load_network_input
from mlloop.pixels.masks import MaskError, decode_mask

CACHE_BYTES = 512 * 2**20


@dataclass(slots=True)
class CaseReader:
    """Reads cases at the grid, and caches them up to `cache_bytes`.

    `loaded_patients` collects the patients whose files were read. Several threads may read at once.
    """

    grid: int
    cache_bytes: int = CACHE_BYTES
    loaded_patients: set[str] = field(default_factory=set)
    _kept: dict[str, FloatArray] = field(default_factory=dict)
    _used: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read_image(self, case: Case) -> FloatArray:
        """Return the network input `(grid, grid) float32`, or raise LearningError."""
        return self._read(case, "image")

    def read_target(self, case: Case) -> FloatArray:
        """Return the covered share of each place `(grid, grid) float32`, or zeros without a mask.

        Raises LearningError if the mask cannot be read.
        """
        if case.mask_path is None:
            return np.zeros((self.grid, self.grid), np.float32)
        return self._read(case, "mask")

    def _read(self, case: Case, kind: str) -> FloatArray:
        key = f"{kind}:{case.image}"
        if key in self._kept:
            return self._kept[key]
        values = _read_file(case, kind, self.grid)
        with self._lock:
            self.loaded_patients.add(case.patient)
            if key not in self._kept and self._used + values.nbytes <= self.cache_bytes:
                self._kept[key] = values
                self._used += values.nbytes
        return values


def read_truth(case: Case) -> BoolArray:
    """Return the reference mask of a case at image size `(H, W) bool`, empty if there is no mask.

    Raises LearningError if the mask cannot be read.
    """
    shape = (case.height, case.width)
    if case.mask_path is None:
        return np.zeros(shape, np.bool_)
    with _explain_errors(case, "mask"):
        return decode_mask(Path(case.mask_path).read_bytes(), shape=shape)


def _read_file(case: Case, kind: str, grid: int) -> FloatArray:
    with _explain_errors(case, kind):
        if kind == "image":
            return load_network_input(case.image_path, grid)
        return load_mask_target(case.mask_path or "", grid)


@contextlib.contextmanager
def _explain_errors(case: Case, kind: str) -> Iterator[None]:
    """Raise LearningError with the name of the case if its file is missing or damaged."""
    try:
        yield
    except (ImageError, MaskError) as error:
        reason = str(error)
    except OSError as error:
        reason = f"The file cannot be read: {error.strerror}."
    else:
        return
    raise LearningError(f"unreadable_{kind}", f"The {kind} of {case.image} is unusable: {reason}")
