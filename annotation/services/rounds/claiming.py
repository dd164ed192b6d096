"""Claim a row of a round, give it back, record a failed attempt, and advance the round.

Each UPDATE selects rows by their present state, so a repeat changes nothing.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.utils import timezone

from annotation.models import EnsembleMember, Round
from annotation.services import claims
from annotation.services.claims import Claim
from annotation.services.rounds.lifecycle import settle_cancel

State = Round.State
MemberState = EnsembleMember.State
Phase = Round.Phase
MEMBER_DUE = Q(state__in=(MemberState.DUE, MemberState.RUNNING))


def claim_member(member_id: UUID) -> Claim | None:
    """Claim a member that is due in a training round; return None if it cannot be claimed."""
    is_training = Round.objects.filter(
        pk=OuterRef("round_id"), state=State.TRAINING, cancel_requested=False
    )
    return claims.take(
        model=EnsembleMember,
        pk=member_id,
        due=MEMBER_DUE & Q(Exists(is_training)),
        sets={"state": MemberState.RUNNING},
    )


def claim_round(round_id: UUID, state: str) -> Claim | None:
    """Claim a round for its proposing or evaluating phase; return None if it cannot be claimed."""
    return claims.take(model=Round, pk=round_id, due=Q(state=state, cancel_requested=False))


def advance_round(round: Round) -> None:
    """Advance a round as far as its rows allow: start it, let it propose, fail it or cancel it."""
    if Round.objects.filter(pk=round.pk, state=State.PLANNED, cancel_requested=False).update(
        state=State.TRAINING, phase=Phase.TRAINING, started_at=timezone.now()
    ):
        return
    claims.give_up(
        model=EnsembleMember, due=Q(round_id=round.pk) & MEMBER_DUE, state=MemberState.FAILED
    )
    phases = Q(pk=round.pk, state__in=(State.PROPOSING, State.EVALUATING))
    claims.give_up(model=Round, due=phases, state=State.FAILED)
    members = EnsembleMember.objects.filter(round_id=OuterRef("pk"))
    training = Round.objects.filter(pk=round.pk, state=State.TRAINING, cancel_requested=False)
    failed = members.filter(state=MemberState.FAILED)
    if member := EnsembleMember.objects.filter(round=round, state=MemberState.FAILED).first():
        training.filter(Exists(failed)).update(
            state=State.FAILED, failure=f"{member}: {member.failure}", finished_at=timezone.now()
        )
    training.filter(~Exists(members.exclude(state=MemberState.DONE))).update(
        state=State.PROPOSING, phase=Phase.PROPOSING, attempts=0, progress={}
    )
    if Round.objects.filter(pk=round.pk, cancel_requested=True).exists():
        settle_cancel(round=round)


def give_back(claim: Claim) -> None:
    """Give the row back after a stop. The attempt does not count."""
    due: dict[str, object] = {}
    if claim.model is EnsembleMember:
        due["state"] = MemberState.DUE
    claims.release(claim, is_refunded=True, **due)


def record_failure(claim: Claim, reason: str) -> None:
    """Give the row back after a failed attempt. After the last allowed attempt, mark it failed."""
    is_member = claim.model is EnsembleMember
    spent = Q(attempts__gte=settings.MAX_ATTEMPTS)
    kept: models.F | Value = Value(MemberState.DUE) if is_member else F("state")
    failed = Value(MemberState.FAILED if is_member else State.FAILED)
    claims.release(
        claim,
        failure=reason[:2000],
        state=Case(When(spent, then=failed), default=kept, output_field=models.CharField()),
        finished_at=Case(When(spent, then=Value(timezone.now())), default=F("finished_at")),
    )
