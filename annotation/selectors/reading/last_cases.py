"""The last ten cases that a reader submitted in a project, and which may be taken up again.

A reader sees here what they did themselves, no name and no figure of a proposal. A case that may
not be taken up again shows no mask: the same film may be before its reader blind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from annotation.errors import NotFound
from annotation.models import Annotation, Assignment, Project, ReferenceSource, User
from annotation.permissions import Permission, may

AT_MOST = 10

Purpose = Assignment.Purpose
State = Assignment.State


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a case may not be taken up again."""

    code: str
    sentence: str


WITHDRAWN = Refusal("withdrawn", "This image was withdrawn from the project.")
SUPERSEDED = Refusal("superseded", "A later decision on this image counts now.")
COMPARED = Refusal("compared", "A second reading or an adjudication of this image used yours.")
HELD = Refusal("held", "This image is open for another reading right now.")
ANOTHER = Refusal(
    "another_reopened", "Another case is open again: submit it or leave it as it was first."
)


@dataclass(frozen=True, slots=True)
class LastCase:
    """A submitted case with the annotation that stands, and why it may not be taken up again."""

    assignment: Assignment
    annotation: Annotation
    refusal: Refusal | None

    @property
    def is_reopened(self) -> bool:
        """Whether its reader has it on the desk again."""
        return self.assignment.state == State.REOPENED

    @property
    def is_shown(self) -> bool:
        """Whether its film and mask may be looked at."""
        return self.refusal in (None, ANOTHER)


def last_cases(*, project: Project, reader: User) -> list[LastCase]:
    """Return what the reader submitted last, the one that is open again first; five queries."""
    recent = _recent(project, reader)
    return _judged(recent, recent)


def last_case(assignment: Assignment) -> LastCase | None:
    """Return one of its reader's last cases; None where it is not among them."""
    recent = _recent(assignment.project, assignment.reader)
    return next(iter(_judged([row for row in recent if row.pk == assignment.pk], recent)), None)


def shown_case(*, user: User, assignment_id: UUID) -> LastCase:
    """Return one of the user's own last cases whose pictures they may see; no other exists."""
    rows = Assignment.objects.select_related("project", "reader")
    row = rows.filter(id=assignment_id, reader=user).first()
    if row is not None and may(user, Permission.READ_CASES, row.project):
        found = last_case(row)
        if found is not None and found.is_shown:
            return found
    raise NotFound("There is no such case among your last ones.")


def standing_annotation(assignment: Assignment) -> Annotation | None:
    """Return what was submitted last on a case; None before."""
    return Annotation.objects.filter(assignment=assignment, superseded_by=None).first()


def reopened_case(*, project: Project, reader: User) -> str | None:
    """Return the id of the case that `reader` has open again and may submit; None: none."""
    row = Assignment.objects.filter(project=project, reader=reader, state=State.REOPENED).first()
    found = None if row is None else last_case(row)
    return str(found.assignment.id) if found and found.refusal is None else None


def _recent(project: Project, reader: User) -> list[Assignment]:
    """Ask once for both states: a case that goes from one to the other meanwhile is in one."""
    own = Assignment.objects.filter(project=project, reader=reader)
    last = own.filter(state=State.SUBMITTED).order_by("-closed_at")[:AT_MOST]
    found = own.filter(Q(state=State.REOPENED) | Q(pk__in=last.values("pk")))
    rows = found.select_related("project", "reader", "image__study").order_by("-closed_at")
    return sorted(rows, key=lambda row: row.state != State.REOPENED)[:AT_MOST]


@dataclass(frozen=True, slots=True)
class _Circumstances:
    """What else there is on the images of some cases."""

    compared: frozenset[tuple[UUID, UUID | None]]  # image, assignment
    held: frozenset[tuple[UUID, UUID, str]]  # image, assignment, purpose
    reopened: frozenset[UUID]

    @classmethod
    def of(cls, rows: Sequence[Assignment], recent: Sequence[Assignment]) -> Self:
        images = [row.image_id for row in rows]
        second = Annotation.objects.filter(
            image__in=images, purpose__in=(Purpose.DOUBLE, Purpose.ADJUDICATE)
        )
        held = Assignment.objects.filter(image__in=images, state__in=Assignment.HELD)
        held = held.exclude(purpose=Purpose.DOUBLE)
        return cls(
            compared=frozenset(second.values_list("image_id", "assignment_id")),
            held=frozenset(held.values_list("image_id", "id", "purpose")),
            reopened=frozenset(row.pk for row in recent if row.state == State.REOPENED),
        )

    def refusal(self, row: Assignment, *, is_current: bool) -> Refusal | None:
        """Return the reason to name, the one that is for good before the one that may pass."""
        # A double read has no reference, and shares its image until somebody adjudicates.
        is_double = row.purpose == Purpose.DOUBLE
        if row.image.withdrawn_at is not None:
            return WITHDRAWN
        if any(image == row.image_id and other != row.pk for image, other in self.compared):
            return COMPARED
        if not is_double and not is_current:
            return SUPERSEDED
        if any(
            image == row.image_id
            and other != row.pk
            and (not is_double or purpose == Purpose.ADJUDICATE)
            for image, other, purpose in self.held
        ):
            return HELD
        return ANOTHER if self.reopened - {row.pk} else None


def _judged(rows: Sequence[Assignment], recent: Sequence[Assignment]) -> list[LastCase]:
    if not rows:
        return []
    current = ReferenceSource.objects.filter(
        annotation=OuterRef("pk"), reference__superseded_by=None
    )
    standing = Annotation.objects.filter(assignment__in=rows, superseded_by=None)
    # In the same query, or a submission in between would look like somebody else's.
    standing = standing.annotate(is_current=Exists(current))
    by_case = {annotation.assignment_id: annotation for annotation in standing}
    around = _Circumstances.of(rows, recent)
    return [
        LastCase(row, annotation, around.refusal(row, is_current=annotation.is_current))
        for row in rows
        if (annotation := by_case.get(row.pk))
    ]
