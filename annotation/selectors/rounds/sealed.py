"""The sealed results that people may see: aggregates over whole cells, rounded to three decimals.

The films of a look are whole cells (cells.py), so each figure here is about 20 images or more, and
so is every difference of figures. Rounds that older versions measured on any films show no figure.

Every page, endpoint and command that shows a round's metrics gets them from this module. Only the
headless simulation reads the stored figures, because it knows the truth of its images anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from annotation import storage
from annotation.models import DECIDED_STATES, Project, Round
from annotation.round_figures import (
    Gate,
    MaskFigure,
    MaskFigures,
    RoundFigures,
    SealedCase,
    SealedEvaluation,
)
from annotation.selectors.blindness import open_since
from annotation.selectors.rounds.cells import MIN_FILMS

DIGITS = 3
OLDER = (
    "measured by an older version, whose figures could be subtracted to tell about single images:"
    " not shown"
)
_BY_GATE = "Refused by the gate."
T = TypeVar("T")
_MEASURED = (Round.State.AWAITING_DECISION, *DECIDED_STATES)


@dataclass(frozen=True, slots=True)
class SealedPoint:
    """A round's sealed Dice for the plot; the values are None if they may not be shown."""

    number: int
    state: str
    value: float | None
    low: float | None
    high: float | None
    n: int


def shown_figures(round: Round) -> RoundFigures:
    """Return the round's figures as people may see them."""
    figures = round.figures
    if figures.sealed is None:
        return figures
    why = why_hidden(figures)
    sealed = MaskFigures(*(_shown(figure, why) for figure in figures.sealed.both))
    return replace(figures, sealed=sealed, gate=_shown_gate(figures))


def why_hidden(figures: RoundFigures) -> str:
    """Return why a measured round shows no sealed figure at all; empty if it shows some."""
    if figures.look is None:
        return OLDER
    if figures.look.infected + figures.look.empty:
        return ""
    return (
        f"{figures.look.waiting} sealed images are read: figures need {MIN_FILMS} infected ones or"
        " more"
    )


def shown_reason(round: Round, reason: str) -> str:
    """Return the reason of a decision as people may see it: an old gate's names small subgroups."""
    figures = round.figures
    if figures.sealed is None or figures.look is not None or not reason.startswith(_BY_GATE):
        return reason
    return f"{_BY_GATE} Its figures were {OLDER}."


def rounded(value: T) -> T:
    """Return plain JSON with every fraction rounded to three decimals."""
    if isinstance(value, float):
        return round(value, DIGITS)  # type: ignore[return-value]
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}  # type: ignore[return-value]
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]  # type: ignore[return-value]
    return value


def _shown_gate(figures: RoundFigures) -> Gate | None:
    if figures.gate is None or figures.look is not None:
        return figures.gate
    return replace(figures.gate, sentence=f"The figures were {OLDER}.", checks=())


def shown_metrics(round: Round) -> dict[str, object]:
    """Return the figures that people may see as JSON, with the number of looks so far."""
    shown = shown_figures(round).to_json()
    del shown["schema"]
    if "sealed" in shown:
        shown["sealed_looks"] = round.project.sealed_looks
    if since := open_since(round.project):
        shown["open_since"] = since
    return shown


def measured_cases(round: Round) -> tuple[SealedCase, ...]:
    """Return the counts on each sealed image, for programs only; empty before the evaluation."""
    if not round.evaluation_key:
        return ()
    return SealedEvaluation.from_bytes(storage.read(round.evaluation_key)).cases


def sealed_history(project: Project) -> list[SealedPoint]:
    """Return each measured round's sealed Dice per image, oldest first, at most the last thirty."""
    rounds = project.rounds.filter(state__in=_MEASURED).order_by("-number")
    return [_point(round) for round in reversed(rounds[:30])]


def _shown(figure: MaskFigure, why: str) -> MaskFigure:
    if not why and figure.n < MIN_FILMS:
        why = f"n = {figure.n}: figures over fewer than {MIN_FILMS} sealed images are not shown"
    if not why:
        return replace(
            figure,
            value=rounded(figure.value),
            ci_low=rounded(figure.ci_low),
            ci_high=rounded(figure.ci_high),
        )
    return MaskFigure(
        name=figure.name,
        convention=figure.convention,
        value=None,
        n=figure.n,
        n_both_empty=None,
        ci_low=None,
        ci_high=None,
        hidden=why,
    )


def _point(round: Round) -> SealedPoint:
    sealed = shown_figures(round).sealed
    figure = sealed.per_image if sealed else None
    return SealedPoint(
        number=round.number,
        state=str(round.state),
        value=figure.value if figure else None,
        low=figure.ci_low if figure else None,
        high=figure.ci_high if figure else None,
        n=figure.n if figure else 0,
    )
