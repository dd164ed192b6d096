"""Do the same work in more parts when memory runs out, and report it in an event.

No other file decides whether an error means that memory ran out.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from mlloop.contract.errors import LearningError
from mlloop.contract.events import Emit
from mlloop.networks.devices import Device
from mlloop.pixels.arrays import FloatArray

T = TypeVar("T")
_MEMORY_WORDS = ("can't allocate memory", "not enough memory", "out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out, on a GPU or on the processor."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error).lower() for words in _MEMORY_WORDS
    )


def run_in_parts(
    work: Callable[[int], T],
    *,
    parts: int,
    count: int,
    device: Device,
    use_more: Callable[[int], None],
) -> T:
    """Return `work(parts)`. Each time memory runs out, try again with twice as many parts.

    Before each new try, `use_more` is called with the new number of parts, at most `count`. Raises
    LearningError if memory runs out although each part is a single image.
    """
    while True:
        try:
            return work(parts)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside the `except` block, because the traceback there keeps the tensors in memory.
        if parts >= count:
            raise LearningError(
                "out_of_memory",
                "Memory runs out with a single image. Use a smaller grid or network, or let fewer"
                " processes share this machine.",
            )
        parts = min(2 * parts, count)
        use_more(parts)
        if device.torch_device.type == "cuda":
            with contextlib.suppress(RuntimeError):
                torch.cuda.empty_cache()


@dataclass(slots=True)
class Chunker:
    """Runs a network on images in parts. After memory ran out, the parts stay small."""

    device: Device
    emit: Emit
    parts: int = 1

    def map_images(
        self, forward: Callable[[FloatArray], Iterable[T]], images: FloatArray
    ) -> list[T]:
        """Return the results of `forward` for images `(N, grid, grid)`, one for each image.

        Raises LearningError if a single image does not fit into memory.
        """
        count = len(images)

        def work(parts: int) -> list[T]:
            return [result for part in np.array_split(images, parts) for result in forward(part)]

        def use_more(parts: int) -> None:
            self.parts = parts
            self.emit(
                "smaller_chunk",
                parts=parts,
                message=f"Memory ran out: images pass {math.ceil(count / parts)} at a time from"
                " here on. The last digits can differ from those of a machine with more memory.",
            )

        return run_in_parts(
            work,
            parts=min(self.parts, count),
            count=count,
            device=self.device,
            use_more=use_more,
        )
