"""The statistical gate: may a round's proposals replace those that readers see now?

A round passes if, on the sealed set as a whole and in each subgroup of 20 images or more, it is
not worse than the serving one by more than the plan's margins: the lower end of the 95 % interval
of the paired difference, by patient, decides. Pooled Dice is compared. Where a subgroup has no
infection at all, two things are: the pixels, by pooled specificity, and the films, by the share on
which no pixel is called infected. Subgroups are by group, view, source and infection size. Of fewer
than two patients there is no interval: such a subgroup is named and not judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from annotation.models import Image, Round
from annotation.round_figures import Gate, GateCheck, GateConvention, SealedCase
from annotation.selectors.rounds.sealed import MIN_SHOWN, measured_cases
from mlloop.contract.plan import Plan
from mlloop.figures.metrics import Counts, MetricName, paired_bootstrap

SMALL_INFECTION = 0.03  # of the image


@dataclass(frozen=True, slots=True)
class _Pair:
    """One sealed image as both rounds segmented it."""

    patient: str
    new: Counts
    old: Counts
    subgroups: tuple[str, ...]


def gate_of(round: Round, cases: Sequence[SealedCase]) -> Gate:
    """Judge a round by its sealed counts against those of the round that serves now."""
    plan = Plan.from_json(round.plan)
    margin = plan.margin
    if len(cases) < MIN_SHOWN:
        return Gate(
            "not_measured",
            f"{len(cases)} sealed images are read; at least {MIN_SHOWN} are needed to judge a"
            " round. An engineer decides.",
            margin,
            None,
        )
    serving = round.project.rounds.filter(state=Round.State.SERVING).first()
    if serving is None:
        sentence = "No round serves yet: there is nothing to be worse than."
        return Gate("passed", sentence, margin, None)
    pairs = _pairs(cases, _counts_of(serving))
    if len(pairs) < MIN_SHOWN:
        return Gate(
            "not_measured",
            f"Round {serving.number} was measured on {len(pairs)} of these sealed images; at least"
            f" {MIN_SHOWN} are needed to compare. An engineer decides.",
            margin,
            serving.number,
        )
    checks = tuple(
        check for name, chosen in _subgroups(pairs) for check in _checks(name, chosen, plan)
    )
    if checks[0].holds is None:
        return Gate(
            "not_measured",
            f"The {len(pairs)} sealed images are of fewer than two patients: no interval by patient"
            " can be drawn. An engineer decides.",
            margin,
            serving.number,
            checks,
        )
    worse = [check for check in checks if check.holds is False]
    sentence = _reason(worse, serving) if worse else _praise(checks, serving, plan)
    return Gate("refused" if worse else "passed", sentence, margin, serving.number, checks)


def may_override(round: Round) -> bool:
    """Say whether it was the gate that refused this round, and no later one was promoted since."""
    gate = round.figures.gate
    if round.state != Round.State.REFUSED or gate is None or gate.outcome != "refused":
        return False
    promoted = (Round.State.SERVING, Round.State.SUPERSEDED)
    later = round.project.rounds.filter(number__gt=round.number, state__in=promoted)
    return not later.exists()


def _praise(checks: Sequence[GateCheck], serving: Round, plan: Plan) -> str:
    subgroups = len({check.name for check in checks if check.holds is not None}) - 1
    sentence = (
        f"Not worse than round {serving.number} by more than {plan.margin:g}, overall and in each"
        f" of {subgroups} subgroups of {MIN_SHOWN} images or more."
    )
    if any(check.convention == "image_level" and check.holds for check in checks):
        sentence += (
            " Controls and other films without infection on which nothing is called: not fewer by"
            f" more than {plan.control_margin:g} of them."
        )
    return sentence + _unjudged(checks)


def _reason(worse: Sequence[GateCheck], serving: Round) -> str:
    said = []
    if pixels := [check for check in worse if check.convention == "pooled"]:
        said.append(
            f"It may be worse than round {serving.number} by more than the margin of"
            f" {pixels[0].margin:g}: {_listed(pixels)}."
        )
    if films := [check for check in worse if check.convention == "image_level"]:
        said.append(
            "It may call something infected on more controls and other films without infection"
            f" than round {serving.number}: the share with nothing called may fall by more than"
            f" {films[0].margin:g}: {_listed(films)}."
        )
    return " ".join(said)


def _listed(checks: Sequence[GateCheck]) -> str:
    return "; ".join(
        f"{check.name} ({check.metric}, n = {check.n}): {check.difference:+.3f},"
        f" at worst {check.ci_low:+.3f}"
        for check in checks
    )


def _unjudged(checks: Sequence[GateCheck]) -> str:
    # A subgroup without infection has two checks of one name.
    named = {check.name: check.n for check in checks if check.holds is None}
    if not named:
        return ""
    listed = ", ".join(f"{name} (n = {n})" for name, n in named.items())
    return f" Not judged, with fewer than two patients: {listed}."


def _checks(name: str, pairs: Sequence[_Pair], plan: Plan) -> Iterator[GateCheck]:
    if any(_size(pair.new) for pair in pairs):
        yield _check(name, pairs, metric="dice", convention="pooled", margin=plan.margin)
        return
    # A speckle on each film is nothing among its pixels, and a false alarm on every one of them.
    # Where every film has one already, only the pixels can still tell a flood.
    yield _check(name, pairs, metric="specificity", convention="pooled", margin=plan.margin)
    films = [replace(pair, new=_as_film(pair.new), old=_as_film(pair.old)) for pair in pairs]
    yield _check(
        name, films, metric="specificity", convention="image_level", margin=plan.control_margin
    )


def _as_film(found: Counts) -> Counts:
    """Count a film without infection as one: called by any pixel, at the round's threshold."""
    is_called = found.tp + found.fp > 0
    return Counts(0, int(is_called), 0, int(not is_called))


def _check(
    name: str,
    pairs: Sequence[_Pair],
    *,
    metric: MetricName,
    convention: GateConvention,
    margin: float,
) -> GateCheck:
    found = paired_bootstrap(
        [pair.new for pair in pairs],
        [pair.old for pair in pairs],
        [pair.patient for pair in pairs],
        name=metric,
        convention="pooled",  # of films too: the share of them all
    )
    return GateCheck(
        name=name,
        metric=metric,
        convention=convention,
        margin=margin,
        n=len(pairs),
        difference=_rounded(found.difference),
        ci_low=_rounded(found.ci_low),
        ci_high=_rounded(found.ci_high),
        holds=None if math.isnan(found.ci_low) else found.ci_low >= -margin,
    )


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _subgroups(pairs: Sequence[_Pair]) -> Iterator[tuple[str, list[_Pair]]]:
    yield "all sealed images", list(pairs)
    for name in sorted({name for pair in pairs for name in pair.subgroups}):
        chosen = [pair for pair in pairs if name in pair.subgroups]
        if MIN_SHOWN <= len(chosen) < len(pairs):
            yield name, chosen


def _pairs(cases: Sequence[SealedCase], old: Mapping[str, Counts]) -> list[_Pair]:
    images = Image.objects.in_bulk([case.image for case in cases])
    by_id = {str(pk): image for pk, image in images.items()}
    shared = [case for case in cases if case.image in old and case.image in by_id]
    return [
        _Pair(
            patient=case.patient,
            new=case.counts,
            old=old[case.image],
            subgroups=_names(by_id[case.image], case.counts),
        )
        for case in sorted(shared, key=lambda case: case.image)
        # Read anew in between: the two rounds were measured against different references.
        if _size(case.counts) == _size(old[case.image])
    ]


def _size(found: Counts) -> int:
    """Return the pixels of the reference."""
    return found.tp + found.fn


def _names(image: Image, found: Counts) -> tuple[str, ...]:
    share = _size(found) / (image.height * image.width)
    size = "no" if share == 0 else "small" if share < SMALL_INFECTION else "large"
    named: tuple[tuple[str, str], ...] = (
        ("group", str(image.group)),
        ("view", str(image.view_position)),
        ("source", str(image.source)),
        ("infection", size),
    )
    return tuple(f"{name} {value}" for name, value in named if value)


def _counts_of(serving: Round) -> dict[str, Counts]:
    if not serving.evaluation_key:
        return {}
    return {case.image: case.counts for case in measured_cases(serving)}
