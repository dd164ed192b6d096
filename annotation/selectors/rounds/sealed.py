"""The sealed results that people may see: aggregates over 20 images or more.

Every page, endpoint and command that shows a round's metrics gets them from this module. Only the
headless simulation reads the stored figures, because it knows the truth of its images anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from annotation import storage
from annotation.models import DECIDED_STATES, Project, Round
from annotation.round_figures import (
    MaskFigure,
    MaskFigures,
    RoundFigures,
    SealedCase,
    SealedEvaluation,
)
from annotation.selectors.blindness import open_since

MIN_SHOWN = 20
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
    sealed = MaskFigures(*(_shown(figure) for figure in figures.sealed.both))
    return replace(figures, sealed=sealed)


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


def _shown(figure: MaskFigure) -> MaskFigure:
    if figure.n == 0 or figure.n >= MIN_SHOWN:
        return figure
    return MaskFigure(
        name=figure.name,
        convention=figure.convention,
        value=None,
        n=figure.n,
        n_both_empty=None,
        ci_low=None,
        ci_high=None,
        hidden=f"n = {figure.n}: figures over fewer than {MIN_SHOWN} sealed images are not shown",
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
