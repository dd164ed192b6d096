"""The statistical gate: may a round's proposals replace the proposals that readers see now?

A round is compared with the serving round on the sealed images of the cells that both measured
whole: on all of them, and on each subgroup. Subgroups are by group, view, source and infection
size, as far as they are of whole cells. The lower end of the 95 % interval of the paired
difference, by patient, may not fall below the plan's margin.

Pooled Dice is compared. A subgroup without any infection has no Dice, so two figures are compared:
pooled specificity of the pixels, and the share of films on which no pixel is called infected.
A subgroup of fewer than two patients has no interval. It is named and not judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from annotation.models import Image, Round
from annotation.round_figures import Gate, GateCheck, GateConvention, SealedCase
from annotation.selectors.rounds.cells import MIN_FILMS, SMALL_INFECTION, in_whole_cells
from annotation.selectors.rounds.gate_sentences import passed_sentence, refused_sentence
from annotation.selectors.rounds.looks import whole_cells_of_both
from annotation.selectors.rounds.sealed import DIGITS, measured_cases
from mlloop.contract.plan import Plan
from mlloop.figures.metrics import Counts, MetricName, paired_bootstrap


@dataclass(frozen=True, slots=True)
class _Pair:
    """One sealed image as both rounds segmented it."""

    patient: str
    new: Counts
    old: Counts
    subgroups: tuple[str, ...]
    cell: int


def judge_round(round: Round, cases: Sequence[SealedCase], *, waiting: int = 0) -> Gate:
    """Compare a round's sealed counts with the serving round's and return the gate's answer.

    `waiting` is the number of sealed images that are read but not measured yet.
    """
    plan = Plan.from_json(round.plan)
    if len(cases) < MIN_FILMS:
        return _not_measured(
            plan,
            f"{len(cases) + waiting} sealed images are read; at least {MIN_FILMS} infected ones are"
            " needed to judge a round.",
        )
    serving = round.project.rounds.filter(state=Round.State.SERVING).first()
    if serving is None:
        sentence = "No round serves yet: there is nothing to be worse than."
        return Gate("passed", sentence, plan.margin, None)
    pairs = _pairs(cases, measured_cases(serving))
    if len(pairs) < MIN_FILMS:
        return _not_measured(
            plan,
            f"Round {serving.number} was measured on too few of these sealed images: at least"
            f" {MIN_FILMS} are needed to compare.",
            serving,
        )
    checks = tuple(
        check for name, chosen in _subgroups(pairs) for check in _checks(name, chosen, plan)
    )
    if checks[0].holds is None:
        return _not_measured(
            plan,
            f"The {len(pairs)} sealed images are of fewer than two patients: no interval by patient"
            " can be drawn.",
            serving,
            checks,
        )
    worse = [check for check in checks if check.holds is False]
    if worse:
        return Gate(
            "refused", refused_sentence(worse, serving), plan.margin, serving.number, checks
        )
    sentence = passed_sentence(checks, serving, plan)
    return Gate("passed", sentence, plan.margin, serving.number, checks)


def may_override(round: Round) -> bool:
    """Return whether the gate refused this round and no later round was promoted since."""
    gate = round.figures.gate
    if round.state != Round.State.REFUSED or gate is None or gate.outcome != "refused":
        return False
    promoted = (Round.State.SERVING, Round.State.SUPERSEDED)
    later = round.project.rounds.filter(number__gt=round.number, state__in=promoted)
    return not later.exists()


def _not_measured(
    plan: Plan, why: str, serving: Round | None = None, checks: tuple[GateCheck, ...] = ()
) -> Gate:
    number = serving.number if serving else None
    return Gate("not_measured", f"{why} An engineer decides.", plan.margin, number, checks)


def _checks(name: str, pairs: Sequence[_Pair], plan: Plan) -> Iterator[GateCheck]:
    if any(_reference_pixels(pair.new) for pair in pairs):
        yield _check(name, pairs, metric="dice", convention="pooled", margin=plan.margin)
        return
    # One false speckle on each film hardly changes the pixel figure, but each film is a false
    # alarm. Once every film has a speckle, only the pixel figure can still get worse. So both are
    # checked.
    yield _check(name, pairs, metric="specificity", convention="pooled", margin=plan.margin)
    films = [replace(pair, new=_as_film(pair.new), old=_as_film(pair.old)) for pair in pairs]
    yield _check(
        name, films, metric="specificity", convention="image_level", margin=plan.control_margin
    )


def _as_film(pixels: Counts) -> Counts:
    """Count a whole film without infection: a false positive if any pixel is called infected."""
    is_called = pixels.tp + pixels.fp > 0
    return Counts(0, int(is_called), 0, int(not is_called))


def _check(
    name: str,
    pairs: Sequence[_Pair],
    *,
    metric: MetricName,
    convention: GateConvention,
    margin: float,
) -> GateCheck:
    paired = paired_bootstrap(
        [pair.new for pair in pairs],
        [pair.old for pair in pairs],
        [pair.patient for pair in pairs],
        name=metric,
        convention="pooled",  # for whole films, this is the share of films
    )
    return GateCheck(
        name=name,
        metric=metric,
        convention=convention,
        margin=margin,
        n=len(pairs),
        difference=_rounded(paired.difference),
        ci_low=_rounded(paired.ci_low),
        ci_high=_rounded(paired.ci_high),
        holds=None if math.isnan(paired.ci_low) else paired.ci_low >= -margin,
    )


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, DIGITS)


def _subgroups(pairs: Sequence[_Pair]) -> Iterator[tuple[str, list[_Pair]]]:
    yield "all sealed images", list(pairs)
    for name in sorted({name for pair in pairs for name in pair.subgroups}):
        chosen = _of_subgroup(pairs, name)
        if MIN_FILMS <= len(chosen) < len(pairs):
            yield name, chosen


def _of_subgroup(pairs: Sequence[_Pair], name: str) -> list[_Pair]:
    return in_whole_cells(pairs, lambda pair: name in pair.subgroups)


def _pairs(cases: Sequence[SealedCase], old: Sequence[SealedCase]) -> list[_Pair]:
    images = Image.objects.in_bulk([case.image for case in cases])
    by_id = {str(pk): image for pk, image in images.items()}
    return [
        _Pair(
            patient=case.patient,
            new=case.counts,
            old=before.counts,
            subgroups=_subgroup_names(by_id[case.image], case.counts),
            cell=case.cell,
        )
        for case, before in whole_cells_of_both(cases, old)
    ]


def _reference_pixels(counts: Counts) -> int:
    return counts.tp + counts.fn


def _subgroup_names(image: Image, counts: Counts) -> tuple[str, ...]:
    share = _reference_pixels(counts) / (image.height * image.width)
    size = "no" if share == 0 else "small" if share < SMALL_INFECTION else "large"
    named: tuple[tuple[str, str], ...] = (
        ("group", str(image.group)),
        ("view", str(image.view_position)),
        ("source", str(image.source)),
        ("infection", size),
    )
    return tuple(f"{name} {value}" for name, value in named if value)
