"""Encode stored films again that older imports kept with more than their pixels.

Since then, an import stores only what it encoded itself. A former import kept the rows of a plain
grey PNG as they were, and text may stand behind them. Such a film gets new bytes, and its former
bytes are destroyed. A release that holds them is then no longer available, as after an erasure.

The row names the new bytes before the former are destroyed: a kill never loses a film. The audit
names the former bytes by their hash, so that a repeat destroys what a killed run left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from annotation import storage
from annotation.errors import NotFound, Refused
from annotation.models import OPEN_STATES, AuditEvent, Image, Project, ReleaseItem
from annotation.services import audit
from mlloop.pixels.images import decode_image, encode_pixels
from mlloop.pixels.png_chunks import holds_only_rows, read_png_header

_VERB = "clean_film"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The numbers of films looked at and encoded again, and the releases that this closed."""

    films: int
    cleaned: int
    releases: list[str]


def clean_films(*, project: Project, progress: Callable[[int, int], None] | None = None) -> Cleaned:
    """Encode the project's films again that hold more than their pixels.

    If a call is killed, the next call does the rest, and names the releases that this closes.
    Raises Refused while a round is open, because its networks read the former bytes.
    """
    if project.rounds.filter(state__in=OPEN_STATES).exists():
        raise Refused("A round is open and reads these films. End it first.", code="round_open")
    rows = Image.objects.filter(project=project).order_by("pk")
    total, cleaned = rows.count(), 0
    closed = _finish_killed_run(project)
    for number, image in enumerate(rows.iterator(chunk_size=500), start=1):
        if (data := _surplus_bytes(image.pixels_key)) is not None:
            closed |= _clean(image, data)
            cleaned += 1
        if progress:
            progress(number, total)
    return Cleaned(total, cleaned, sorted(closed))


def _surplus_bytes(key: str) -> bytes | None:
    """Return the bytes of a film if they hold more than pixels, else None."""
    try:
        data = storage.read(key)
    except NotFound:  # erased, or missing: `check_invariants` lists it
        return None
    header = read_png_header(data)
    return None if header is not None and holds_only_rows(data, header) else data


def _finish_killed_run(project: Project) -> set[str]:
    """Destroy the former bytes that a killed run left; return the releases that held them."""
    closed: set[str] = set()
    events = AuditEvent.objects.filter(project=project, verb=_VERB)
    for facts in events.values_list("facts", flat=True).iterator():
        former = storage.key_of(project.pk, facts["former_sha256"])
        if storage.is_stored(former) and not storage.is_erased(former):
            closed |= _destroy(former)
    return closed


def _clean(image: Image, data: bytes) -> set[str]:
    """Give one image new bytes and destroy the former; return the releases that held them."""
    former = image.pixels_key
    key = storage.put(image.project_id, encode_pixels(decode_image(data, min_side=1).pixels))
    with transaction.atomic():
        rows = Image.objects.filter(pk=image.pk, pixels_key=former)
        rows.filter(preview_key=former).update(preview_key=key)
        rows.update(pixels_key=key)
        audit.record(
            project=image.project,
            actor=None,
            verb=_VERB,
            target=image.id,
            facts={"former_sha256": storage.digest_of(former)},
        )
    return _destroy(former)


def _destroy(former: str) -> set[str]:
    """Destroy bytes that no image names now; return the releases that held them."""
    storage.erase(former)
    releases = ReleaseItem.objects.filter(key=former).values_list("release__version", flat=True)
    return set(releases)
