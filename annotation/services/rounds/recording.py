"""Record what the learning side did: each write needs the claim, each state change its condition.

Running any of it twice changes nothing: a state only moves on from the state before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.utils import timezone

from annotation import storage
from annotation.models import EnsembleMember, Project, Proposal, Round
from annotation.round_figures import ClassifierFigures, RoundFigures, SealedCase, SealedEvaluation
from annotation.selectors.labels import READING_LABEL
from annotation.selectors.rounds.training_cases import usable_images
from annotation.services import audit, claims
from annotation.services.claims import Claim
from annotation.services.rounds.lifecycle import State, settle_cancel
from mlloop.contract.calibration import Calibration
from mlloop.contract.records import canonical_json

MemberState = EnsembleMember.State
Phase = Round.Phase
MEMBER_DUE = Q(state__in=(MemberState.DUE, MemberState.RUNNING))


def claim_member(member_id: UUID) -> Claim | None:
    """Claim a member that is due in a round that trains."""
    trains = Round.objects.filter(
        pk=OuterRef("round_id"), state=State.TRAINING, cancel_requested=False
    )
    return claims.take(
        model=EnsembleMember,
        pk=member_id,
        due=MEMBER_DUE & Q(Exists(trains)),
        sets={"state": MemberState.RUNNING},
    )


def claim_round(round_id: UUID, state: str) -> Claim | None:
    """Claim a round for its proposing or evaluating phase."""
    return claims.take(model=Round, pk=round_id, due=Q(state=state, cancel_requested=False))


def advance_round(round: Round) -> None:
    """Move a round on where its rows allow it: start, train on, give up, cancel."""
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
    if bad := EnsembleMember.objects.filter(round=round, state=MemberState.FAILED).first():
        training.filter(Exists(failed)).update(
            state=State.FAILED, failure=f"{bad}: {bad.failure}", finished_at=timezone.now()
        )
    training.filter(~Exists(members.exclude(state=MemberState.DONE))).update(
        state=State.PROPOSING, phase=Phase.PROPOSING, attempts=0, progress={}
    )
    if Round.objects.filter(pk=round.pk, cancel_requested=True).exists():
        settle_cancel(round=round)


def finish_member(
    claim: Claim,
    project_id: UUID,
    *,
    weights: bytes,
    card: Mapping[str, object],
    history: Sequence[object],
) -> None:
    """Store a trained member's weights; raise ValueError where the card names other bytes."""
    digest = hashlib.sha256(weights).hexdigest()
    if digest != card.get("weights_sha256"):
        raise ValueError("The weights on disk are not those that the card names.")
    key = storage.put(project_id, weights)
    claims.release(
        claim,
        state=MemberState.DONE,
        card=dict(card),
        history=list(history),
        weights_key=key,
        weights_sha256=digest,
        eta_seconds=None,
        failure="",
        finished_at=timezone.now(),
    )


def give_back(claim: Claim) -> None:
    """Give the row back unspent after a stop, which is nobody's failure."""
    due: dict[str, object] = {}
    if claim.model is EnsembleMember:
        due["state"] = MemberState.DUE
    claims.release(claim, is_refunded=True, **due)


def record_failure(claim: Claim, reason: str) -> None:
    """Give the row back after a failed attempt; the last allowed one fails it for good."""
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


@dataclass(frozen=True, slots=True)
class ProposedMask:
    """One probability map as the child wrote it, with the members that made it."""

    network: str
    kind: str
    members: tuple[tuple[str, int], ...]
    probability: bytes
    threshold: int
    label: str = "infection"


@dataclass(frozen=True, slots=True)
class ProposedImage:
    """All that was proposed on one image."""

    image_id: UUID
    masks: tuple[ProposedMask, ...]
    disagreement: float
    disagreement_map: bytes
    findings: Mapping[str, object] = field(default_factory=dict)


def record_proposals(
    claim: Claim, round: Round, labels: Mapping[str, UUID], images: Sequence[ProposedImage]
) -> None:
    """Store a batch of proposals and upsert their rows; recording one twice changes nothing.

    `labels` are the ids of the project's labels by key. What was withdrawn since gets no row: its
    maps show the film that was taken out.
    """
    files = storage.Batch(round.project_id)
    usable = _usable(round, images)
    rows = [row for image in usable for row in _rows(round, labels, image, files)]
    files.settle()
    with transaction.atomic():
        claims.update(claim)
        # Asked again under the lock of that write, behind which a withdrawal queues: an erasure
        # finds these rows, or they are not made.
        kept = {image.image_id for image in _usable(round, usable)}
        Proposal.objects.bulk_create(
            [row for row in rows if row.image_id in kept],
            update_conflicts=True,
            unique_fields=["round", "image", "label", "network", "kind"],
            update_fields=[
                "members",
                "probability_key",
                "disagreement_key",
                "disagreement",
                "threshold",
                "findings",
            ],
        )


def finish_proposing(
    claim: Claim,
    round: Round,
    *,
    calibration: Calibration,
    activation: dict[str, ClassifierFigures],
    seconds: float,
) -> None:
    """Keep what was fitted and scored out of fold, and move on to the evaluation."""
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
) -> None:
    """Store counts and report, count the look, and refuse the round or hand it to an engineer.

    `figures` are all figures of the round, with those of the evaluation and the gate's answer.
    Raises Stopped where a cancel was asked for at last: its word and this one's are one UPDATE.
    """
    evaluation = SealedEvaluation(round=round.number, cases=tuple(cases))
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
        if reason:
            audit.record(
                project=round.project,
                actor=None,
                verb="refuse_round",
                target=round.id,
                facts={"number": round.number, "reason": reason},
            )
        if cases:
            Project.objects.filter(pk=round.project_id).update(sealed_looks=F("sealed_looks") + 1)


def _usable(round: Round, images: Sequence[ProposedImage]) -> list[ProposedImage]:
    rows = usable_images(round.project).filter(pk__in=[image.image_id for image in images])
    kept = set(rows.values_list("pk", flat=True))
    return [image for image in images if image.image_id in kept]


def _rows(
    round: Round, labels: Mapping[str, UUID], image: ProposedImage, files: storage.Batch
) -> list[Proposal]:
    """Make the rows of one image; what is not read, such as a lung, never waits for a reader."""
    spread_key = files.put(image.disagreement_map)
    rows = []
    for mask in image.masks:
        is_read = mask.label == READING_LABEL
        is_whole = is_read and mask.kind == Proposal.Kind.ENSEMBLE
        row = Proposal(
            round=round,
            image_id=image.image_id,
            label_id=labels[mask.label],
            network=mask.network,
            kind=mask.kind,
            members=[list(member) for member in mask.members],
            probability_key=files.put(mask.probability),
            disagreement_key=spread_key if is_read else "",
            disagreement=image.disagreement if is_read else None,
            threshold=mask.threshold,
            findings=image.findings if is_whole else {},
            is_waiting=is_read,
        )
        rows.append(row)
    return rows
