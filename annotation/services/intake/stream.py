"""Read, store and record offered files, a group at a time, so that memory stays flat.

Threads read and store one group while the main thread flushes and commits the group before it. Only
the main thread writes rows, in one short transaction per group.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError

from annotation.models import Project
from annotation.services.intake.files import (
    ReadImage,
    StoredImage,
    StoredMasks,
    read_offer,
    store_image,
    store_masks,
)
from annotation.services.intake.report import IntakeReport, Refusal
from annotation.services.intake.rows import KnownImage, MasksOfImage, RowWriter
from annotation.services.intake.source import Offer
from annotation.storage import Batch

# Rows of 32 images commit in well under 200 ms; 32 megapixels are 64 MB of pixels at the most.
_GROUP_IMAGES = 32
_GROUP_PIXELS = 32_000_000
_READ_AHEAD = 16
_THREADS = min(8, (os.cpu_count() or 1) + 1)

Read = ReadImage | Refusal


@dataclass(slots=True)
class _Group:
    """A group of offers whose files the threads are still writing."""

    batch: Batch
    n_offers: int = 0
    hashes: set[str] = field(default_factory=set)
    stored: list[Future[StoredImage]] = field(default_factory=list)
    masks_of_known: list[tuple[ReadImage, KnownImage, Future[StoredMasks]]] = field(
        default_factory=list
    )


class Stream:
    """The reading, storing and recording of one import."""

    def __init__(
        self, project: Project, writer: RowWriter, report: IntakeReport, started: datetime
    ) -> None:
        self._project = project
        self._writer = writer
        self._report = report
        self._started = started

    def run(self, offers: Iterable[Offer | Refusal], progress: Callable[[int], None]) -> None:
        """Import the offers; call `progress` after each commit with the number of offers done."""
        with ThreadPoolExecutor(_THREADS, "intake") as threads:
            waiting: _Group | None = None
            done = 0
            try:
                for reads in _grouped(_read_ahead(threads, offers)):
                    group = self._start(threads, reads, waiting.hashes if waiting else set())
                    former, waiting = waiting, group
                    if former is not None:
                        self._finish(former)
                        progress(done := done + former.n_offers)
                if waiting is not None:
                    self._finish(waiting)
                    progress(done + waiting.n_offers)
                    waiting = None
            finally:
                threads.shutdown(cancel_futures=True)
                if waiting is not None:
                    waiting.batch.discard()

    def _start(self, threads: ThreadPoolExecutor, reads: list[Read], in_flight: set[str]) -> _Group:
        """Separate known images from new ones, and let the threads store the new ones.

        `in_flight` holds the hashes of the group before, whose rows are not committed yet.
        """
        group = _Group(Batch(self._project.id), n_offers=len(reads))
        images = [read for read in reads if isinstance(read, ReadImage)]
        known = self._writer.known_images(read.decoded.sha256 for read in images)
        for read in reads:
            if isinstance(read, Refusal):
                self._report.refuse_all([read])
            elif (sha256 := read.decoded.sha256) in known:
                self._store_missing_masks(threads, group, read, known[sha256])
            elif sha256 in in_flight or sha256 in group.hashes:
                self._report.duplicates += 1
            else:
                group.hashes.add(sha256)
                group.stored.append(threads.submit(store_image, read, group.batch))
        return group

    def _store_missing_masks(
        self, threads: ThreadPoolExecutor, group: _Group, read: ReadImage, known: KnownImage
    ) -> None:
        """Let the threads store only the masks that a known image lacks."""
        if known.image.withdrawn_at is not None:
            reason = "This image was withdrawn from this project."
            self._report.refuse(read.offer.name, "withdrawn", reason)
            return
        if known.image.created_at >= self._started:
            self._report.duplicates += 1
        else:
            self._report.known += 1
        offered = (read.offer.masks or {}).keys()
        self._report.masks_known += len(offered & known.labels)
        if missing := offered - known.labels:
            future = threads.submit(store_masks, read, missing, group.batch)
            group.masks_of_known.append((read, known, future))

    def _finish(self, group: _Group) -> None:
        """Make the bytes durable, then commit the rows that name them."""
        stored = [future.result() for future in group.stored]
        offered = [
            MasksOfImage(known.image, future.result(), read.offer.mask_origin)
            for read, known, future in group.masks_of_known
        ]
        group.batch.settle()
        if not stored and not offered:
            return
        try:
            self._writer.write(stored, offered)
        except IntegrityError:
            # Another import has committed some of these images or masks meanwhile. Look again and
            # write only the others.
            self._writer.ledger.recount()
            known = self._writer.known_images(image.sha256 for image in stored)
            self._report.known += len(known)
            now_known = self._writer.known_images(masks.image.pixel_sha256 for masks in offered)
            self._writer.write(
                [image for image in stored if image.sha256 not in known],
                [masks.without(now_known[masks.image.pixel_sha256].labels) for masks in offered],
            )


def _read_ahead(threads: ThreadPoolExecutor, offers: Iterable[Offer | Refusal]) -> Iterator[Read]:
    """Yield the read files in the order of the offers; at most `_READ_AHEAD` are in memory."""
    ahead: deque[Future[Read] | Refusal] = deque()
    for offer in offers:
        ahead.append(offer if isinstance(offer, Refusal) else threads.submit(read_offer, offer))
        if len(ahead) >= _READ_AHEAD:
            yield _result(ahead.popleft())
    while ahead:
        yield _result(ahead.popleft())


def _result(waiting: Future[Read] | Refusal) -> Read:
    return waiting if isinstance(waiting, Refusal) else waiting.result()


def _grouped(reads: Iterable[Read]) -> Iterator[list[Read]]:
    group: list[Read] = []
    pixels = 0
    for read in reads:
        group.append(read)
        pixels += read.decoded.pixels.size if isinstance(read, ReadImage) else 0
        if len(group) >= _GROUP_IMAGES or pixels >= _GROUP_PIXELS:
            yield group
            group, pixels = [], 0
    if group:
        yield group
