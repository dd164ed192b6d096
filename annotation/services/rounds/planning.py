"""Plan a round: freeze its references, and create it with its members. Nothing is trained here.

A database constraint allows one open round per project.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from django.db import IntegrityError, transaction
from django.db.models import Max

from annotation import storage
from annotation.errors import Conflict, Invalid
from annotation.models import OPEN_STATES, EnsembleMember, Project, Round, User
from annotation.round_figures import RoundFigures, TrainingCounts
from annotation.selectors.labels import label_of
from annotation.selectors.rounds.lineage import MemberKey, warm_parents
from annotation.selectors.rounds.training_cases import Snapshot, current_snapshot
from annotation.services import audit
from annotation.services.projects import require_label
from annotation.services.rounds.adapting_plans import (
    adapt_plan,
    choose_folds,
    describe_fresh_members,
)
from mlloop.contract.checks import PlanError
from mlloop.contract.plan import Plan
from mlloop.contract.presets import preset

State = Round.State


def plan_round(
    *, project: Project, actor: User | None, plan: Plan | None = None, seed: int | None = None
) -> Round:
    """Freeze the references and create a round with its members, ready for a worker.

    Raises Refused if there is nothing to train on, and Conflict while another round is open.
    """
    plan = plan or _preset_plan(project)
    if seed is not None:
        plan = replace(plan, seed=seed)
    # Take the number first and look for an open round second. A round planned in between then
    # breaks one of the two unique constraints instead of passing both checks.
    number = (project.rounds.aggregate(last=Max("number"))["last"] or 0) + 1
    _require_none_open(project)
    snapshot = current_snapshot(project, label_of(project, "infection"))
    folds, note = choose_folds(plan, project, snapshot.train)
    plan, left_out = adapt_plan(plan, snapshot, folds)
    parents = warm_parents(project=project, plan=plan, folds=folds, snapshot=snapshot)
    stage = next_stage(project)
    fresh = "" if stage == Round.Stage.STAGE_1 else describe_fresh_members(plan, folds, parents)
    round = Round(
        project=project,
        number=number,
        stage=stage,
        plan=plan.to_json(),
        folds=folds,
        folds_note=" ".join(filter(None, (note, left_out, fresh))),
        snapshot_key=storage.put(project.id, snapshot.to_bytes()),
        n_train=len(snapshot.train),
        n_train_patients=len({case.patient for case in snapshot.train}),
        metrics=RoundFigures(train=_training_counts(snapshot, len(parents))).to_json(),
        created_by=actor,
    )
    return _insert(round, plan, parents, actor)


def next_stage(project: Project) -> str:
    """Return the stage after the one that serves: stage I, stage II, then later."""
    serving = project.rounds.filter(state=State.SERVING).first()
    if serving is None:
        return Round.Stage.STAGE_1
    return Round.Stage.STAGE_2 if serving.stage == Round.Stage.STAGE_1 else Round.Stage.LATER


def _preset_plan(project: Project) -> Plan:
    try:
        return preset(project.preset)
    except PlanError as error:
        raise Invalid(f"The project's plan is wrong: {error}", field="preset") from None


def _require_none_open(project: Project) -> None:
    if other := project.rounds.filter(state__in=OPEN_STATES).first():
        todo = "decide about it" if other.state == State.AWAITING_DECISION else "wait or cancel it"
        raise Conflict(
            f"Round {other.number} is {other.get_state_display().lower()}: {todo} before you"
            " plan the next round.",
            code="round_open",
        )


def _insert(
    round: Round, plan: Plan, parents: Mapping[MemberKey, EnsembleMember], actor: User | None
) -> Round:
    members = [
        EnsembleMember(
            round=round,
            network=network.key,
            fold=fold,
            parent=parents.get((network.key, fold)),
        )
        for network in plan.networks
        for fold in range(round.folds)
    ]
    try:
        with transaction.atomic():
            if plan.networks_of("activation"):
                require_label(project=round.project, key="activation", name="Activation map")
            round.save(force_insert=True)
            EnsembleMember.objects.bulk_create(members)
            audit.record(
                project=round.project,
                actor=actor,
                verb="plan_round",
                target=round.id,
                facts={"number": round.number, "folds": round.folds, "n_train": round.n_train},
            )
    except IntegrityError:
        raise Conflict("Another round was started at the same moment.", code="round_open") from None
    return round


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
