"""The images that wait for each kind of reading, in reading order. Nothing here leases a case.

Every query is bounded by its caller: a slice, or a count that stops at a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from annotation.models import (
    Assignment,
    Image,
    Label,
    Membership,
    Patient,
    Project,
    Proposal,
    Reference,
    ReferenceSource,
    Round,
    Split,
    User,
)
from annotation.permissions import ROLES, Permission

Purpose = Assignment.Purpose


@dataclass(frozen=True, slots=True)
class WorklistScope:
    """The reader, project, label and serving round for which a worklist is asked."""

    project: Project
    reader: User
    label: Label
    serving: Round | None
    # Set right after a lease was inserted, so that the lease does not hide its own image.
    ignores_leases: bool = False


def seeds_to_draw(scope: WorklistScope) -> int:
    """Return how many seed images are neither read nor leased; 0 once a round serves."""
    if scope.serving:
        return 0
    drawn = Reference.objects.filter(
        project=scope.project,
        label=scope.label,
        superseded_by=None,
        image__patient__split=Split.TRAIN,
    ).exclude(mask_key="")
    leased = Assignment.objects.filter(
        project=scope.project, purpose=Purpose.SEED, state=Assignment.State.OPEN
    )
    size = scope.project.seed_size + scope.ignores_leases
    return size - drawn.order_by()[:size].count() - leased.order_by()[:size].count()


def may_judge(scope: WorklistScope, image_id: UUID) -> bool:
    """Return whether the reader may judge the manual mask of an image.

    Readers do not judge masks that they drew, unless they are the project's only reader.
    """
    drawn_by_reader = _sources().filter(annotation__reader=scope.reader)
    drawn = Reference.objects.filter(
        Exists(drawn_by_reader), image=image_id, label=scope.label, superseded_by=None
    )
    return not _has_two_readers(scope.project) or not drawn.exists()


def _seed_queue(scope: WorklistScope) -> QuerySet[Image, UUID]:
    """Return images to draw by hand before the first round, up to the project's seed size."""
    images = _in_reading_order(_without_reference(scope, _free_images(scope, Split.TRAIN)))
    return images if seeds_to_draw(scope) > 0 else images.none()


def _pick_queue(scope: WorklistScope) -> QuerySet[Image, UUID]:
    """Return the images of stage I: seed images with proposals, whose mask nobody judged yet."""
    images = _free_images(scope, Split.TRAIN)
    if scope.serving is None or scope.serving.stage != Round.Stage.STAGE_1:
        return _in_reading_order(images.none())
    sources = _sources()
    seeds = Reference.objects.filter(
        Exists(sources.filter(annotation__purpose=Purpose.SEED)),
        image=OuterRef("pk"),
        label=scope.label,
        superseded_by=None,
        method=Reference.Method.SINGLE,
    ).exclude(mask_key="")
    if _has_two_readers(scope.project):  # the author of a manual mask does not judge it
        seeds = seeds.filter(~Exists(sources.filter(annotation__reader=scope.reader)))
    proposals = Proposal.objects.filter(
        image=OuterRef("pk"), label=scope.label, round=scope.serving
    )
    return _in_reading_order(images.filter(Exists(seeds), Exists(proposals)))


def _read_queue(scope: WorklistScope) -> QuerySet[Image, UUID]:
    """Return the images of later stages: proposed on, without reference, most disputed first."""
    images = _without_reference(scope, _free_images(scope, Split.TRAIN))
    if scope.serving is None or scope.serving.stage == Round.Stage.STAGE_1:
        return images.none().values_list("id", flat=True)
    proposed = images.filter(
        proposals__round=scope.serving,
        proposals__label=scope.label,
        proposals__kind=Proposal.Kind.ENSEMBLE,
        proposals__is_waiting=True,
    )
    # The order of the index proposal_worklist, walked backwards: no sort of a whole round.
    return proposed.order_by("-proposals__disagreement", "pixel_sha256").values_list(
        "id", flat=True
    )


def _sealed_queue(scope: WorklistScope) -> QuerySet[Image, UUID]:
    return _in_reading_order(_without_reference(scope, _free_images(scope, Split.SEALED)))


QUEUES: Mapping[str, Callable[[WorklistScope], QuerySet[Image, UUID]]] = {
    Purpose.PICK: _pick_queue,
    Purpose.SEED: _seed_queue,
    Purpose.READ: _read_queue,
    Purpose.SEALED: _sealed_queue,
}


def _free_images(scope: WorklistScope, split: Split) -> QuerySet[Image]:
    """Return the COVID images of a split that no reader holds for any purpose.

    Double reads do not count: two readers hold the same image on purpose.
    """
    images = Image.objects.filter(
        project=scope.project,
        group=Image.Group.COVID,
        withdrawn_at=None,
        patient__split=split,
        patient__state=Patient.State.ACTIVE,
    )
    if scope.ignores_leases:  # this reader holds it, so the constraint keeps other readers out
        return images
    held = Assignment.objects.filter(image=OuterRef("pk"), state__in=Assignment.HELD)
    return images.filter(~Exists(held.exclude(purpose=Purpose.DOUBLE)))


def _without_reference(scope: WorklistScope, images: QuerySet[Image]) -> QuerySet[Image]:
    references = Reference.objects.filter(image=OuterRef("pk"), label=scope.label)
    return images.filter(~Exists(references))


def _in_reading_order(images: QuerySet[Image]) -> QuerySet[Image, UUID]:
    return images.order_by("patient__reading_order", "pixel_sha256").values_list("id", flat=True)


def _sources() -> QuerySet[ReferenceSource]:
    return ReferenceSource.objects.filter(reference=OuterRef("pk"))


def _has_two_readers(project: Project) -> bool:
    readers = Membership.objects.filter(project=project, role__in=ROLES[Permission.READ_CASES])
    return readers.values("user").distinct()[:2].count() == 2
