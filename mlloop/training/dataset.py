"""Training cases in memory: reading, the inner split, batches and augmentation.

Records whose images were really read: the card's list of patients comes from here, never from a
plan. Every draw is a pure function of (seed, step, image), so a resumed run repeats it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import math
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlloop.contract.errors import LearningError
from mlloop.contract.manifest import Case
from mlloop.contract.plan import Augment, Plan
from mlloop.pixels.arrays import BoolArray, FloatArray
from mlloop.pixels.images import ImageError, load_mask_target, load_network_input
from mlloop.pixels.masks import MaskError, decode_mask

CACHE_BYTES = 512 * 2**20
NO_INNER = "Nobody could be set aside to choose the epoch on: the last one is kept."


def seeded(*parts: object) -> np.random.Generator:
    """Return a random generator that depends on `parts` and nothing else."""
    key = int.from_bytes(_digest(*parts)[:16], "big")
    return np.random.Generator(np.random.Philox(key))


def _digest(*parts: object) -> bytes:
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()


@dataclass(slots=True)
class CaseReader:
    """Reads cases at the grid, keeps them up to a cap, and remembers the patients it read.

    Several threads may read at once.
    """

    grid: int
    cache_bytes: int = CACHE_BYTES
    loaded_patients: set[str] = field(default_factory=set)
    _kept: dict[str, FloatArray] = field(default_factory=dict)
    _used: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def image(self, case: Case) -> FloatArray:
        """Return the network input `(grid, grid) float32`, or raise LearningError."""
        return self._read(case, "image")

    def target(self, case: Case) -> FloatArray:
        """Return the covered share `(grid, grid) float32`; no mask means nothing is covered."""
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
    """Read the truth of a sealed case at image size `(H, W) bool`; no mask means it is empty."""
    shape = (case.height, case.width)
    if case.mask_path is None:
        return np.zeros(shape, np.bool_)
    with _readable(case, "mask"):
        return decode_mask(Path(case.mask_path).read_bytes(), shape=shape)


def _read_file(case: Case, kind: str, grid: int) -> FloatArray:
    with _readable(case, kind):
        if kind == "image":
            return load_network_input(case.image_path, grid)
        return load_mask_target(case.mask_path or "", grid)


@contextlib.contextmanager
def _readable(case: Case, kind: str) -> Iterator[None]:
    """Turn whatever is wrong with a file into a LearningError that names the case."""
    try:
        yield
    except (ImageError, MaskError) as error:
        reason = str(error)
    except OSError as error:
        reason = f"The file cannot be read: {error.strerror}."
    else:
        return
    raise LearningError(f"unreadable_{kind}", f"The {kind} of {case.image} is unusable: {reason}")


class Split(NamedTuple):
    """Training cases apart by use: `inner` only decides which epoch is kept."""

    positives: tuple[Case, ...]
    negatives: tuple[Case, ...]
    inner: tuple[Case, ...]

    @property
    def inner_patients(self) -> tuple[str, ...]:
        """The patients set aside, in order."""
        return tuple(sorted({case.patient for case in self.inner}))


def split_cases(
    cases: Sequence[Case], plan: Plan, reader: CaseReader, *, taught: Collection[str] = ()
) -> Split:
    """Set whole patients aside for early stopping, with and without infection, as `split_by` does.

    Reads the masks, since only pixels tell whether a mask is empty.
    """
    positive = {case.image for case in cases if reader.target(case).max() > 0}
    if not positive:
        raise LearningError(
            "no_positive_patient",
            "No training image outside this fold has an infection mask that is not empty."
            " Read more images with infection, or use fewer folds.",
        )
    return split_by(cases, positive, plan, taught=taught)


def split_by(
    cases: Sequence[Case],
    positive: Collection[str],
    plan: Plan,
    *,
    taught: Collection[str] = (),
) -> Split:
    """Set whole patients aside: those whose own hash falls below the plan's `inner_fraction`.

    Neither seed nor pool move a hash, so whom one round sets aside the next does too, and a warm
    start chooses its epoch on nobody its weights have learned. Where the two could part (another
    fraction, a small pool) nobody in `taught` is set aside: whom the weights of a warm start
    have learned already.

    Where no hash falls below, the patient nearest to it is set aside; one patient with an image in
    `positive` and one without always stay to learn from. Where nobody with an image in `positive`
    can be set aside nobody is, since the others alone say nothing, and the last epoch is kept.
    """
    sick = {case.patient for case in cases if case.image in positive}
    well = {case.patient for case in cases} - sick
    inner = _aside(sick, plan, taught)
    if inner:
        inner |= _aside(well, plan, taught)
    kept = [case for case in cases if case.patient not in inner]
    return Split(
        positives=tuple(case for case in kept if case.image in positive),
        negatives=tuple(case for case in kept if case.image not in positive),
        inner=tuple(case for case in cases if case.patient in inner),
    )


def _aside(patients: set[str], plan: Plan, taught: Collection[str]) -> set[str]:
    if len(patients) < 2:
        return set()
    free = sorted(patients.difference(taught), key=_share)
    aside = {one for one in free if _share(one) < plan.inner_fraction} or set(free[:1])
    return aside - {free[-1]} if aside == patients else aside


def _share(patient: str) -> float:
    """Return a number from 0 to below 1 that depends on the patient alone."""
    return int.from_bytes(_digest("inner", patient)[:6], "big") / 2**48


def batch_cases(split: Split, plan: Plan, seed: int, step: int) -> list[Case]:
    """Return the cases of one step: a fixed share with infection, each kind in seeded rounds."""
    sick = plan.batch_size
    if split.negatives:
        sick = min(max(1, round(plan.batch_size * plan.positive_share)), plan.batch_size)
    well = plan.batch_size - sick
    return [
        *_stretch(split.positives, sick, seed, step, "sick"),
        *_controls(split.negatives, well, seed, step, is_balanced=plan.balance_groups),
    ]


def _controls(
    pool: Sequence[Case], count: int, seed: int, step: int, *, is_balanced: bool
) -> list[Case]:
    groups = sorted({case.group for case in pool})
    if not is_balanced or len(groups) < 2:
        return _stretch(pool, count, seed, step, "well")
    pools = {group: [case for case in pool if case.group == group] for group in groups}
    chosen = []
    # Places are dealt to the groups in turn, over the ends of batches.
    for place in range(step * count, (step + 1) * count):
        turn, group = place // len(groups), groups[place % len(groups)]
        chosen += _stretch(pools[group], 1, seed, turn, f"well/{group}")
    return chosen


def _stretch(pool: Sequence[Case], count: int, seed: int, step: int, name: str) -> list[Case]:
    """Walk through reshuffled rounds of the pool, so that no image is left out by chance."""
    chosen = []
    for position in range(step * count, (step + 1) * count):
        turn, place = divmod(position, len(pool))
        chosen.append(pool[_order(seed, name, turn, len(pool))[place]])
    return chosen


@functools.lru_cache(maxsize=8)
def _order(seed: int, name: str, turn: int, count: int) -> tuple[int, ...]:
    return tuple(seeded(seed, "order", name, turn).permutation(count).tolist())


def training_batch(
    cases: Sequence[Case], reader: CaseReader, augment: Augment, seed: int, step: int
) -> tuple[Tensor, Tensor]:
    """Return augmented inputs and targets, each `(N, 1, grid, grid) float32`."""
    images = torch.from_numpy(np.stack([reader.image(case) for case in cases])[:, None])
    targets = torch.from_numpy(np.stack([reader.target(case) for case in cases])[:, None])
    draws = [draw_change(augment, seeded(seed, step, case.image), reader.grid) for case in cases]
    matrices = torch.from_numpy(np.stack([draw.matrix for draw in draws]))
    field_ = F.affine_grid(matrices, list(images.shape), align_corners=False)
    fill = {"black": "zeros", "nearest": "border"}[augment.fill]
    images = F.grid_sample(images, field_, padding_mode=fill, align_corners=False)
    targets = F.grid_sample(targets, field_, padding_mode=fill, align_corners=False)
    for i, draw in enumerate(draws):
        exposed = images[i].clamp(1e-4, 1) ** draw.gamma
        mean = exposed.mean()
        images[i] = (exposed - mean) * draw.contrast + mean + torch.from_numpy(draw.noise)
    return images, targets


class Change(NamedTuple):
    """What augmentation does to one image."""

    matrix: FloatArray
    gamma: float
    contrast: float
    noise: FloatArray


def draw_change(augment: Augment, rng: np.random.Generator, grid: int) -> Change:
    """Draw a rotation, zoom, shift, shear and exposure within the limits of `augment`."""
    spread = rng.uniform(-1, 1, size=6)
    flip, noise_level = rng.uniform(size=2)
    angle = math.radians(spread[0] * augment.rotate_degrees)
    zoom = (1 + augment.zoom) ** spread[1]
    mirror = -1.0 if flip < augment.flip else 1.0
    cos, sin = math.cos(angle) * zoom, math.sin(angle) * zoom
    # affine_grid counts in half images, so a shift of 0.1 of the width is 0.2 here.
    shift_x, shift_y = 2 * augment.shift * spread[2], 2 * augment.shift * spread[3]
    noise = rng.standard_normal((1, grid, grid), dtype=np.float32)
    slant = math.tan(math.radians(rng.uniform(-1, 1) * augment.shear_degrees))
    matrix = [
        [cos * mirror, -sin + cos * mirror * slant, shift_x],
        [sin * mirror, cos + sin * mirror * slant, shift_y],
    ]
    return Change(
        matrix=np.array(matrix, np.float32),
        gamma=math.exp(spread[4] * augment.gamma),
        contrast=1 + spread[5] * augment.contrast,
        noise=noise * np.float32(noise_level * augment.noise),
    )
