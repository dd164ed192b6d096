"""The evaluation report of a round, made once from counts. It has no sealed mask and no sealed map.

Sealed figures over fewer than 20 images are not in the report. It has the number of images instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from annotation.models import Image, Round
from annotation.round_figures import SealedCase
from annotation.selectors.rounds.sealed import MIN_SHOWN
from annotation.services.rounds.measuring import Measured
from annotation.services.rounds.subgroups import (
    MeasuredImage,
    Plain,
    explain_hidden,
    measure_subgroups,
)
from mlloop.figures.detection import (
    ANY_PIXEL,
    Rule,
    ScoredImage,
    SourceAuc,
    auc,
    auc_by_source,
    rates,
    roc_curve,
)
from mlloop.figures.metrics import dice, estimate_all, is_both_empty

WORST = 12
LARGE_AREA = Rule("1 % of the film", 0.01)


def make_report(
    round: Round,
    *,
    sealed: Sequence[SealedCase],
    reliability: object,
    proposals: Mapping[str, Sequence[Measured]],
) -> Plain:
    """Return the report as plain JSON: sealed figures, out-of-fold figures, the worst cases."""
    unseen = list(proposals.get("ensemble", ()))
    ids = [*(case.image for case in sealed), *(measured.image for measured in unseen)]
    images = {str(pk): image for pk, image in Image.objects.in_bulk(ids).items()}
    sealed_images = [
        MeasuredImage(case.patient, case.counts, images.get(case.image), case.peak)
        for case in sealed
    ]
    unseen_images = [
        MeasuredImage(measured.patient, measured.crossed, images.get(measured.image))
        for measured in unseen
    ]
    return {
        "schema": 1,
        "round": round.number,
        "sealed": _sealed_part(sealed_images, reliability),
        "out_of_fold": {
            "n": len(unseen_images),
            "pixels": _pixel_figures(unseen_images),
            "subgroups": measure_subgroups(unseen_images, at_least=2),
        },
        "worst": _worst_cases(unseen),
    }


def _sealed_part(images: Sequence[MeasuredImage], reliability: object) -> Plain:
    if len(images) < MIN_SHOWN:
        return {"n": len(images), "hidden": explain_hidden(len(images))}
    return {
        "n": len(images),
        "pixels": _pixel_figures(images),
        "subgroups": measure_subgroups(images, at_least=MIN_SHOWN),
        "detection": _detection(images),
        "reliability": reliability,
    }


def _pixel_figures(images: Sequence[MeasuredImage]) -> list[Plain]:
    counts, patients = [image.counts for image in images], [image.patient for image in images]
    return [dict(estimate.as_json()) for estimate in estimate_all(counts, patients)]


def _detection(images: Sequence[MeasuredImage]) -> Plain:
    """Measure how well the predicted share, and the peak, tell infected films from the others."""
    by_share = [
        _scored(image, (image.counts.tp + image.counts.fp) / image.pixels) for image in images
    ]
    by_peak = [_scored(image, image.peak / 255) for image in images]
    return {
        "roc": _without_thresholds(roc_curve(by_share).as_json()),
        "auc_share": auc(by_share).as_json(),
        "auc_peak": auc(by_peak).as_json(),
        "rates": [
            rate.as_json() for rule in (ANY_PIXEL, LARGE_AREA) for rate in rates(by_share, rule)
        ],
        "sources": [_source_line(source) for source in auc_by_source(by_share)],
    }


def _without_thresholds(curve: Mapping[str, object]) -> Plain:
    """Leave out the thresholds: each one is the score of a sealed image."""
    return {name: value for name, value in curve.items() if name != "thresholds"}


def _scored(image: MeasuredImage, score: float) -> ScoredImage:
    return ScoredImage(image.patient, image.source, image.share > 0, score)


def _source_line(source: SourceAuc) -> Plain:
    n = source.auc.n
    if n < MIN_SHOWN:
        # The warning says which classes the source has. It is not a figure, so it is always shown.
        line: Plain = {"source": source.source, "n": n, "hidden": explain_hidden(n)}
        return {**line, "warning": source.warning}
    return {"n": n, **source.as_json()}


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
