"""The robot reader: it knows the truth, and reads cases through the same services as people.

Its target mask for an image is the truth with a seeded, smooth noise at the boundary. The target is
the same in every round and in both arms of a simulation, as one person's drawing would be. Only
this module and `selectors/rounds/against_truth.py`, which measures, read the masks of Truth rows.
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
from annotation.services.reading import drafts, leases, next_case, submission
from annotation.services.reading.candidates import mask_at
from mlloop.figures.metrics import count_pixels, dice
from mlloop.pixels.masks import decode_mask, encode_wire_mask

Mask = npt.NDArray[np.bool_]

ACCEPT_AT = 0.90
REDRAW_BELOW = 0.60
# The thresholds (t8) that the robot reader tries in an open read.
SLIDER_THRESHOLDS = range(16, 241, 16)
# Noise of about 1 % of the image: Dice of 0.90 to 0.97 with the truth for typical infections.
NOISE_AMPLITUDE = 0.010
NOISE_GRID = 10


@dataclass(slots=True)
class Tally:
    """Counts of the cases that one call of `read_cases` submitted."""

    verdicts: dict[str, int] = field(default_factory=dict)
    changed_pixels: int = 0
    changed_without_slider: int = 0
    redrawn_contour: int = 0
    n_read: int = 0
    no_truth: set[UUID] = field(default_factory=set)  # ids of images that were not read

    def add(self, annotation: Annotation, *, without_slider: int) -> None:
        """Count one annotation. `without_slider` is its changed pixels at the default threshold."""
        self.n_read += 1
        verdict = str(annotation.verdict)
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1
        self.changed_pixels += annotation.added_pixels + annotation.removed_pixels
        self.changed_without_slider += without_slider
        self.redrawn_contour += annotation.redrawn_contour


def target_mask(truth: Mask, *, seed: int, key: str) -> Mask:
    """Return the target: `truth` (H, W) bool, warped by a smooth field that (seed, key) give."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    amplitude = NOISE_AMPLITUDE * min(truth.shape)
    zoom = [side / NOISE_GRID for side in truth.shape]
    moved = [
        grid + amplitude * ndimage.zoom(random.normal(size=(NOISE_GRID, NOISE_GRID)), zoom)
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
    """Read up to `limit` cases of `purpose` as `reader` and return the counts.

    Images without truth are not read. A case without candidates is drawn: every seed and sealed
    case, and every case of the manual arm.
    """
    tally = Tally()
    label = label_of(project, "infection")
    while limit is None or tally.n_read < limit:
        assignment = next_case.lease_next_case(
            project=project, reader=reader, purpose=purpose, skip_images=tally.no_truth
        )
        if assignment is None:
            break
        truth = Truth.objects.filter(image=assignment.image, label=label).first()
        if truth is None:
            tally.no_truth.add(assignment.image_id)
            leases.give_back_case(assignment=assignment, reader=reader)
            continue
        target = target_mask(
            decode_mask(storage.read(truth.mask_key)), seed=seed, key=assignment.image.pixel_sha256
        )
        choice = _choose(tuple(assignment.candidates.all()), target)
        without_slider = _cost(choice, target)
        if not assignment.is_blind:
            choice = _slide(choice, target)
        annotation = _submit(assignment, label, target, choice)
        tally.add(annotation, without_slider=without_slider)
        if progress:
            progress(tally.n_read)
    return tally


@dataclass(frozen=True, slots=True)
class _Choice:
    """A candidate's mask at a threshold, and its Dice with the target."""

    candidate: Candidate | None
    threshold: int | None
    mask: Mask
    agreement: float


def _choose(candidates: Collection[Candidate], target: Mask) -> _Choice:
    """Return the candidate with the highest Dice with the target; of equal ones, the first."""
    best = _Choice(None, None, np.zeros_like(target), -1.0)
    for candidate in candidates:
        threshold = candidate.proposal.threshold if candidate.proposal else None
        mask = mask_at(candidate)
        considered = _Choice(candidate, threshold, mask, _agreement(mask, target))
        best = max(best, considered, key=lambda choice: choice.agreement)
    return best


def _slide(choice: _Choice, target: Mask) -> _Choice:
    """Return the choice at the threshold where it fits the target best."""
    best = choice
    if choice.candidate is None or choice.candidate.proposal is None:
        return best
    for threshold in SLIDER_THRESHOLDS:
        mask = mask_at(choice.candidate, threshold=threshold)
        considered = _Choice(choice.candidate, threshold, mask, _agreement(mask, target))
        best = max(best, considered, key=lambda choice: choice.agreement)
    return best


def _agreement(mask: Mask, target: Mask) -> float:
    value = dice(count_pixels(mask, target))
    return 1.0 if np.isnan(value) else value  # NaN: both are empty, so nothing has to change


def _cost(choice: _Choice, target: Mask) -> int:
    """Return how many pixels a reader changes to turn this choice into the target."""
    if choice.agreement < REDRAW_BELOW:
        return int(np.count_nonzero(target))
    is_accepted = choice.agreement >= ACCEPT_AT
    return 0 if is_accepted else int(np.count_nonzero(choice.mask ^ target))


def _submit(assignment: Assignment, label: Label, target: Mask, choice: _Choice) -> Annotation:
    """Accept, correct or redraw one case, submit it as a person would and return the annotation."""
    final = choice.mask if choice.agreement >= ACCEPT_AT else target
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
    submitted = submission.submit_annotation(
        assignment=assignment,
        reader=assignment.reader,
        client_id=uuid5(assignment.id, "robot"),
        label=label,
        decision="accept" if final.any() else "no_infection",
        draft_etag=etag,
        candidate=choice.candidate.id if choice.candidate and is_used else None,
        threshold=choice.threshold if is_used else None,
    )
    return submitted.annotation
