"""What waits for a reader, by purpose and in order; it leases nothing.

Every query here is bounded: a slice, or a count that stops at `COUNT_CAP`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
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
from annotation.selectors.labels import READING_LABEL, label_of

Purpose = Assignment.Purpose

ORDER = (Purpose.PICK, Purpose.SEED, Purpose.READ, Purpose.SEALED)
BLIND = frozenset({Purpose.PICK, Purpose.SEALED})
COUNT_CAP = 1_000


@dataclass(frozen=True, slots=True)
class Desk:
    """What a worklist question needs to know, read once: who reads what, under which round."""

    project: Project
    reader: User
    label: Label
    serving: Round | None
    is_checking: bool = False  # a lease just inserted does not count against itself


def desk_of(*, project: Project, reader: User) -> Desk:
    """Return the desk of `reader`, with the project's serving round if there is one."""
    serving = Round.objects.filter(project=project, state=Round.State.SERVING).first()
    return Desk(project, reader, label_of(project, READING_LABEL), serving)


def reading_order(*, split_seed: int, key: str) -> int:
    """Return a patient's place in the project's fixed shuffle, 0 to 2**62 - 1."""
    digest = hashlib.sha256(f"{split_seed}:reading:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2


def waiting_images(desk: Desk, purpose: str) -> QuerySet[Image, UUID]:
    """Return the ids of images that wait for `purpose`, the first to read first."""
    queue = _QUEUES.get(Purpose(purpose))
    return queue(desk) if queue else Image.objects.none().values_list("id", flat=True)


def still_waits(desk: Desk, purpose: str, image_id: UUID) -> bool:
    """Say, right after leasing an image, whether nobody had read it a moment before."""
    checking = replace(desk, is_checking=True)
    return waiting_images(checking, purpose).filter(id=image_id).exists()


def waiting_counts(*, project: Project, reader: User) -> dict[str, int]:
    """Return how many images wait for `reader`, by purpose, each counted up to COUNT_CAP."""
    desk = desk_of(project=project, reader=reader)
    return {purpose.value: waiting_count(desk, purpose) for purpose in ORDER}


def waiting_count(desk: Desk, purpose: str) -> int:
    """Count what waits for one purpose, up to COUNT_CAP."""
    limit = min(_seeds_to_draw(desk), COUNT_CAP) if purpose == Purpose.SEED else COUNT_CAP
    images = waiting_images(desk, purpose)
    if purpose != Purpose.READ:  # whose order is an index, the cheapest way to a thousand
        images = images.order_by()
    return images[:limit].count() if limit > 0 else 0


def own_open(*, project: Project, reader: User) -> QuerySet[Assignment]:
    """Return the reader's open cases: the current one first, then the prefetched one."""
    rows = Assignment.objects.filter(
        project=project, reader=reader, state=Assignment.State.OPEN, image__withdrawn_at=None
    )
    return rows.select_related("image", "image__study").order_by("is_prefetched", "created_at")


def _images(desk: Desk, split: Split) -> QuerySet[Image]:
    """Return the covid images of a split that are on nobody's desk, whatever the purpose.

    Double reads are apart: they are meant to be at two readers.
    """
    images = Image.objects.filter(
        project=desk.project,
        group=Image.Group.COVID,
        withdrawn_at=None,
        patient__split=split,
        patient__state=Patient.State.ACTIVE,
    )
    if desk.is_checking:  # it is on one's own already, and can be on no other
        return images
    held = Assignment.objects.filter(image=OuterRef("pk"), state__in=Assignment.HELD)
    return images.filter(~Exists(held.exclude(purpose=Purpose.DOUBLE)))


def _unread(desk: Desk, images: QuerySet[Image]) -> QuerySet[Image]:
    return images.filter(~Exists(Reference.objects.filter(image=OuterRef("pk"), label=desk.label)))


def _shuffled(images: QuerySet[Image]) -> QuerySet[Image, UUID]:
    return images.order_by("patient__reading_order", "pixel_sha256").values_list("id", flat=True)


def _seed(desk: Desk) -> QuerySet[Image, UUID]:
    images = _shuffled(_unread(desk, _images(desk, Split.TRAIN)))
    return images if _seeds_to_draw(desk) > 0 else images.none()


def _seeds_to_draw(desk: Desk) -> int:
    """Return how many seed images are neither read nor leased; none once a round serves."""
    if desk.serving:
        return 0
    drawn = Reference.objects.filter(
        project=desk.project,
        label=desk.label,
        superseded_by=None,
        image__patient__split=Split.TRAIN,
    ).exclude(mask_key="")
    leased = Assignment.objects.filter(
        project=desk.project, purpose=Purpose.SEED, state=Assignment.State.OPEN
    )
    size = desk.project.seed_size + desk.is_checking
    return size - drawn.order_by()[:size].count() - leased.order_by()[:size].count()


def _pick(desk: Desk) -> QuerySet[Image, UUID]:
    """Stage I: seed masks that a round proposed against and that nobody has judged yet."""
    images = _images(desk, Split.TRAIN)
    if desk.serving is None or desk.serving.stage != Round.Stage.STAGE_1:
        return _shuffled(images.none())
    sources = _sources()
    seeds = Reference.objects.filter(
        Exists(sources.filter(annotation__purpose=Purpose.SEED)),
        image=OuterRef("pk"),
        label=desk.label,
        superseded_by=None,
        method=Reference.Method.SINGLE,
    ).exclude(mask_key="")
    if _has_two_readers(desk.project):  # the author of a manual mask does not judge it
        seeds = seeds.filter(~Exists(sources.filter(annotation__reader=desk.reader)))
    proposed = Proposal.objects.filter(image=OuterRef("pk"), label=desk.label, round=desk.serving)
    return _shuffled(images.filter(Exists(seeds), Exists(proposed)))


def may_judge(desk: Desk, image_id: UUID) -> bool:
    """Say whether this reader may judge the manual mask of an image; alone they judge their own."""
    own = _sources().filter(annotation__reader=desk.reader)
    drawn = Reference.objects.filter(
        Exists(own), image=image_id, label=desk.label, superseded_by=None
    )
    return not _has_two_readers(desk.project) or not drawn.exists()


def _sources() -> QuerySet[ReferenceSource]:
    return ReferenceSource.objects.filter(reference=OuterRef("pk"))


def _has_two_readers(project: Project) -> bool:
    readers = Membership.objects.filter(project=project, role__in=ROLES[Permission.READ_CASES])
    return readers.values("user").distinct()[:2].count() == 2


def _read(desk: Desk) -> QuerySet[Image, UUID]:
    """Stage II and later: what has a proposal and no reference, most disputed first."""
    images = _unread(desk, _images(desk, Split.TRAIN))
    if desk.serving is None or desk.serving.stage == Round.Stage.STAGE_1:
        return images.none().values_list("id", flat=True)
    proposed = images.filter(
        proposals__round=desk.serving,
        proposals__label=desk.label,
        proposals__kind=Proposal.Kind.ENSEMBLE,
        proposals__is_waiting=True,
    )
    # Exactly the order of the index proposal_worklist, walked backwards: no sort of a whole round.
    return proposed.order_by("-proposals__disagreement", "pixel_sha256").values_list(
        "id", flat=True
    )


def _sealed(desk: Desk) -> QuerySet[Image, UUID]:
    return _shuffled(_unread(desk, _images(desk, Split.SEALED)))


_QUEUES = {Purpose.PICK: _pick, Purpose.SEED: _seed, Purpose.READ: _read, Purpose.SEALED: _sealed}


def next_images(
    desk: Desk, purposes: Collection[str], *, skip: Collection[UUID], at_most: int
) -> list[tuple[str, UUID]]:
    """Return the first (purpose, image id) to offer, from the first purpose that has any."""
    for purpose in purposes:
        if found := list(waiting_images(desk, purpose).exclude(id__in=skip)[:at_most]):
            return [(purpose, image) for image in found]
    return []
