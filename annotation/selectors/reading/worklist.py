"""The images that wait for a reader, by purpose and in order. Nothing here leases a case.

Every query is bounded: a slice, or a count that stops at `COUNT_CAP`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from django.db.models import QuerySet

from annotation.models import Assignment, Image, Project, Round, User
from annotation.selectors.labels import READING_LABEL, label_of
from annotation.selectors.reading.queues import QUEUES, Purpose, WorklistScope, seeds_to_draw

ORDER = (Purpose.PICK, Purpose.SEED, Purpose.READ, Purpose.SEALED)
BLIND = frozenset({Purpose.PICK, Purpose.SEALED})
COUNT_CAP = 1_000


def worklist_scope(*, project: Project, reader: User) -> WorklistScope:
    """Return the scope of a reader's worklist, with the project's serving round if there is one."""
    serving = Round.objects.filter(project=project, state=Round.State.SERVING).first()
    return WorklistScope(project, reader, label_of(project, READING_LABEL), serving)


def reading_order(*, split_seed: int, key: str) -> int:
    """Return a patient's place in the project's fixed shuffle, 0 to 2**62 - 1."""
    digest = hashlib.sha256(f"{split_seed}:reading:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2


def waiting_images(scope: WorklistScope, purpose: str) -> QuerySet[Image, UUID]:
    """Return the ids of images that wait for `purpose`, in reading order."""
    queue = QUEUES.get(Purpose(purpose))
    return queue(scope) if queue else Image.objects.none().values_list("id", flat=True)


def still_waits(scope: WorklistScope, purpose: str, image_id: UUID) -> bool:
    """Return whether an image that was just leased had not been read before the lease."""
    scope = replace(scope, ignores_leases=True)
    return waiting_images(scope, purpose).filter(id=image_id).exists()


def waiting_counts(*, project: Project, reader: User) -> dict[str, int]:
    """Return how many images wait for `reader`, by purpose, each counted up to COUNT_CAP."""
    scope = worklist_scope(project=project, reader=reader)
    return {purpose.value: waiting_count(scope, purpose) for purpose in ORDER}


def waiting_count(scope: WorklistScope, purpose: str) -> int:
    """Return how many images wait for one purpose, counted up to COUNT_CAP."""
    limit = min(seeds_to_draw(scope), COUNT_CAP) if purpose == Purpose.SEED else COUNT_CAP
    images = waiting_images(scope, purpose)
    if purpose != Purpose.READ:  # READ keeps its order: its index is the fastest way to count
        images = images.order_by()
    return images[:limit].count() if limit > 0 else 0


def next_images(
    scope: WorklistScope, purposes: Collection[str], *, skip: Collection[UUID], at_most: int
) -> list[tuple[str, UUID]]:
    """Return the first (purpose, image id) pairs of the first purpose for which images wait."""
    for purpose in purposes:
        if images := list(waiting_images(scope, purpose).exclude(id__in=skip)[:at_most]):
            return [(purpose, image) for image in images]
    return []


def open_assignments(*, project: Project, reader: User) -> QuerySet[Assignment]:
    """Return the reader's open cases: the current one first, then the prefetched one."""
    rows = Assignment.objects.filter(
        project=project, reader=reader, state=Assignment.State.OPEN, image__withdrawn_at=None
    )
    return rows.select_related("image", "image__study").order_by("is_prefetched", "created_at")
