"""What an engineer sees of the sealed results: aggregates, and none over fewer than 20 images.

Every page, endpoint and command that shows a round's metrics takes them from here; only the
headless simulation, which owns its truth, reads the stored ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from annotation.models import Project, Round

MIN_SHOWN = 20
_MEASURED = (
    Round.State.AWAITING_DECISION,
    Round.State.SERVING,
    Round.State.SUPERSEDED,
    Round.State.REFUSED,
)
Figure = dict[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class SealedPoint:
    """A round's sealed Dice for the plot; None where nothing is shown."""

    number: int
    state: str
    value: float | None
    low: float | None
    high: float | None
    n: int


def shown_metrics(round: Round) -> dict[str, object]:
    """Return the round's metrics as people may see them, with the number of looks so far."""
    if "sealed" not in round.metrics:
        return dict(round.metrics)
    return {
        **round.metrics,
        "sealed": shown_sealed(round),
        "sealed_looks": round.project.sealed_looks,
    }


def shown_sealed(round: Round) -> dict[str, Figure]:
    """Return the sealed figures by convention; one over too few images is only a sentence."""
    figures: Mapping[str, Figure] = round.metrics.get("sealed", {})
    return {convention: _shown(figure) for convention, figure in figures.items()}


def sealed_history(project: Project, convention: str = "per_image") -> list[SealedPoint]:
    """Return each measured round's sealed Dice, oldest first, at most the last thirty."""
    rounds = project.rounds.filter(state__in=_MEASURED).order_by("-number")
    return [_point(round, convention) for round in reversed(rounds[:30])]


def _shown(figure: Figure) -> Figure:
    n = int(figure.get("n") or 0)
    if n == 0 or n >= MIN_SHOWN:
        return figure
    hidden = f"n = {n}: figures over fewer than {MIN_SHOWN} sealed images are not shown"
    kept: Figure = {name: figure[name] for name in ("name", "convention") if name in figure}
    nothing = dict.fromkeys(("value", "ci_low", "ci_high", "n_both_empty"))
    return {**kept, **nothing, "n": n, "hidden": hidden}


def _point(round: Round, convention: str) -> SealedPoint:
    figure = shown_sealed(round).get(convention, {})
    return SealedPoint(
        number=round.number,
        state=str(round.state),
        value=_number(figure, "value"),
        low=_number(figure, "ci_low"),
        high=_number(figure, "ci_high"),
        n=int(figure.get("n") or 0),
    )


def _number(figure: Figure, name: str) -> float | None:
    value = figure.get(name)
    return None if value is None else float(value)
