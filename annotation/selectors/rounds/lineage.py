"""Find the trained member from which a warm start continues, and all patients its weights saw.

Lineage is transitive: a child has seen every patient that its parent saw.
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
    """Return the serving member from which each (network, fold) starts.

    A (network, fold) that starts fresh has no entry.

    A parent is taken only if the network is the same and the new member may itself learn from every
    patient that the parent saw. So a changed fold, a withdrawal or an exclusion ends the lineage. A
    classifier always starts fresh: it measures what this round's groups alone can teach.
    """
    serving = project.rounds.filter(state=Round.State.SERVING).first()
    if plan.initial == "none" or serving is None or serving.folds != folds:
        return {}
    networks = {network.key: network for network in plan.networks if network.label != "activation"}
    former = {network.key: network for network in Plan.from_json(serving.plan).networks}
    return {
        (member.network, member.fold): member
        for member in serving.members.filter(state=EnsembleMember.State.DONE)
        if (network := networks.get(member.network))
        and _is_same(network, former[member.network])
        and saw_only(
            member,
            {
                case.patient
                for case in snapshot.train_of(network.label)
                if case.fold % folds != member.fold
            },
        )
    }


def _is_same(network: NetworkPlan, former: NetworkPlan) -> bool:
    """Return whether a network may start from the former one; the number of steps may differ."""
    return replace(network, steps=None) == replace(former, steps=None)


def saw_only(member: EnsembleMember, patients: Set[str]) -> bool:
    """Return whether a member and its parents loaded these patients only."""
    return seen_in_lineage(member) <= patients


def seen_in_lineage(member: EnsembleMember) -> frozenset[str]:
    """Return every patient that a member or one of its parents loaded, joined from all their cards.

    Each card also lists its parents' patients, but no card is trusted alone.
    """
    return frozenset().union(*(patients_seen(trained.card) for trained in _lineage(member)))


def learned_in_lineage(member: EnsembleMember) -> frozenset[str]:
    """Return the patients that a member's weights learned from, in its own or a parent's steps.

    A card of an older version does not name its inner split: all its patients count as learned.
    """
    return frozenset().union(
        *(
            patients_seen(trained.card).difference(trained.card.get("inner_patients", []))
            for trained in _lineage(member)
        )
    )


def _lineage(member: EnsembleMember) -> Iterator[EnsembleMember]:
    ancestor: EnsembleMember | None = member
    while ancestor is not None:
        yield ancestor
        ancestor = ancestor.parent
