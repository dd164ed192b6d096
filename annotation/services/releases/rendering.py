"""Make the files of a release from its selection and store them; no row is written here.

The sealed images are a part of their own, with a folder, a manifest and a card. The open part's
manifest names the sealed part's manifest by its hash, so the two cannot be exchanged.

Every file follows from the selection and the server's signing key, so a second run finds the files
that the first run stored. One image is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from annotation import storage
from annotation.batching import batched
from annotation.formats import dataset_card, manifest
from annotation.formats.manifest import ReleasedFile
from annotation.formats.registry import LayoutFile, layout_named
from annotation.formats.released import (
    ImageContent,
    Part,
    ReleasedImage,
    ReleaseRecord,
    StoredContent,
)
from annotation.formats.signature import SIGNATURE
from annotation.models import Release, Round
from annotation.selectors.blindness import open_since
from annotation.selectors.releases.biography import released_image
from annotation.selectors.releases.parts import FOLDERS
from annotation.selectors.releases.selected import Selected, iter_selected
from annotation.selectors.releases.selection import Selection, divide_selection, size_of
from annotation.selectors.rounds.leaks import find_leaks
from annotation.services.releases.lungs import Scale, measure_lung, scale_of
from annotation.services.releases.signing import sign_manifest
from mlloop.pixels.masks import decode_mask, encode_mask

_BATCH_FILES = 300  # the files of at least 100 images in the usual layout

OnStored = Callable[[list[ReleasedFile], int], None]  # files, images done


@dataclass(frozen=True, slots=True)
class Rendered:
    """A part of a release whose files are all stored."""

    record: ReleaseRecord
    manifest: ReleasedFile


def render_release(*, release: Release, selection: Selection, on_stored: OnStored) -> Rendered:
    """Store every file of the release; return the open part's record and manifest.

    `on_stored` gets each batch of files right after they are stored, and the number of images done.
    """
    opened, sealed = divide_selection(release.project, selection)
    n_sealed, sealed_sha256 = size_of(sealed), None
    if n_sealed:
        sealed_sha256 = _render_part(release, sealed, "sealed", on_stored).manifest.sha256
    return _render_part(
        release,
        opened,
        "open",
        lambda files, done: on_stored(files, n_sealed + done),
        sealed_sha256=sealed_sha256,
    )


def _render_part(
    release: Release,
    selection: Selection,
    part: Part,
    on_stored: OnStored,
    *,
    sealed_sha256: str | None = None,
) -> Rendered:
    layouts = [layout_named(name) for name in sorted(set(release.formats))]
    images: list[ReleasedImage] = []
    listed: list[ReleasedFile] = []

    def store(files: Iterable[LayoutFile], folder: str = "") -> None:
        for batch in batched(files, _BATCH_FILES):
            stored = [_store_file(release, file, folder) for file in batch]
            listed.extend(stored)
            on_stored(
                [replace(file, path=f"{FOLDERS[part]}{file.path}") for file in stored], len(images)
            )

    for layout in layouts:
        images.clear()  # each layout reads all images again: memory cannot keep their pixels
        contents = _contents(release, selection, images)
        store(layout.write(contents), manifest.folder_of(layout, layouts))
    record = ReleaseRecord(
        project=release.project.slug,
        version=release.version,
        asked_at=release.created_at.isoformat(timespec="seconds"),
        images=images,
        part=part,
        audit=selection.get("audit"),
    )
    card = dataset_card.card_files(_card_facts(release, selection), record)
    store(LayoutFile(path, data) for path, data in card.items())
    data = manifest.manifest_bytes(record, layouts, listed, sealed_sha256=sealed_sha256)
    store([LayoutFile(manifest.MANIFEST, data)])
    manifest_file = listed[-1]
    store(
        [
            LayoutFile(manifest.CHECKSUM, manifest.checksum_bytes(manifest_file.sha256)),
            LayoutFile(SIGNATURE, sign_manifest(manifest_file.sha256)),
        ]
    )
    return Rendered(record, manifest_file)


def _contents(
    release: Release, selection: Selection, images: list[ReleasedImage]
) -> Iterator[ImageContent]:
    """Yield each selected image with its bytes, after adding its record to `images`."""
    scale = scale_of(selection)
    for selected in iter_selected(selection):
        content = _content(release, selected, scale)
        images.append(content.image)
        yield content


def _content(release: Release, selected: Selected, scale: Scale) -> ImageContent:
    image = selected.image
    if selected.reference:
        mask_key = selected.reference.mask_key
        mask = decode_mask(storage.read(mask_key), shape=(image.height, image.width))
    else:
        mask = np.zeros((image.height, image.width), np.bool_)
        mask_key = storage.put(release.project_id, encode_mask(mask))
    lung_key, lung = measure_lung(selected, mask, scale) or ("", None)
    return ImageContent(
        image=released_image(selected, infected_pixels=int(np.count_nonzero(mask)), lung=lung),
        film=_stored_content(image.pixels_key),
        mask=_stored_content(mask_key),
        lung=_stored_content(lung_key) if lung else None,
    )


def _stored_content(key: str) -> StoredContent:
    return StoredContent(storage.digest_of(key), storage.size(key), partial(storage.read, key))


def _store_file(release: Release, file: LayoutFile, folder: str) -> ReleasedFile:
    """Store a file's bytes unless they are stored already; return its path, hash and size."""
    content = file.content
    if isinstance(content, bytes):
        content = _stored_content(storage.put(release.project_id, content))
    return ReleasedFile(f"{folder}{file.path}", content.sha256, content.size)


def _card_facts(release: Release, selection: Selection) -> dataset_card.CardFacts:
    rounds = list(Round.objects.filter(id__in=selection["rounds"]).order_by("number"))
    return dataset_card.CardFacts(
        project=release.project.name,
        version=release.version,
        asked_at=release.created_at.date().isoformat(),
        rounds=[_round_line(row) for row in rounds],
        leaks=sum(len(find_leaks(row)) for row in rounds) if rounds else None,
        withdrawn=len(selection["withdrawn"]),
        open_since=open_since(release.project),
    )


def _round_line(row: Round) -> str:
    networks = sorted(set(row.members.values_list("network", flat=True)))
    return (
        f"round {row.number}, {row.get_stage_display()}: {', '.join(networks)}, {row.folds} folds, "
        f"trained on {row.n_train} images of {row.n_train_patients} patients"
    )
