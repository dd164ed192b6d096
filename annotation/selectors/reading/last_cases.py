"""The last ten cases that a reader submitted in a project, and whether each may be reopened.

A reader sees their own decisions here, but no name of a network and no figure of a proposal. A case
that may not be reopened shows no mask: its reader may have the same image in a blind read.
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
    """Why a case may not be reopened."""

    code: str
    sentence: str


WITHDRAWN = Refusal("withdrawn", "This image was withdrawn from the project.")
SUPERSEDED = Refusal("superseded", "A later decision on this image counts now.")
COMPARED = Refusal("compared", "A second reading or an adjudication of this image used yours.")
HELD = Refusal("held", "Another reading of this image is open right now.")
ANOTHER = Refusal(
    "another_reopened", "Another case is reopened: first submit it or leave it as it was."
)


@dataclass(frozen=True, slots=True)
class LastCase:
    """A submitted case with its current annotation, and the reason if it may not be reopened."""

    assignment: Assignment
    annotation: Annotation
    refusal: Refusal | None

    @property
    def is_reopened(self) -> bool:
        """Whether its reader has reopened it."""
        return self.assignment.state == State.REOPENED

    @property
    def is_shown(self) -> bool:
        """Whether its reader may see the image and the mask."""
        return self.refusal in (None, ANOTHER)


def last_cases(*, project: Project, reader: User) -> list[LastCase]:
    """Return the cases that the reader submitted last, a reopened case first; five queries."""
    recent = _recent_assignments(project, reader)
    return _with_refusals(recent, recent)


def last_case(assignment: Assignment) -> LastCase | None:
    """Return this assignment as one of its reader's last cases; None if it is not among them."""
    recent = _recent_assignments(assignment.project, assignment.reader)
    rows = [row for row in recent if row.pk == assignment.pk]
    return next(iter(_with_refusals(rows, recent)), None)


def shown_last_case(*, user: User, assignment_id: UUID) -> LastCase:
    """Return one of the user's last cases if they may see its pictures; raise NotFound if not."""
    rows = Assignment.objects.select_related("project", "reader")
    row = rows.filter(id=assignment_id, reader=user).first()
    if row is not None and may(user, Permission.READ_CASES, row.project):
        case = last_case(row)
        if case is not None and case.is_shown:
            return case
    raise NotFound("There is no such case among your last ones.")


def current_annotation(assignment: Assignment) -> Annotation | None:
    """Return the annotation that was submitted last on a case; None before the first one."""
    return Annotation.objects.filter(assignment=assignment, superseded_by=None).first()


def reopened_case_id(*, project: Project, reader: User) -> str | None:
    """Return the id of the reopened case that `reader` may submit; None if there is none."""
    row = Assignment.objects.filter(project=project, reader=reader, state=State.REOPENED).first()
    case = None if row is None else last_case(row)
    return str(case.assignment.id) if case and case.refusal is None else None


def _recent_assignments(project: Project, reader: User) -> list[Assignment]:
    """Return the reopened and the last submitted assignments, a reopened one first."""
    # One query for both states: a case that changes its state meanwhile is found exactly once.
    rows = Assignment.objects.filter(project=project, reader=reader)
    last = rows.filter(state=State.SUBMITTED).order_by("-closed_at")[:AT_MOST]
    rows = rows.filter(Q(state=State.REOPENED) | Q(pk__in=last.values("pk")))
    rows = rows.select_related("project", "reader", "image__study").order_by("-closed_at")
    return sorted(rows, key=lambda row: row.state != State.REOPENED)[:AT_MOST]


@dataclass(frozen=True, slots=True)
class _OtherReadings:
    """The other annotations and open assignments on the images of some cases."""

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
        """Return why `row` may not be reopened. A permanent reason wins over a temporary one."""
        # A double read has no reference and shares its image until an adjudicator decides.
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


def _with_refusals(rows: Sequence[Assignment], recent: Sequence[Assignment]) -> list[LastCase]:
    if not rows:
        return []
    current = ReferenceSource.objects.filter(
        annotation=OuterRef("pk"), reference__superseded_by=None
    )
    annotations = Annotation.objects.filter(assignment__in=rows, superseded_by=None)
    # In the same query: a submission between two queries would look like another reader's.
    annotations = annotations.annotate(is_current=Exists(current))
    by_case = {annotation.assignment_id: annotation for annotation in annotations}
    others = _OtherReadings.of(rows, recent)
    return [
        LastCase(row, annotation, others.refusal(row, is_current=annotation.is_current))
        for row in rows
        if (annotation := by_case.get(row.pk))
    ]
