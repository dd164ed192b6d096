"""What a reader is shown: one case, and the bytes that belong to it.

A blind case carries no name, round, probability or threshold, in any field.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q

from annotation.errors import NotFound
from annotation.models import (
    Assignment,
    Candidate,
    Draft,
    Image,
    Label,
    Proposal,
    User,
)
from annotation.permissions import Permission, may, project_for, roles_in
from annotation.selectors.reading import worklist
from annotation.selectors.reading.comparisons import has_comparisons, is_beside_open_case


@dataclass(frozen=True, slots=True)
class Position:
    """Case `n` of the `of` that this reader has had and still has to read."""

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
        """The ensemble's proposal where the read is open: a blind one has no figure of it."""
        if self.assignment.is_blind:
            return None
        offered = (row.proposal for row in self.candidates if row.proposal)
        return next((one for one in offered if one.kind == Proposal.Kind.ENSEMBLE), None)

    @property
    def case_key(self) -> str:
        """The opaque name of the patient, the same for all of their images in this project."""
        return case_key(self.assignment.image)


def case_of(assignment: Assignment) -> Case:
    """Return what the reader of `assignment` is shown."""
    desk = worklist.desk_of(project=assignment.project, reader=assignment.reader)
    candidates = assignment.candidates.select_related("proposal", "annotation")
    return Case(
        assignment=assignment,
        label=desk.label,
        candidates=tuple(candidates[:26]),
        draft=assignment.drafts.filter(label=desk.label).first(),
        position=_position(desk, assignment),
        has_comparisons=has_comparisons(assignment.image),
        times_submitted=assignment.annotations.count()
        if assignment.state == Assignment.State.REOPENED
        else 0,
    )


def case_key(image: Image) -> str:
    """Return six hex digits that cannot be turned back into a patient or a file name."""
    subject = f"case:{image.project_id}:{image.patient_id}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), subject, hashlib.sha256).hexdigest()[:6]


def _position(desk: worklist.Desk, assignment: Assignment) -> Position:
    # Cases, not annotations: one that was submitted anew has two, and none while it is open.
    counts = Assignment.objects.filter(
        project=desk.project,
        reader=desk.reader,
        purpose=assignment.purpose,
        round=assignment.round,
    ).aggregate(
        done=Count("id", filter=Q(state=Assignment.State.SUBMITTED)),
        # What is fetched ahead or put aside waits for this reader too, and for nobody else.
        others=Count("id", filter=Q(state=Assignment.State.OPEN) & ~Q(id=assignment.id)),
    )
    n = counts["done"] + 1 + (1 if assignment.is_prefetched else 0)
    waiting = worklist.waiting_count(desk, assignment.purpose)
    return Position(n=n, of=max(n, counts["done"] + 1 + counts["others"] + waiting))


def shown_image(*, user: User, image_id: UUID) -> Image:
    """Return an image whose pixels `user` may fetch: staff, or who reads its patient right now.

    A reader sees the film of their open case and the patient's others beside it. Everybody else is
    told that it does not exist.
    """
    image = Image.objects.select_related("project").filter(id=image_id).first()
    if image is not None and (
        (
            may(user, Permission.READ_CASES, image.project)
            and is_beside_open_case(user=user, image=image)
        )
        or may(user, Permission.SEE_IMAGES, image.project)
    ):
        return image
    raise NotFound("There is no such image that you can see.")


def _may_see_pixels(user: User, image: Image) -> bool:
    if may(user, Permission.SEE_IMAGES, image.project):
        return True
    is_beside = is_beside_open_case(user=user, image=image)
    return is_beside and may(user, Permission.READ_CASES, image.project)


def shown_candidate(*, user: User, candidate_id: UUID) -> Candidate:
    """Return a candidate of the reader's own open case; any other does not exist."""
    candidate = (
        Candidate.objects.filter(
            id=candidate_id,
            assignment__reader=user,
            assignment__state__in=Assignment.HELD,
        )
        .select_related("assignment__project", "assignment__image", "proposal")
        .first()
    )
    if candidate is None or not may(user, Permission.READ_CASES, candidate.assignment.project):
        raise NotFound("There is no such candidate in a case of yours.")
    return candidate


def compared_case(*, user: User, assignment_id: UUID) -> Assignment:
    """Return the reader's own open case, to lay other films beside it; any other does not exist."""
    rows = Assignment.objects.filter(
        id=assignment_id, reader=user, state__in=Assignment.HELD
    ).select_related("project", "image")
    if (row := rows.first()) is None or not may(user, Permission.READ_CASES, row.project):
        raise NotFound("There is no such open case of yours.")
    return row


def shown_layer(*, user: User, assignment_id: UUID, label: str) -> Proposal:
    """Return the ensemble's proposal behind a layer of the reader's own open case.

    A blind read has no layers, so there it does not exist.
    """
    row = (
        Assignment.objects.filter(
            id=assignment_id, reader=user, state__in=Assignment.HELD, is_blind=False
        )
        .select_related("project", "image")
        .first()
    )
    if row is not None and row.round_id and may(user, Permission.READ_CASES, row.project):
        found = Proposal.objects.filter(
            round=row.round_id, image=row.image, label__key=label, kind=Proposal.Kind.ENSEMBLE
        )
        if proposal := found.select_related("image").first():
            return proposal
    raise NotFound("There is no such layer in a case of yours.")


def has_activation_map(ensemble: Proposal) -> bool:
    """Say whether the round of an ensemble's proposal has a Grad-CAM map of the same image."""
    return Proposal.objects.filter(
        round=ensemble.round_id,
        image=ensemble.image_id,
        label__key="activation",
        kind=Proposal.Kind.ENSEMBLE,
    ).exists()


def held_assignment(*, user: User, assignment_id: UUID) -> Assignment:
    """Return an assignment of anybody that `user`, a curator, may reassign."""
    row = Assignment.objects.filter(id=assignment_id).select_related("project", "image").first()
    if row is None or not roles_in(user, row.project):
        raise NotFound("There is no such case that you can see.")
    project_for(user, row.project.slug, Permission.REASSIGN)
    return row


def case_with_lost_masks(*, user: User, assignment_id: UUID) -> Assignment:
    """Return an assignment whose lost masks `user` may see: its reader, a curator once it is over.

    To everybody else it does not exist.
    """
    rows = Assignment.objects.select_related("project", "image")
    row = rows.filter(id=assignment_id).first()
    if row is not None and (
        (row.reader_id == user.pk and may(user, Permission.READ_CASES, row.project))
        or (row.state not in Assignment.HELD and may_see_lost_masks(user, row.image))
    ):
        return row
    raise NotFound("There is no such case whose masks you can see.")


def may_see_lost_masks(user: User, image: Image) -> bool:
    """Say whether a curator may see others' masks of an image: not while they read it too."""
    return may(user, Permission.SEE_LOST_MASKS, image.project) and not _has_open(user, image)


def _has_open(user: User, image: Image) -> bool:
    return Assignment.objects.filter(image=image, reader=user, state__in=Assignment.HELD).exists()
