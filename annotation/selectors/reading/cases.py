"""A case as its reader sees it: the assignment with everything that the reader may see.

A blind case carries no network's name, round, probability or threshold, in any field.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Q

from annotation.models import Assignment, Candidate, Draft, Image, Label, Proposal
from annotation.selectors.reading import worklist
from annotation.selectors.reading.comparisons import has_comparisons
from annotation.selectors.reading.queues import WorklistScope


@dataclass(frozen=True, slots=True)
class Position:
    """Case `n` of the `of` cases that this reader submitted, holds and still has to read."""

    n: int
    of: int


@dataclass(frozen=True, slots=True)
class Case:
    """An assignment with everything that its reader may see."""

    assignment: Assignment
    label: Label
    candidates: tuple[Candidate, ...]
    draft: Draft | None
    position: Position
    has_comparisons: bool
    times_submitted: int

    @property
    def ensemble(self) -> Proposal | None:
        """The ensemble's proposal. None in a blind read, which shows none of its figures."""
        if self.assignment.is_blind:
            return None
        proposals = (row.proposal for row in self.candidates if row.proposal)
        return next((row for row in proposals if row.kind == Proposal.Kind.ENSEMBLE), None)

    @property
    def case_key(self) -> str:
        """The opaque name of the patient, the same for all of their images in this project."""
        return case_key(self.assignment.image)


def case_of(assignment: Assignment) -> Case:
    """Return the case that the reader of `assignment` sees."""
    scope = worklist.worklist_scope(project=assignment.project, reader=assignment.reader)
    candidates = assignment.candidates.select_related("proposal", "annotation")
    is_reopened = assignment.state == Assignment.State.REOPENED
    return Case(
        assignment=assignment,
        label=scope.label,
        candidates=tuple(candidates[:26]),
        draft=assignment.drafts.filter(label=scope.label).first(),
        position=_position(scope, assignment),
        has_comparisons=has_comparisons(assignment.image),
        times_submitted=assignment.annotations.count() if is_reopened else 0,
    )


def case_key(image: Image) -> str:
    """Return six hex digits that cannot be turned back into a patient or a file name."""
    subject = f"case:{image.project_id}:{image.patient_id}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), subject, hashlib.sha256).hexdigest()[:6]


def has_activation_map(ensemble: Proposal) -> bool:
    """Return whether the round of an ensemble's proposal has a Grad-CAM map of the same image."""
    return Proposal.objects.filter(
        round=ensemble.round_id,
        image=ensemble.image_id,
        label__key="activation",
        kind=Proposal.Kind.ENSEMBLE,
    ).exists()


def _position(scope: WorklistScope, assignment: Assignment) -> Position:
    # Count cases, not annotations: a case that was submitted again has two annotations.
    counts = Assignment.objects.filter(
        project=scope.project,
        reader=scope.reader,
        purpose=assignment.purpose,
        round=assignment.round,
    ).aggregate(
        done=Count("id", filter=Q(state=Assignment.State.SUBMITTED)),
        # Prefetched cases and cases saved for later wait for this reader too, and for nobody else.
        others=Count("id", filter=Q(state=Assignment.State.OPEN) & ~Q(id=assignment.id)),
    )
    n = counts["done"] + 1 + (1 if assignment.is_prefetched else 0)
    waiting = worklist.waiting_count(scope, assignment.purpose)
    return Position(n=n, of=max(n, counts["done"] + 1 + counts["others"] + waiting))
