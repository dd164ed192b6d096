"""The gate's answer in sentences that an engineer reads."""

from __future__ import annotations

from collections.abc import Sequence

from annotation.models import Round
from annotation.round_figures import GateCheck
from annotation.selectors.rounds.cells import MIN_FILMS
from mlloop.contract.plan import Plan


def passed_sentence(checks: Sequence[GateCheck], serving: Round, plan: Plan) -> str:
    """Say what the round was compared with, and which subgroups were not judged."""
    subgroups = len({check.name for check in checks if check.holds is not None}) - 1
    sentence = (
        f"Not worse than round {serving.number} by more than {plan.margin:g}, overall and in each"
        f" of {subgroups} subgroups of {MIN_FILMS} images or more."
    )
    if any(check.convention == "image_level" and check.holds for check in checks):
        sentence += (
            " Controls and other films without infection on which nothing is called: not fewer by"
            f" more than {plan.control_margin:g} of them."
        )
    return sentence + _unjudged(checks)


def refused_sentence(worse: Sequence[GateCheck], serving: Round) -> str:
    """Say in which subgroups the round may be worse, with the figures."""
    sentences = []
    if pixels := [check for check in worse if check.convention == "pooled"]:
        sentences.append(
            f"It may be worse than round {serving.number} by more than the margin of"
            f" {pixels[0].margin:g}: {_listed(pixels)}."
        )
    if films := [check for check in worse if check.convention == "image_level"]:
        sentences.append(
            "It may call something infected on more controls and other films without infection"
            f" than round {serving.number}: the share with nothing called may fall by more than"
            f" {films[0].margin:g}: {_listed(films)}."
        )
    return " ".join(sentences)


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
