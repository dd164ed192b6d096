"""Request an estimate of a plan's cost from a worker. A new request replaces a waiting one."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from annotation.models import PlanEstimate, Project, User
from annotation.selectors.labels import label_of
from annotation.selectors.rounds.training_cases import current_snapshot
from annotation.services.rounds.adapting_plans import adapt_plan, choose_folds
from mlloop.contract.manifest import EstimateManifest
from mlloop.contract.plan import Plan
from mlloop.contract.records import to_plain

State = PlanEstimate.State
DUE = Q(state__in=(State.DUE, State.RUNNING))


def request_estimate(*, project: Project, actor: User | None, plan: Plan) -> PlanEstimate:
    """Request the cost of `plan` on the current references, ready for a worker.

    Raises Refused if there is nothing to train on.
    """
    snapshot = current_snapshot(project, label_of(project, "infection"))
    k, _ = choose_folds(plan, project, snapshot.train)
    trained = {case.patient for case in snapshot.train}
    plan, _ = adapt_plan(plan, snapshot, k)
    manifest = EstimateManifest(
        plan=plan,
        k=k,
        n_train=len(snapshot.train),
        n_propose=len(snapshot.propose),
        n_trained=sum(case.patient in trained for case in snapshot.propose),
    )
    with transaction.atomic():
        # A row that a worker holds stays, because the worker still writes its result there.
        PlanEstimate.objects.filter(project=project, state=State.DUE, claim_token=None).delete()
        return PlanEstimate.objects.create(
            project=project, manifest=to_plain(manifest), created_by=actor
        )
