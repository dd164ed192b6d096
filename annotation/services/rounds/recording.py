"""Record the results of a round's phases and advance the round. Each write needs the claim."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from annotation import storage
from annotation.models import EnsembleMember, Project, Round
from annotation.round_figures import ClassifierFigures, RoundFigures, SealedCase, SealedEvaluation
from annotation.services import audit, claims
from annotation.services.claims import Claim
from mlloop.contract.calibration import Calibration
from mlloop.contract.records import canonical_json

State = Round.State
Phase = Round.Phase


def finish_member(
    claim: Claim,
    project_id: UUID,
    *,
    weights: bytes,
    card: Mapping[str, object],
    history: Sequence[object],
) -> None:
    """Store a trained member's weights; raise ValueError if the card names other bytes."""
    digest = hashlib.sha256(weights).hexdigest()
    if digest != card.get("weights_sha256"):
        raise ValueError("The weights on disk are not the weights that the card names.")
    key = storage.put(project_id, weights)
    claims.release(
        claim,
        state=EnsembleMember.State.DONE,
        card=dict(card),
        history=list(history),
        weights_key=key,
        weights_sha256=digest,
        eta_seconds=None,
        failure="",
        finished_at=timezone.now(),
    )


def finish_proposing(
    claim: Claim,
    round: Round,
    *,
    calibration: Calibration,
    activation: dict[str, ClassifierFigures],
    seconds: float,
) -> None:
    """Record the fit and the out-of-fold scores, and move the round to its evaluation."""
    figures = replace(
        round.figures.with_seconds(proposing=seconds),
        calibration=calibration,
        activation=activation,
    )
    claims.release(
        claim,
        state=State.EVALUATING,
        phase=Phase.EVALUATING,
        attempts=0,
        failure="",
        progress={},
        metrics=figures.to_json(),
    )


def finish_evaluating(
    claim: Claim,
    round: Round,
    *,
    cases: Sequence[SealedCase],
    figures: RoundFigures,
    report: Mapping[str, object],
    seconds: float,
    retired: Sequence[str] = (),
) -> None:
    """Store counts and report, count the look, and refuse the round or let an engineer decide.

    `figures` are all figures of the round, including the evaluation's and the gate's answer.
    Raises Stopped if a cancel was requested meanwhile: the check and the write are one UPDATE.
    """
    evaluation = SealedEvaluation(round=round.number, cases=tuple(cases), retired=tuple(retired))
    key = storage.put(round.project_id, evaluation.to_bytes())
    now = timezone.now()
    training = sum(member.card.get("seconds", 0.0) for member in round.members.all())
    total = (now - round.started_at).total_seconds() if round.started_at else 0.0
    timed = figures.with_seconds(training=training, evaluating=seconds, total=total)
    gate = figures.gate
    reason = f"Refused by the gate. {gate.sentence}" if gate and gate.outcome == "refused" else ""
    with transaction.atomic():
        claims.release(
            claim,
            Q(cancel_requested=False),
            state=State.REFUSED if reason else State.AWAITING_DECISION,
            phase=Phase.DECIDING,
            decided_at=now if reason else None,
            decision_reason=reason,
            evaluation_key=key,
            report_key=storage.put(round.project_id, canonical_json(report)),
            metrics=timed.to_json(),
            progress={},
            failure="",
            finished_at=now,
        )
        if cases:
            Project.objects.filter(pk=round.project_id).update(sealed_looks=F("sealed_looks") + 1)
        if reason:
            audit.record(
                project=round.project,
                actor=None,
                verb="refuse_round",
                target=round.id,
                facts={"number": round.number, "reason": reason},
            )
