"""What happens when memory runs out: the same work in more parts, said in an event.

The only place that tells a full memory from another error.
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
    """Tell whether an error means that memory ran out, on a GPU or on the processor."""
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
    """Return `work(parts)`, tried again in twice as many parts each time that memory runs out.

    `use_more` is told the new number first, at most `count`. Raises LearningError where the parts
    are single images already.
    """
    while True:
        try:
            return work(parts)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside of the handler, since its traceback holds on to the tensors that were too many.
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
    """Takes images through a network, in parts that stay small once memory ran out."""

    device: Device
    emit: Emit
    parts: int = 1

    def map_images(
        self, forward: Callable[[FloatArray], Iterable[T]], images: FloatArray
    ) -> list[T]:
        """Return what `forward` gives for each of the images `(N, grid, grid)`.

        Raises LearningError where not even one image fits.
        """
        count = len(images)

        def work(parts: int) -> list[T]:
            return [one for some in np.array_split(images, parts) for one in forward(some)]

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
