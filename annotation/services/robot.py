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
from annotation.services import drafts, leases, submission
from mlloop.masks import decode_mask, encode_wire_mask
from mlloop.metrics import counts, dice

Mask = npt.NDArray[np.bool_]

ACCEPT_AT = 0.90
REDRAW_BELOW = 0.60
# A tremor of about 1 % of the image: Dice of 0.90 to 0.97 with the truth for typical infections.
TREMOR = 0.010
TREMOR_GRID = 10


@dataclass(slots=True)
class Tally:
    """What a stint of reading came to."""

    verdicts: dict[str, int] = field(default_factory=dict)
    changed_pixels: int = 0
    redrawn_contour: int = 0
    n_read: int = 0
    no_truth: set[UUID] = field(default_factory=set)

    def add(self, annotation: Annotation) -> None:
        """Count one submitted annotation."""
        self.n_read += 1
        verdict = str(annotation.verdict)
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1
        self.changed_pixels += annotation.added_pixels + annotation.removed_pixels
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
        tally.add(_read(assignment, label, wish, tuple(assignment.candidates.all())))
        if progress:
            progress(tally.n_read)
    return tally


def _read(
    assignment: Assignment, label: Label, wish: Mask, candidates: Collection[Candidate]
) -> Annotation:
    """Pick, correct or redraw one case, and submit it as a person would."""
    best, mask = _best_candidate(candidates, wish)
    agreement = dice(counts(mask, wish)) if best else 0.0
    if np.isnan(agreement):  # both empty: nothing to change
        agreement = 1.0
    if agreement < REDRAW_BELOW:
        best = None
    final = mask if best and agreement >= ACCEPT_AT else wish
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
        candidate=best.id if best and final.any() else None,
        threshold=best.proposal.threshold if best and best.proposal and final.any() else None,
    )


def _best_candidate(candidates: Collection[Candidate], wish: Mask) -> tuple[Candidate | None, Mask]:
    """Return the candidate with the highest Dice to the wish, and its mask."""
    best: Candidate | None = None
    best_mask, best_dice = np.zeros_like(wish), -1.0
    for candidate in candidates:
        mask = decode_mask(storage.read(candidate.mask_key))
        value = dice(counts(mask, wish))
        value = 1.0 if np.isnan(value) else value
        if value > best_dice:
            best, best_mask, best_dice = candidate, mask, value
    return best, best_mask
