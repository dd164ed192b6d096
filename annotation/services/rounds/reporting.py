"""The evaluation report of a round, made once from counts. It has no sealed mask and no sealed map.

Sealed figures are over whole cells of sealed images, which have 20 images or more, and rounded to
three decimals. So no sealed figure, and no difference of sealed figures, is about fewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from annotation.models import Image, Round
from annotation.round_figures import SealedCase
from annotation.selectors.rounds.cells import MIN_FILMS
from annotation.selectors.rounds.sealed import rounded
from annotation.services.rounds.measuring import Measured
from annotation.services.rounds.subgroups import (
    HIDDEN,
    MeasuredImage,
    Plain,
    hide_small,
    measure_sealed_subgroups,
    measure_subgroups,
    of_whole_cells,
)
from mlloop.figures.detection import (
    ANY_PIXEL,
    Rule,
    ScoredImage,
    auc,
    auc_by_source,
    rates,
    roc_curve,
)
from mlloop.figures.metrics import Estimate, dice, estimate_all, is_both_empty

SCHEMA = 2  # 1: sealed figures of any films
WORST = 12
LARGE_AREA = Rule("1 % of the film", 0.01)


def make_report(
    round: Round,
    *,
    sealed: Sequence[SealedCase],
    reliability: object,
    proposals: Mapping[str, Sequence[Measured]],
    waiting: int = 0,
) -> Plain:
    """Return the report as plain JSON: sealed figures, out-of-fold figures, the worst cases.

    `waiting` is the number of sealed images that are read but not measured yet.
    """
    unseen = list(proposals.get("ensemble", ()))
    ids = [*(case.image for case in sealed), *(measured.image for measured in unseen)]
    images = {str(pk): image for pk, image in Image.objects.in_bulk(ids).items()}
    sealed_images = [
        MeasuredImage(case.patient, case.counts, images.get(case.image), case.peak, case.cell)
        for case in sealed
    ]
    unseen_images = [
        MeasuredImage(measured.patient, measured.crossed, images.get(measured.image))
        for measured in unseen
    ]
    return {
        "schema": SCHEMA,
        "round": round.number,
        "sealed": _sealed_part(sealed_images, reliability, waiting),
        "out_of_fold": {
            "n": len(unseen_images),
            "pixels": [dict(figure.as_json()) for figure in _pixel_figures(unseen_images)],
            "subgroups": measure_subgroups(unseen_images, at_least=2),
        },
        "worst": _worst_cases(unseen),
    }


def _sealed_part(images: Sequence[MeasuredImage], reliability: object, waiting: int) -> Plain:
    shown = of_whole_cells(images, images)
    if len(shown) < MIN_FILMS:
        n = len(images) + waiting
        why = f"n = {n}: figures need {MIN_FILMS} infected sealed images or more"
        return {"n": n, "hidden": why}
    return {
        "n": len(shown),
        "waiting": waiting,
        "pixels": [hide_small(figure) for figure in _pixel_figures(shown)],
        "subgroups": measure_sealed_subgroups(shown),
        "detection": rounded(_detection(shown)),
        "reliability": rounded(_coarse_pixels(reliability)),
    }


def _coarse_pixels(value: object) -> object:
    """Return a reliability with its numbers of pixels rounded to three digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(float(f"{value:.3g}"))
    if isinstance(value, Mapping):
        return {name: _coarse_pixels(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_coarse_pixels(item) for item in value]
    return value


def _pixel_figures(images: Sequence[MeasuredImage]) -> Sequence[Estimate]:
    counts, patients = [image.counts for image in images], [image.patient for image in images]
    return estimate_all(counts, patients)


def _detection(images: Sequence[MeasuredImage]) -> Plain:
    """Measure how well the predicted share, and the peak, tell infected films from the others."""
    by_share = [_scored(image, _predicted_share(image)) for image in images]
    by_peak = [_scored(image, image.peak / 255) for image in images]
    return {
        "roc": _without_thresholds(roc_curve(by_share).as_json()),
        "auc_share": auc(by_share).as_json(),
        "auc_peak": auc(by_peak).as_json(),
        "rates": [
            rate.as_json() for rule in (ANY_PIXEL, LARGE_AREA) for rate in rates(by_share, rule)
        ],
        "sources": _source_lines(images),
    }


def _source_lines(images: Sequence[MeasuredImage]) -> list[Plain]:
    """Return the AUC within each source, from its whole cells."""
    lines: list[Plain] = []
    for source in sorted({image.source for image in images}):
        members = [image for image in images if image.source == source]
        shown = of_whole_cells(images, members)
        if len(shown) < MIN_FILMS:
            # Not even a warning: the class of all its images would say what their masks are.
            lines.append({"source": source, "hidden": HIDDEN})
            continue
        scored = [_scored(image, _predicted_share(image)) for image in shown]
        lines += [{"n": len(shown), **found.as_json()} for found in auc_by_source(scored)]
    return lines


def _predicted_share(image: MeasuredImage) -> float:
    return (image.counts.tp + image.counts.fp) / image.pixels


def _without_thresholds(curve: Mapping[str, object]) -> Plain:
    """Leave out the thresholds: each one is the score of a sealed image."""
    return {name: value for name, value in curve.items() if name != "thresholds"}


def _scored(image: MeasuredImage, score: float) -> ScoredImage:
    return ScoredImage(image.patient, image.source, image.share > 0, score)


def _worst_cases(unseen: Sequence[Measured]) -> list[Plain]:
    """Return the unseen proposals with the lowest Dice; of equal ones, the larger reference first.

    Dice is counted on the masks as proposed, because the page draws these masks.
    """
    judged = [measured for measured in unseen if not is_both_empty(measured.proposed)]
    order = sorted(
        judged,
        key=lambda measured: (
            dice(measured.proposed),
            -measured.proposed.tp - measured.proposed.fn,
            measured.image,
        ),
    )
    return [
        {
            "image": measured.image,
            "dice": round(dice(measured.proposed), 4),
            "reference_pixels": measured.proposed.tp + measured.proposed.fn,
            "proposal_pixels": measured.proposed.tp + measured.proposed.fp,
        }
        for measured in order[:WORST]
    ]
