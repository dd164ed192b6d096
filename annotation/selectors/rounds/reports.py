"""A round's evaluation report as people may see it, and the overlays of its worst cases."""

from __future__ import annotations

import json
from typing import cast
from uuid import UUID

from annotation import storage
from annotation.errors import NotFound
from annotation.models import Proposal, Round
from annotation.selectors.blindness import count_unblinded, open_since
from annotation.selectors.images import image_of, is_unreadable
from annotation.selectors.labels import READING_LABEL
from annotation.selectors.rounds.records import ensemble_t8, round_snapshot, threshold_choice
from annotation.selectors.rounds.sealed import OLDER, sealed_history, shown_metrics
from mlloop.pixels.images import FULL_WINDOW, decode_image, preview8
from mlloop.pixels.masks import decode_mask, decode_probability
from mlloop.pixels.overlays import draw_outlines
from mlloop.pixels.raster import threshold_mask

Plain = dict[str, object]
SIDE = 480
REFERENCE, PROPOSAL = (255, 176, 64), (110, 190, 255)  # orange and blue, as on the pages


def has_report(round: Round) -> bool:
    """Return whether the round has a report. Rounds of versions without reports have none."""
    return bool(round.report_key)


def shown_report(round: Round, *, may_see_worst: bool) -> Plain:
    """Return the whole report: the stored figures, the curves, the history and the gate.

    A reader may still get one of the worst cases as a blind case. So without `may_see_worst` the
    report does not name their images. Raises NotFound before the round is measured.
    """
    stored = _stored(round)
    metrics = shown_metrics(round)
    return {
        **stored,
        "sealed": _shown_sealed(stored),
        "look": metrics.get("look"),
        "worst": stored["worst"] if may_see_worst else _without_images(stored["worst"]),
        "project": round.project.slug,
        "stage": str(round.stage),
        "plan": round.plan,
        "folds": round.folds,
        "learning_curves": [
            {"network": member.network, "fold": member.fold, "epochs": member.history}
            for member in round.members.order_by("network", "fold")
        ],
        "sealed_history": [
            {
                "round": point.number,
                "value": point.value,
                "ci_low": point.low,
                "ci_high": point.high,
                "n": point.n,
            }
            for point in sealed_history(round.project)
            if point.number <= round.number
        ],
        "activation": metrics.get("activation") or {},
        "choice": threshold_choice(round),
        "t8": ensemble_t8(round),
        "calibration": metrics.get("calibration"),
        "gate": metrics.get("gate"),
        "leaks": metrics.get("leaks"),
        "sealed_looks": metrics.get("sealed_looks"),
        "open_since": open_since(round.project),
        "reads_not_blind": count_unblinded(round.project),
    }


def worst_case_overlay(round: Round, image_id: UUID) -> bytes:
    """Return a PNG of one of the worst out-of-fold cases with reference and proposal outlined.

    Raises NotFound for any other image and for a withdrawn one. Sealed images have no proposal.
    """
    worst = {str(line["image"]) for line in cast("list[Plain]", _stored(round)["worst"])}
    image = image_of(project=round.project, image_id=image_id)
    proposal = Proposal.objects.filter(
        round=round, image=image, kind="ensemble", label__key=READING_LABEL
    ).first()
    case = next((row for row in round_snapshot(round).train if row.image == str(image_id)), None)
    if str(image_id) not in worst or is_unreadable(image) or proposal is None or case is None:
        raise NotFound("This image is not among the worst cases of the round.")
    shape = (image.height, image.width)
    p8 = decode_probability(storage.read(proposal.probability_key))
    outlines = [(threshold_mask(p8, shape=shape, t8=proposal.threshold), PROPOSAL)]
    if case.mask_key:
        outlines.append((decode_mask(storage.read(case.mask_key), shape=shape), REFERENCE))
    shown = decode_image(storage.read(image.preview_key), min_side=1).pixels
    return draw_outlines(preview8(shown, window=FULL_WINDOW, side=SIDE), outlines)


def _shown_sealed(stored: Plain) -> object:
    """Return the sealed part of a report; of a report of an older version, only that it is old."""
    if stored["schema"] == 1 and "hidden" not in cast("Plain", stored["sealed"]):
        return {"n": cast("Plain", stored["sealed"])["n"], "hidden": OLDER}
    return stored["sealed"]


def _without_images(worst: object) -> list[Plain]:
    lines = cast("list[Plain]", worst)
    return [{name: line[name] for name in line if name != "image"} for line in lines]


def _stored(round: Round) -> Plain:
    if not has_report(round):
        raise NotFound(f"Round {round.number} has no report: it was not measured yet.")
    stored: Plain = json.loads(storage.read(round.report_key))
    return stored
