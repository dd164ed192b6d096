"""Find leaks: compare proposals with the cards, which list the patients that were really loaded.

A missing card counts as a leak, because nothing shows that the network did not see the patient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from annotation.models import EnsembleMember, Patient, Project, Proposal, Round, Split
from annotation.selectors.rounds.lineage import MemberKey, seen_in_lineage
from annotation.selectors.rounds.training_cases import patient_hash

Kind = Literal["seen_patient", "sealed_in_training", "sealed_proposal", "no_card"]


@dataclass(frozen=True, slots=True)
class Leak:
    """A patient whom a network saw, or proposed on, and should not have. Hashed, never a name."""

    kind: Kind
    round: int
    network: str
    fold: int | None
    patient: str
    image: str | None = None

    @property
    def sentence(self) -> str:
        """The leak as a sentence."""
        who = f"patient {self.patient[:8]}"
        member = f"{self.network} without fold {self.fold}"
        return {
            "seen_patient": f"{member} proposed on image {self.image}, but had loaded {who}.",
            "sealed_in_training": f"{member} had loaded the sealed {who}.",
            "sealed_proposal": f"{self.network} proposed on image {self.image} of sealed {who}.",
            "no_card": f"{member} proposed on image {self.image}, but has no card.",
        }[self.kind]


def find_leaks(round: Round) -> tuple[Leak, ...]:
    """Return every leak of a round, from its cards and its proposals."""
    seen = _seen_by_member(round)
    sealed = _sealed_patients(round.project)
    return (*_leaks_in_cards(round, seen, sealed), *_leaks_in_proposals(round, seen))


def find_project_leaks(project: Project) -> tuple[Leak, ...]:
    """Return every leak of every round of a project."""
    return tuple(leak for round in project.rounds.all() for leak in find_leaks(round))


def _seen_by_member(round: Round) -> dict[MemberKey, frozenset[str]]:
    """Return the patients that each member saw, including its parents' patients."""
    done = EnsembleMember.objects.filter(round=round, state=EnsembleMember.State.DONE)
    return {
        (member.network, member.fold): seen_in_lineage(member)
        for member in done
        if "loaded_patients" in member.card
    }


def _sealed_patients(project: Project) -> frozenset[str]:
    keys = Patient.objects.filter(project=project, split=Split.SEALED)
    return frozenset(patient_hash(project.id, key) for key in keys.values_list("key", flat=True))


def _leaks_in_cards(
    round: Round, seen: Mapping[MemberKey, frozenset[str]], sealed: frozenset[str]
) -> Iterator[Leak]:
    for (network, fold), patients in sorted(seen.items()):
        for patient in sorted(patients & sealed):
            yield Leak("sealed_in_training", round.number, network, fold, patient)


def _leaks_in_proposals(round: Round, seen: Mapping[MemberKey, frozenset[str]]) -> Iterator[Leak]:
    rows = Proposal.objects.filter(round=round).order_by("image_id", "network", "kind")
    fields = ("image_id", "image__patient__key", "image__patient__split", "network", "members")
    for image, key, split, proposer, members in rows.values_list(*fields).iterator(2000):
        patient = patient_hash(round.project_id, key)
        if split == Split.SEALED:
            yield Leak("sealed_proposal", round.number, proposer, None, patient, str(image))
        for network, fold in members:
            loaded = seen.get((network, fold))
            if loaded is None:
                yield Leak("no_card", round.number, network, fold, patient, str(image))
            elif patient in loaded:
                yield Leak("seen_patient", round.number, network, fold, patient, str(image))
