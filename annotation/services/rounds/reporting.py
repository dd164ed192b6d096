"""The evaluation report of a round: made once, from counts; no sealed mask or map is in it.

Sealed figures over fewer than 20 images are never written down, only that they are withheld.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from annotation.models import Image, Round
from annotation.round_figures import SealedCase
from annotation.selectors.rounds.sealed import MIN_SHOWN
from annotation.services.rounds.measuring import Measured
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
from mlloop.figures.metrics import Counts, dice, estimate, estimate_all, is_both_empty

Plain = dict[str, object]
WORST = 12
LARGE_AREA = Rule("1 % of the film", 0.01)
_BY = ("view", "group", "source", "infection size")


@dataclass(frozen=True, slots=True)
class _Row:
    """One image with what it may be grouped by."""

    patient: str
    found: Counts
    image: Image | None
    peak: int

    @property
    def share(self) -> float:
        """The infected share of the film, by its reference."""
        return (self.found.tp + self.found.fn) / max(1, self.pixels)

    @property
    def pixels(self) -> int:
        """The size of the film."""
        return self.found.tp + self.found.fp + self.found.fn + self.found.tn


def report_of(
    round: Round,
    *,
    sealed: Sequence[SealedCase],
    reliability: object,
    proposals: Mapping[str, Sequence[Measured]],
) -> Plain:
    """Return the report as plain JSON: sealed figures, out-of-fold figures, the worst cases."""
    unseen = list(proposals.get("ensemble", ()))
    images = Image.objects.in_bulk([case.image for case in sealed] + [one.image for one in unseen])
    by_id = {str(pk): image for pk, image in images.items()}
    own = [_Row(one.patient, one.found, by_id.get(one.image), 0) for one in unseen]
    return {
        "schema": 1,
        "round": round.number,
        "sealed": _sealed(
            [_Row(case.patient, case.counts, by_id.get(case.image), case.peak) for case in sealed],
            reliability,
        ),
        "out_of_fold": {"n": len(own), **_pixels(own), "subgroups": _subgroups(own, at_least=2)},
        "worst": _worst(unseen),
    }


def _sealed(rows: Sequence[_Row], reliability: object) -> Plain:
    if len(rows) < MIN_SHOWN:
        return {"n": len(rows), "hidden": _withheld(len(rows))}
    return {
        "n": len(rows),
        **_pixels(rows),
        "subgroups": _subgroups(rows, at_least=MIN_SHOWN),
        "detection": _detection(rows),
        "reliability": reliability,
    }


def _pixels(rows: Sequence[_Row]) -> Plain:
    found = estimate_all([row.found for row in rows], [row.patient for row in rows])
    return {"pixels": [one.as_json() for one in found]}


def _detection(rows: Sequence[_Row]) -> Plain:
    """Measure "infected or not, by the reference" by the predicted share and by the peak."""
    by_share = [_scored(row, (row.found.tp + row.found.fp) / row.pixels) for row in rows]
    by_peak = [_scored(row, row.peak / 255) for row in rows]
    return {
        "roc": _without_scores(roc_curve(by_share).as_json()),
        "auc_share": auc(by_share).as_json(),
        "auc_peak": auc(by_peak).as_json(),
        "rates": [
            one.as_json() for rule in (ANY_PIXEL, LARGE_AREA) for one in rates(by_share, rule)
        ],
        "sources": [_source(one) for one in auc_by_source(by_share)],
    }


def _without_scores(curve: Mapping[str, object]) -> Plain:
    """Leave out the thresholds: each is what one sealed image scored."""
    return {name: value for name, value in curve.items() if name != "thresholds"}


def _scored(row: _Row, score: float) -> ScoredImage:
    return ScoredImage(row.patient, _source_of(row), row.found.tp + row.found.fn > 0, score)


def _source(one: SourceAuc) -> Plain:
    if one.auc.n < MIN_SHOWN:
        hidden = _withheld(one.auc.n)  # what the source holds is no figure: it is always said
        return {"source": one.source, "n": one.auc.n, "hidden": hidden, "warning": one.warning}
    return {"n": one.auc.n, **one.as_json()}


def _subgroups(rows: Sequence[_Row], *, at_least: int) -> list[Plain]:
    found = []
    for by, name, chosen in _groups(rows):
        line: Plain = {"by": by, "name": name, "n": len(chosen)}
        if len(chosen) < at_least:
            line["hidden"] = _withheld(len(chosen), at_least)
        else:
            many, patients = [row.found for row in chosen], [row.patient for row in chosen]
            line["per_image"] = estimate(many, patients, convention="per_image").as_json()
            line["pooled"] = estimate(many, patients, convention="pooled").as_json()
        found.append(line)
    return found


def _groups(rows: Sequence[_Row]) -> Iterator[tuple[str, str, list[_Row]]]:
    with_infection = [row for row in rows if row.share > 0]
    if 0 < len(with_infection) < len(rows):
        yield "without controls", "infected films", with_infection
    infected = sorted(row.share for row in with_infection)
    cuts = [infected[len(infected) * i // 3] for i in (1, 2)] if len(infected) > 2 else []
    for by in _BY:
        named = [(_name(row, by, cuts), row) for row in rows]
        for name in sorted({name for name, _ in named if name}):
            yield (
                by,
                name[1:] if by == "infection size" else name,
                [row for own, row in named if own == name],
            )


def _name(row: _Row, by: str, cuts: Sequence[float]) -> str:
    """Return the subgroup of an image; that of a size begins with its rank, to sort by."""
    if by == "infection size":
        if not cuts or row.share == 0:
            return "0none" if row.share == 0 else ""
        low, high = (f"{cut:.1%}" for cut in cuts)
        names = (f"1under {low} of the film", f"2{low} to {high}", f"3{high} and more")
        return names[sum(row.share >= cut for cut in cuts)]
    if by == "source":
        return _source_of(row)
    if row.image is None:
        return ""
    return str(row.image.view_position if by == "view" else row.image.group)


def _source_of(row: _Row) -> str:
    return (str(row.image.source) if row.image else "") or "no source named"


def _worst(unseen: Sequence[Measured]) -> list[Plain]:
    """Return the unseen proposals of the lowest Dice, the larger reference first among equals.

    They are judged as proposed, which is how they are drawn.
    """
    judged = [one for one in unseen if not is_both_empty(one.proposed)]
    order = sorted(
        judged, key=lambda one: (dice(one.proposed), -one.proposed.tp - one.proposed.fn, one.image)
    )
    return [
        {
            "image": one.image,
            "dice": round(dice(one.proposed), 4),
            "reference_pixels": one.proposed.tp + one.proposed.fn,
            "proposal_pixels": one.proposed.tp + one.proposed.fp,
        }
        for one in order[:WORST]
    ]


def _withheld(n: int, at_least: int = MIN_SHOWN) -> str:
    return f"n = {n}: figures over fewer than {at_least} images are not shown"
