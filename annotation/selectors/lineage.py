"""Which trained member a warm start may go on from, and whom its weights have seen.

Lineage is transitive: what a parent saw, the child has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from annotation.models import EnsembleMember, Project, Round
from annotation.selectors.training_cases import Snapshot
from mlloop.plan import Plan

MemberKey = tuple[str, int]


def patients_seen(card: Mapping[str, list[str]]) -> frozenset[str]:
    """Return the hashes of all patients that a member or any of its parents loaded."""
    return frozenset(card["loaded_patients"]) | frozenset(card.get("parent_patients", []))


def warm_parents(
    *, project: Project, plan: Plan, folds: int, snapshot: Snapshot
) -> dict[MemberKey, EnsembleMember]:
    """Return the serving member that each (network, fold) goes on from; fresh ones are left out.

    A parent is taken only if the network is the same and the new member may itself learn from every
    patient the parent saw: so a changed fold, a withdrawal or an exclusion ends the lineage.
    """
    serving = project.rounds.filter(state=Round.State.SERVING).first()
    if plan.initial == "none" or serving is None or serving.folds != folds:
        return {}
    networks = {network.key: network for network in plan.networks}
    former = {network.key: network for network in Plan.from_json(serving.plan).networks}
    return {
        (member.network, member.fold): member
        for member in serving.members.filter(state=EnsembleMember.State.DONE)
        if networks.get(member.network) == former[member.network]
        and patients_seen(member.card) <= _patients_of(snapshot, folds, member.fold)
    }


def _patients_of(snapshot: Snapshot, folds: int, held_out: int) -> Set[str]:
    return {case.patient for case in snapshot.train if case.fold % folds != held_out}
