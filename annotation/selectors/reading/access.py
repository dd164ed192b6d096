"""Rows of readings that a person may fetch by id. For everybody else the row does not exist."""

from __future__ import annotations

from uuid import UUID

from annotation.errors import NotFound
from annotation.models import Assignment, Candidate, Image, Proposal, Split, User
from annotation.permissions import Permission, may, project_for, roles_in
from annotation.selectors.reading.comparisons import is_beside_open_case


def assignment_for(*, user: User, assignment_id: UUID) -> Assignment:
    """Return an assignment of this reader, in any state."""
    row = (
        Assignment.objects.filter(id=assignment_id, reader=user)
        .select_related("project", "image", "image__study", "round")
        .first()
    )
    if row is None or not may(user, Permission.READ_CASES, row.project):
        raise NotFound("There is no such case of yours.")
    return row


def open_assignment_for(*, user: User, assignment_id: UUID) -> Assignment:
    """Return an assignment that this reader holds open."""
    row = (
        Assignment.objects.filter(id=assignment_id, reader=user, state__in=Assignment.HELD)
        .select_related("project", "image")
        .first()
    )
    if row is None or not may(user, Permission.READ_CASES, row.project):
        raise NotFound("There is no such open case of yours.")
    return row


def image_for(*, user: User, image_id: UUID) -> Image:
    """Return an image whose pixels `user` may see.

    Staff see every image of the project, but sealed images only as curators who are not engineers.
    A reader sees the image of an open case and the other images of the same patient.
    """
    image = Image.objects.select_related("project", "patient").filter(id=image_id).first()
    if image is not None and _may_see_pixels(user, image):
        return image
    raise NotFound("There is no such image that you can see.")


def candidate_for(*, user: User, candidate_id: UUID) -> Candidate:
    """Return a candidate of a case that this reader holds open."""
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


def layer_for(*, user: User, assignment_id: UUID, label: str) -> Proposal:
    """Return the ensemble's proposal behind a layer of a case that this reader holds open.

    A blind read has no layers.
    """
    row = (
        Assignment.objects.filter(
            id=assignment_id, reader=user, state__in=Assignment.HELD, is_blind=False
        )
        .select_related("project", "image")
        .first()
    )
    if row is not None and row.round_id and may(user, Permission.READ_CASES, row.project):
        proposals = Proposal.objects.filter(
            round=row.round_id, image=row.image, label__key=label, kind=Proposal.Kind.ENSEMBLE
        )
        if proposal := proposals.select_related("image").first():
            return proposal
    raise NotFound("There is no such layer in a case of yours.")


def assignment_to_reassign(*, user: User, assignment_id: UUID) -> Assignment:
    """Return an assignment of any reader that `user`, a curator, may reassign.

    Raises Forbidden for the other members of the project.
    """
    row = Assignment.objects.filter(id=assignment_id).select_related("project", "image").first()
    if row is None or not roles_in(user, row.project):
        raise NotFound("There is no such case that you can see.")
    project_for(user, row.project.slug, Permission.REASSIGN)
    return row


def assignment_with_lost_drafts(*, user: User, assignment_id: UUID) -> Assignment:
    """Return an assignment whose lost drafts `user` may see.

    Its reader may always see them, a curator once the case is closed.
    """
    rows = Assignment.objects.select_related("project", "image__patient")
    row = rows.filter(id=assignment_id).first()
    if row is not None and (
        (row.reader_id == user.pk and may(user, Permission.READ_CASES, row.project))
        or (row.state not in Assignment.HELD and may_see_lost_drafts(user, row.image))
    ):
        return row
    raise NotFound("There is no such case whose masks you can see.")


def may_see_lost_drafts(user: User, image: Image) -> bool:
    """Return whether a curator may see other readers' lost drafts of an image.

    A curator who reads the same image right now may not, and a curator who is also an engineer may
    not see masks of sealed images.
    """
    if not may(user, Permission.SEE_LOST_DRAFTS, image.project) or _is_kept_from(user, image):
        return False
    held = Assignment.objects.filter(image=image, reader=user, state__in=Assignment.HELD)
    return not held.exists()


def _may_see_pixels(user: User, image: Image) -> bool:
    reads_here = may(user, Permission.READ_CASES, image.project)
    if reads_here and is_beside_open_case(user=user, image=image):
        return True
    return may(user, Permission.SEE_IMAGES, image.project) and not _is_kept_from(user, image)


def _is_kept_from(user: User, image: Image) -> bool:
    """Return whether the image is sealed and `user` may see no sealed image."""
    is_sealed = image.patient.split == Split.SEALED
    return is_sealed and not may(user, Permission.SEE_SEALED_IMAGES, image.project)
