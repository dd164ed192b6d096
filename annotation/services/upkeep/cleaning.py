"""Encode stored films again that older imports kept with more than their pixels.

Since then, an import stores only what it encoded itself. A former import kept the rows of a plain
grey PNG as they were, and text may stand behind them. Such a film gets new bytes, and its former
bytes are destroyed. A release that holds them is then no longer available, as after an erasure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from annotation import storage
from annotation.errors import NotFound, Refused
from annotation.models import OPEN_STATES, Image, Project, ReleaseItem
from annotation.services import audit
from mlloop.pixels.images import decode_image, encode_pixels
from mlloop.pixels.png_chunks import holds_only_rows, read_png_header


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The numbers of films looked at and encoded again, and the releases that this closed."""

    films: int
    cleaned: int
    releases: list[str]


def clean_films(*, project: Project, progress: Callable[[int, int], None] | None = None) -> Cleaned:
    """Encode the project's films again that hold more than their pixels; safe to run again.

    Raises Refused while a round is open, because its networks read the former bytes.
    """
    if project.rounds.filter(state__in=OPEN_STATES).exists():
        raise Refused("A round is open and reads these films. End it first.", code="round_open")
    rows = Image.objects.filter(project=project).order_by("pk")
    total, cleaned = rows.count(), 0
    closed: set[str] = set()
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


def _clean(image: Image, data: bytes) -> set[str]:
    """Give one image new bytes and destroy the former; return the releases that held them."""
    former = image.pixels_key
    key = storage.put(image.project_id, encode_pixels(decode_image(data, min_side=1).pixels))
    with transaction.atomic():
        rows = Image.objects.filter(pk=image.pk, pixels_key=former)
        rows.filter(preview_key=former).update(preview_key=key)
        rows.update(pixels_key=key)
        audit.record(project=image.project, actor=None, verb="clean_film", target=image.id)
    releases = ReleaseItem.objects.filter(key=former).values_list("release__version", flat=True)
    closed = set(releases)
    storage.erase(former)
    return closed
