"""Which trained member a warm start may go on from, and whom its weights have seen.

Lineage is transitive: what a parent saw, the child has seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import replace

from annotation.models import EnsembleMember, Project, Round
from annotation.selectors.rounds.training_cases import Snapshot
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan

MemberKey = tuple[str, int]


def patients_seen(card: Mapping[str, list[str]]) -> frozenset[str]:
    """Return the hashes of all patients that a card says it or its parents loaded."""
    return frozenset(card["loaded_patients"]) | frozenset(card.get("parent_patients", []))


def warm_parents(
    *, project: Project, plan: Plan, folds: int, snapshot: Snapshot
) -> dict[MemberKey, EnsembleMember]:
    """Return the serving member that each (network, fold) goes on from; fresh ones are left out.

    A parent is taken only if the network is the same and the new member may itself learn from every
    patient the parent saw: so a changed fold, a withdrawal or an exclusion ends the lineage. A
    classifier always starts afresh: it is the round's own measure of what groups alone can teach.
    """
    serving = project.rounds.filter(state=Round.State.SERVING).first()
    if plan.initial == "none" or serving is None or serving.folds != folds:
        return {}
    networks = {one.key: one for one in plan.networks if one.label != "activation"}
    former = {network.key: network for network in Plan.from_json(serving.plan).networks}
    return {
        (member.network, member.fold): member
        for member in serving.members.filter(state=EnsembleMember.State.DONE)
        if (network := networks.get(member.network))
        and _is_same(network, former[member.network])
        and saw_only(
            member,
            {c.patient for c in snapshot.train_of(network.label) if c.fold % folds != member.fold},
        )
    }


def _is_same(network: NetworkPlan, former: NetworkPlan) -> bool:
    """Say whether one goes on where the other ended; how long each learns does not matter."""
    return replace(network, steps=None) == replace(former, steps=None)


def saw_only(member: EnsembleMember, patients: Set[str]) -> bool:
    """Say whether neither a member nor its parents loaded anyone beside these patients."""
    return seen_in_lineage(member) <= patients


def seen_in_lineage(member: EnsembleMember) -> frozenset[str]:
    """Return whom a member and all its parents loaded, joined card by card, none believed alone."""
    return frozenset().union(*(patients_seen(one.card) for one in _lineage(member)))


def taught_in_lineage(member: EnsembleMember) -> frozenset[str]:
    """Return whom the weights of a member have learned, its own steps or a parent's.

    A card written before cards named their inner split sets nobody apart: all count as learned.
    """
    return frozenset().union(
        *(
            patients_seen(one.card).difference(one.card.get("inner_patients", []))
            for one in _lineage(member)
        )
    )


def _lineage(member: EnsembleMember) -> Iterator[EnsembleMember]:
    ancestor: EnsembleMember | None = member
    while ancestor is not None:
        yield ancestor
        ancestor = ancestor.parent
