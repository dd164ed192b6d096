"""Films that an older import stored with more than pixels are encoded again and destroyed."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command

from annotation import storage
from annotation.errors import Conflict, Refused
from annotation.models import AuditEvent, Image, Project
from annotation.services.releases.exporting import export_release
from annotation.services.upkeep.cleaning import clean_films
from mlloop.pixels.images import decode_image, encode_pixels
from mlloop.pixels.png_chunks import PngHeader, holds_only_rows, read_png_header, write_png
from tests.support import factories
from tests.support.releasing import freeze

NAME = b"MUSTERMANN^ERIKA"


def older(image: Image) -> str:
    """Store a film as an older import did, with a name behind its rows; return its key."""
    pixels = decode_image(storage.read(image.pixels_key)).pixels
    rows = np.pad(pixels.astype(">u2").view(np.uint8), ((0, 0), (1, 0))).tobytes() + NAME
    header = PngHeader(image.height, image.width, 16, 0, False)
    key = storage.put(image.project_id, write_png(header, zlib.compress(rows, 0)))
    Image.objects.filter(pk=image.pk).update(pixels_key=key)
    return key


def stored(data_root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in data_root.rglob("*") if path.is_file())


def test_clean_films_destroys_what_stands_behind_the_rows(
    project: Project, data_root: Path, tmp_path: Path
) -> None:
    hidden, plain = factories.make_image(project, seed=1), factories.make_image(project, seed=2)
    former, kept = older(hidden), plain.pixels_key
    for image in (hidden, plain):
        factories.make_reference(image)
    release = freeze(project)
    assert NAME in stored(data_root)
    cleaned = clean_films(project=project)
    assert (cleaned.films, cleaned.cleaned, cleaned.releases) == (2, 1, ["1.0.0"])
    assert NAME not in stored(data_root)
    hidden.refresh_from_db()
    plain.refresh_from_db()
    assert decode_image(storage.read(hidden.pixels_key)).sha256 == hidden.pixel_sha256
    assert storage.is_erased(former)
    assert plain.pixels_key == kept
    assert AuditEvent.objects.filter(verb="clean_film", target=str(hidden.id)).count() == 1
    with pytest.raises(Conflict, match="no longer available"):
        export_release(release=release, folder=tmp_path / "out")
    assert clean_films(project=project).cleaned == 0  # a second run finds nothing


def test_clean_films_when_killed_before_the_destruction_then_a_repeat_finishes(
    project: Project, data_root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    image = factories.make_image(project, seed=1)
    former = older(image)
    factories.make_reference(image)
    release = freeze(project)

    def die(key: str) -> None:
        raise KeyboardInterrupt(key)

    with monkeypatch.context() as patched:
        patched.setattr(storage, "erase", die)
        with pytest.raises(KeyboardInterrupt):
            clean_films(project=project)
    image.refresh_from_db()
    assert image.pixels_key != former
    assert NAME in stored(data_root)
    repeated = clean_films(project=project)
    assert (repeated.cleaned, repeated.releases) == (0, ["1.0.0"])
    assert NAME not in stored(data_root)
    assert storage.is_erased(former)
    assert decode_image(storage.read(image.pixels_key)).sha256 == image.pixel_sha256
    with pytest.raises(Conflict, match="no longer available"):
        export_release(release=release, folder=tmp_path / "out")
    storage.delete(former)  # as the worker does with files that no row names
    assert clean_films(project=project).releases == []
    assert not storage.is_stored(former)


def test_clean_films_waits_for_an_open_round(project: Project) -> None:
    factories.make_round(project, state="training")
    with pytest.raises(Refused, match="A round is open"):
        clean_films(project=project)


def test_command_says_what_it_did(project: Project) -> None:
    older(factories.make_image(project, seed=1))
    out = io.StringIO()
    call_command("clean_films", stdout=out, stderr=io.StringIO())
    assert out.getvalue() == "pilot: 1 of 1 films were encoded again.\n"


@pytest.mark.parametrize("bits", [8, 16])
def test_holds_only_rows_when_the_film_is_ours(bits: int) -> None:
    pixels = np.arange(64 * 64).reshape(64, 64).astype(np.uint8 if bits == 8 else np.uint16)
    data = encode_pixels(pixels)
    header = read_png_header(data)
    assert header is not None
    assert holds_only_rows(data, header)
    assert not holds_only_rows(data + NAME, header)
