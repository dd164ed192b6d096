"""How much of a round's phase is done, and how many seconds are left."""

from __future__ import annotations

from statistics import fmean

from annotation.models import RUNNING_STATES, EnsembleMember, Round
from mlloop.contract.plan import Plan

State = Round.State
MemberState = EnsembleMember.State


def phase_progress(round: Round) -> tuple[str, int, int]:
    """Return the phase and how much of it is done: epochs in training, else images."""
    if round.state in (State.PLANNED, State.TRAINING):
        epochs = Plan.from_json(round.plan).epochs
        rows = list(round.members.values_list("state", "epoch"))
        done = sum(epochs if state == MemberState.DONE else epoch for state, epoch in rows)
        return "training", done, epochs * len(rows)
    stored = Round.objects.filter(pk=round.pk).values_list("progress", flat=True)
    progress = stored.first() or {}
    return str(round.state), int(progress.get("done") or 0), int(progress.get("total") or 0)


def seconds_left(round: Round, members: list[EnsembleMember]) -> float | None:
    """Return the estimated seconds left of the phase; None if nothing is known yet.

    Members that wait are estimated by the seconds that finished members took.
    """
    if round.state != State.TRAINING:
        eta = round.progress.get("eta_seconds")
        return float(eta) if eta is not None and round.state in RUNNING_STATES else None
    took = [float(member.card["seconds"]) for member in members if "seconds" in member.card]
    running = [member for member in members if member.state == MemberState.RUNNING]
    left = [member.eta_seconds for member in running if member.eta_seconds is not None]
    waiting = sum(member.state == MemberState.DUE for member in members)
    if not took and not left:
        return None
    each = fmean(took) if took else max(left)
    return max(left, default=0.0) + waiting * each / max(1, len(running))
