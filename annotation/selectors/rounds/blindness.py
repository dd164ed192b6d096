"""How well the readers' blind picks of a round hid the drawn mask, for curators.

Computed on request from the features that were stored with each candidate. No mask is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import numpy as np

from annotation.models import Assignment, Candidate, Round
from mlloop.figures.distinguishing import FEATURES, NamedFirst, Pick, named_first

MIN_PICKS = 20  # fewer picks teach a fit nothing
MOST_PICKS = 600  # the newest ones; a fit on these takes under a second


@dataclass(frozen=True, slots=True)
class Blindness:
    """The figure over a round's submitted picks; None if there are fewer than `MIN_PICKS`.

    `n_picks` counts the picks that have features. Picks of older versions have none.
    """

    n_picks: int
    found: NamedFirst | None

    @property
    def needed(self) -> int:
        """The number of picks from which the figure is shown."""
        return MIN_PICKS


def blindness_of(round: Round) -> Blindness | None:
    """Return how well the drawn mask was hidden; None for a round without submitted picks."""
    if round.stage != Round.Stage.STAGE_1:
        return None
    submitted = Assignment.objects.filter(
        round=round, purpose=Assignment.Purpose.PICK, state=Assignment.State.SUBMITTED
    ).order_by("-closed_at")
    patients = dict(submitted.values_list("id", "image__patient_id")[:MOST_PICKS])
    picks = _picks(patients)
    if not patients:
        return None
    return Blindness(len(picks), named_first(picks) if len(picks) >= MIN_PICKS else None)


def _picks(patients: dict[UUID, UUID]) -> list[Pick]:
    """Return the picks with a drawn mask, another mask, and all features."""
    rows: dict[UUID, list[tuple[bool, list[float]]]] = {pk: [] for pk in patients}
    candidates = Candidate.objects.filter(assignment__in=list(patients)).order_by("id")
    fields = ("assignment_id", "annotation_id", "features")
    for pk, drawn, features in candidates.values_list(*fields).iterator(chunk_size=500):
        values = [features[name] for name in FEATURES if name in features]
        rows[pk].append((drawn is not None, values))
    return [
        Pick(
            str(patients[pk]),
            np.array([values for _, values in masks], np.float64),
            next(i for i, (is_drawn, _) in enumerate(masks) if is_drawn),
        )
        for pk, masks in rows.items()
        if len(masks) > 1
        and any(is_drawn for is_drawn, _ in masks)
        and all(len(values) == len(FEATURES) for _, values in masks)
    ]
