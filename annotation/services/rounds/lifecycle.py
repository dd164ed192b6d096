"""Plan a round, cancel it, resume it, close it; promotion is decided in decisions.py.

A plan freezes what is trained on. One open round per project, by constraint. Nothing here trains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from django.db import IntegrityError, transaction
from django.db.models import F, Max, Q
from django.utils import timezone

from annotation import storage
from annotation.errors import Conflict, Invalid
from annotation.models import (
    OPEN_STATES,
    RUNNING_STATES,
    STOPPED_STATES,
    EnsembleMember,
    Project,
    Round,
    User,
)
from annotation.round_figures import RoundFigures, TrainingCounts
from annotation.selectors.labels import label_of
from annotation.selectors.rounds.lineage import MemberKey, warm_parents
from annotation.selectors.rounds.training_cases import Snapshot, snapshot_of
from annotation.services import audit, claims
from annotation.services.projects import require_label
from annotation.services.rounds.fitting_plans import afresh_note, choose_folds, learnable_plan
from mlloop.contract.checks import PlanError
from mlloop.contract.plan import Plan
from mlloop.contract.presets import preset

State = Round.State


def plan_round(
    *, project: Project, actor: User | None, plan: Plan | None = None, seed: int | None = None
) -> Round:
    """Freeze the references and create a round with its members, ready for a worker.

    Raise Refused when there is nothing to train on, Conflict while another round is open.
    """
    plan = plan or _preset_plan(project)
    if seed is not None:
        plan = replace(plan, seed=seed)
    # Number first, look for an open round second: a round planned in between then breaks one of
    # the two unique constraints instead of slipping past both checks.
    number = (project.rounds.aggregate(last=Max("number"))["last"] or 0) + 1
    _refuse_second(project)
    snapshot = snapshot_of(project, label_of(project, "infection"))
    folds, note = choose_folds(plan, project, snapshot.train)
    plan, left_out = learnable_plan(plan, snapshot, folds)
    parents = warm_parents(project=project, plan=plan, folds=folds, snapshot=snapshot)
    stage = next_stage(project)
    afresh = "" if stage == Round.Stage.STAGE_1 else afresh_note(plan, folds, parents)
    made = Round(
        project=project,
        number=number,
        stage=stage,
        plan=plan.to_json(),
        folds=folds,
        folds_note=" ".join(filter(None, (note, left_out, afresh))),
        snapshot_key=storage.put(project.id, snapshot.to_bytes()),
        n_train=len(snapshot.train),
        n_train_patients=len({case.patient for case in snapshot.train}),
        metrics=RoundFigures(train=_training_counts(snapshot, len(parents))).to_json(),
        created_by=actor,
    )
    return _insert(made, plan, parents, actor)


def next_stage(project: Project) -> str:
    """Return the stage after the one that serves: stage I, stage II, then later."""
    serving = project.rounds.filter(state=State.SERVING).first()
    if serving is None:
        return Round.Stage.STAGE_1
    return Round.Stage.STAGE_2 if serving.stage == Round.Stage.STAGE_1 else Round.Stage.LATER


@transaction.atomic
def cancel_round(*, round: Round, actor: User | None, reason: str = "") -> Round:
    """Ask for a stop; a round that no worker holds is cancelled at once."""
    asked = Round.objects.filter(
        pk=round.pk, state__in=RUNNING_STATES, cancel_requested=False
    ).update(cancel_requested=True)
    if asked:
        audit.record(
            project=round.project,
            actor=actor,
            verb="cancel_round",
            target=round.id,
            facts={"number": round.number, "reason": reason},
        )
        settle_cancel(round=round)
    round.refresh_from_db()
    if not asked and not (round.cancel_requested or round.state == State.CANCELLED):
        raise Conflict(
            f"Round {round.number} is {round.get_state_display().lower()}: nothing runs there."
        )
    return round


def settle_cancel(*, round: Round) -> bool:
    """Move a round whose cancel was asked for to `cancelled` once no worker holds any of it."""
    if claims.live(EnsembleMember, Q(round=round)) or claims.live(Round, Q(pk=round.pk)):
        return False
    with transaction.atomic():
        settled = Round.objects.filter(
            pk=round.pk, state__in=RUNNING_STATES, cancel_requested=True
        ).update(state=State.CANCELLED, finished_at=timezone.now(), claim_token=None)
        if settled:
            waiting = (EnsembleMember.State.DUE, EnsembleMember.State.RUNNING)
            EnsembleMember.objects.filter(round=round, state__in=waiting).update(
                state=EnsembleMember.State.CANCELLED, claim_token=None
            )
    return bool(settled)


def resume_round(*, round: Round, actor: User | None, reason: str = "") -> Round:
    """Let a cancelled or failed round run on from its own rows; what is finished stays finished."""
    newer = round.project.rounds.filter(number__gt=round.number, decided_at__isnull=False)
    if newer.filter(state__in=(State.SERVING, State.SUPERSEDED)).exists():
        raise Conflict(f"A later round than {round.number} was promoted: plan a new one instead.")
    try:
        with transaction.atomic():
            _reopen(round)
            audit.record(
                project=round.project,
                actor=actor,
                verb="resume_round",
                target=round.id,
                facts={"number": round.number, "reason": reason},
            )
    except IntegrityError:
        raise Conflict(
            "Another round is open in this project: decide or cancel it first."
        ) from None
    round.refresh_from_db()
    return round


@transaction.atomic
def close_round(*, round: Round, actor: User | None, reason: str) -> Round:
    """Say why a cancelled or failed round will not be resumed; its rows stay as they are."""
    why = reason_or_invalid(reason)
    closed = Round.objects.filter(pk=round.pk, state__in=STOPPED_STATES, decided_at=None).update(
        decided_by=actor, decided_at=timezone.now(), decision_reason=why
    )
    if not closed:
        raise Conflict(f"Round {round.number} can only be closed once, after it was stopped.")
    audit.record(
        project=round.project,
        actor=actor,
        verb="close_round",
        target=round.id,
        facts={"number": round.number, "reason": why},
    )
    round.refresh_from_db()
    return round


def reason_or_invalid(reason: str) -> str:
    """Return the written reason of a decision; raise Invalid when there is none."""
    if not reason.strip():
        raise Invalid("Write the reason for this decision.", code="reason_missing", field="reason")
    return reason.strip()[:2000]


def _preset_plan(project: Project) -> Plan:
    try:
        return preset(project.preset)
    except PlanError as error:
        raise Invalid(f"The project's plan is wrong: {error}", field="preset") from None


def _refuse_second(project: Project) -> None:
    if other := project.rounds.filter(state__in=OPEN_STATES).first():
        todo = "decide" if other.state == State.AWAITING_DECISION else "wait or cancel"
        raise Conflict(
            f"Round {other.number} is {other.get_state_display().lower()}: {todo} before the next.",
            code="round_open",
        )


def _insert(
    made: Round, plan: Plan, parents: Mapping[MemberKey, EnsembleMember], actor: User | None
) -> Round:
    members = [
        EnsembleMember(
            round=made,
            network=network.key,
            fold=fold,
            parent=parents.get((network.key, fold)),
        )
        for network in plan.networks
        for fold in range(made.folds)
    ]
    try:
        with transaction.atomic():
            if plan.networks_of("activation"):
                require_label(project=made.project, key="activation", name="Activation map")
            made.save(force_insert=True)
            EnsembleMember.objects.bulk_create(members)
            audit.record(
                project=made.project,
                actor=actor,
                verb="plan_round",
                target=made.id,
                facts={"number": made.number, "folds": made.folds, "n_train": made.n_train},
            )
    except IntegrityError:
        raise Conflict("Another round was started at this moment.", code="round_open") from None
    return made


def _reopen(round: Round) -> None:
    members = EnsembleMember.objects.filter(round=round)
    reopened = Round.objects.filter(pk=round.pk, state__in=STOPPED_STATES, decided_at=None).update(
        state=F("phase"), cancel_requested=False, attempts=0, failure="", finished_at=None
    )
    if not reopened:
        raise Conflict(
            f"Round {round.number} is {round.get_state_display().lower()} and cannot be resumed."
        )
    members.exclude(state=EnsembleMember.State.DONE).update(
        state=EnsembleMember.State.DUE, attempts=0, failure="", claim_token=None
    )


def _training_counts(snapshot: Snapshot, warm_members: int) -> TrainingCounts:
    cases = snapshot.train
    return TrainingCounts(
        references=sum(case.reference is not None for case in cases),
        controls=sum(case.reference is None for case in cases),
        patients=len({case.patient for case in cases}),
        positive_patients=len({case.patient for case in cases if case.is_positive}),
        propose_on=len(snapshot.propose),
        lung_masks=len(snapshot.lung),
        warm_members=warm_members,
    )
