"""The robot reader: it reads cases through the same services as people, guided by hidden truth.

Its wish for an image is the truth with a seeded, smooth boundary noise: the same wish in every
round and both arms, as one human hand would have. Beside `selectors/simulated.py`, which measures,
this is the only reader of Truth rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from uuid import UUID, uuid5

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from annotation import storage
from annotation.models import Annotation, Assignment, Candidate, Label, Project, Truth, User
from annotation.selectors.labels import label_of
from annotation.services.reading import drafts, leases, submission
from annotation.services.reading.candidates import mask_at
from mlloop.figures.metrics import count_pixels, dice
from mlloop.pixels.masks import decode_mask, encode_wire_mask

Mask = npt.NDArray[np.bool_]

ACCEPT_AT = 0.90
REDRAW_BELOW = 0.60
# Where the hand stops on the threshold slider of an open read, in t8.
SLIDER = range(16, 241, 16)
# A tremor of about 1 % of the image: Dice of 0.90 to 0.97 with the truth for typical infections.
TREMOR = 0.010
TREMOR_GRID = 10


@dataclass(slots=True)
class Tally:
    """What a stint of reading came to."""

    verdicts: dict[str, int] = field(default_factory=dict)
    changed_pixels: int = 0
    changed_without_slider: int = 0
    redrawn_contour: int = 0
    n_read: int = 0
    no_truth: set[UUID] = field(default_factory=set)

    def add(self, annotation: Annotation, *, without_slider: int) -> None:
        """Count one submitted annotation, and what it would have cost at the given thresholds."""
        self.n_read += 1
        verdict = str(annotation.verdict)
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1
        self.changed_pixels += annotation.added_pixels + annotation.removed_pixels
        self.changed_without_slider += without_slider
        self.redrawn_contour += annotation.redrawn_contour


def wish_of(truth: Mask, *, seed: int, key: str) -> Mask:
    """Return the robot's wish: `truth` (H, W) bool, warped by a smooth field of (seed, key)."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    amplitude = TREMOR * min(truth.shape)
    zoom = [side / TREMOR_GRID for side in truth.shape]
    moved = [
        grid + amplitude * ndimage.zoom(random.normal(size=(TREMOR_GRID, TREMOR_GRID)), zoom)
        for grid in np.indices(truth.shape)
    ]
    warped = ndimage.map_coordinates(truth.astype(np.uint8), moved, order=0, mode="nearest")
    return np.asarray(warped, dtype=np.bool_)


def read_cases(
    *,
    project: Project,
    reader: User,
    purpose: str,
    seed: int,
    limit: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Tally:
    """Read up to `limit` cases of `purpose` as `reader`; images without truth stay unread.

    A seed or sealed case has no candidates and is drawn: so is everything in the manual arm.
    """
    tally = Tally()
    label = label_of(project, "infection")
    while limit is None or tally.n_read < limit:
        assignment = leases.lease_next(
            project=project, reader=reader, purpose=purpose, skip_images=tally.no_truth
        )
        if assignment is None:
            break
        truth = Truth.objects.filter(image=assignment.image, label=label).first()
        if truth is None:
            tally.no_truth.add(assignment.image_id)
            leases.give_back(assignment=assignment, reader=reader)
            continue
        wish = wish_of(
            decode_mask(storage.read(truth.mask_key)), seed=seed, key=assignment.image.pixel_sha256
        )
        choice = _choose(tuple(assignment.candidates.all()), wish)
        without_slider = _cost(choice, wish)
        if not assignment.is_blind:
            choice = _slide(choice, wish)
        annotation = _submit(assignment, label, wish, choice)
        tally.add(annotation, without_slider=without_slider)
        if progress:
            progress(tally.n_read)
    return tally


@dataclass(frozen=True, slots=True)
class _Choice:
    """A candidate as it is looked at: its mask at a threshold, and its Dice to the wish."""

    candidate: Candidate | None
    threshold: int | None
    mask: Mask
    agreement: float


def _choose(candidates: Collection[Candidate], wish: Mask) -> _Choice:
    """Return the candidate with the highest Dice to the wish, the first of equals."""
    best = _Choice(None, None, np.zeros_like(wish), -1.0)
    for candidate in candidates:
        threshold = candidate.proposal.threshold if candidate.proposal else None
        mask = mask_at(candidate)
        looked_at = _Choice(candidate, threshold, mask, _agreement(mask, wish))
        best = max(best, looked_at, key=lambda choice: choice.agreement)
    return best


def _slide(choice: _Choice, wish: Mask) -> _Choice:
    """Move the threshold of the chosen candidate to where it fits the wish best."""
    best = choice
    if choice.candidate is None or choice.candidate.proposal is None:
        return best
    for threshold in SLIDER:
        mask = mask_at(choice.candidate, threshold=threshold)
        looked_at = _Choice(choice.candidate, threshold, mask, _agreement(mask, wish))
        best = max(best, looked_at, key=lambda choice: choice.agreement)
    return best


def _agreement(mask: Mask, wish: Mask) -> float:
    value = dice(count_pixels(mask, wish))
    return 1.0 if np.isnan(value) else value  # both empty: nothing to change


def _cost(choice: _Choice, wish: Mask) -> int:
    """Return the pixels that making the wish of this choice changes."""
    if choice.agreement < REDRAW_BELOW:
        return int(np.count_nonzero(wish))
    is_accepted = choice.agreement >= ACCEPT_AT
    return 0 if is_accepted else int(np.count_nonzero(choice.mask ^ wish))


def _submit(assignment: Assignment, label: Label, wish: Mask, choice: _Choice) -> Annotation:
    """Accept, correct or redraw one case, and submit it as a person would."""
    final = choice.mask if choice.agreement >= ACCEPT_AT else wish
    is_used = choice.agreement >= REDRAW_BELOW and final.any()
    etag = None
    if final.any():
        saved = drafts.save_draft(
            assignment=assignment,
            reader=assignment.reader,
            label=label,
            png=encode_wire_mask(final),
            if_match=None,
            if_none_match="*",
            stroke=1,
        )
        etag = saved.etag
    return submission.submit(
        assignment=assignment,
        reader=assignment.reader,
        client_id=uuid5(assignment.id, "robot"),
        label=label,
        decision="accept" if final.any() else "no_infection",
        draft_etag=etag,
        candidate=choice.candidate.id if choice.candidate and is_used else None,
        threshold=choice.threshold if is_used else None,
    )
