"""A name that is planted in every part of a picture file is in nothing that is stored or served."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.apps import apps
from django.core.serializers import serialize
from django.test import Client
from PIL import Image as Picture
from PIL import TiffImagePlugin

from annotation.models import Image, Intake, Project, User
from annotation.services.intake.importing import import_folder
from annotation.services.releases.exporting import download_release
from mlloop.pixels.images import decode_image, encode_pixels
from mlloop.pixels.png_chunks import SIGNATURE
from tests.support import factories
from tests.support.intake_files import film, write
from tests.support.releasing import freeze

NAME = b"MUSTERMANN^ERIKA"
SIZE = (48, 64)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def grey_png(
    pixels: np.ndarray,
    *,
    before: bytes = b"",
    between: bytes = b"",
    after: bytes = b"",
    surplus: bytes = b"",
    trailing: bytes = b"",
) -> bytes:
    """Return a grey PNG with bytes at each place; `surplus` is deflated behind the last row."""
    bits = 8 * pixels.dtype.itemsize
    raw = pixels.astype(">u2").view(np.uint8) if bits == 16 else pixels
    rows = np.pad(raw, ((0, 0), (1, 0))).tobytes() + surplus
    body = zlib.compress(rows, 0) + trailing
    half = len(body) // 2
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], bits, 0, 0, 0, 0)
    return b"".join(
        (
            SIGNATURE,
            chunk(b"IHDR", header),
            before,
            chunk(b"IDAT", body[:half]),
            between,
            chunk(b"IDAT", body[half:]),
            chunk(b"IEND", b""),
            after,
        )
    )


def chunks_with_the_name() -> bytes:
    return b"".join(
        (
            chunk(b"tEXt", b"Patient\0" + NAME),
            chunk(b"zTXt", NAME + b"\0\0" + zlib.compress(NAME)),
            chunk(b"iTXt", NAME + b"\0\0\0\0\0" + NAME),
            chunk(b"eXIf", b"II*\0\x08\0\0\0\0\0" + NAME),
            chunk(b"tIME", struct.pack(">HBBBBB", 2020, 1, 2, 3, 4, 5)),
            chunk(b"naMe", NAME),
        )
    )


def palette_png() -> bytes:
    """Return a palette PNG of three colours, whose other entries spell the name."""
    indices = (film(7, size=SIZE) // 100).astype(np.uint8)
    picture = Picture.fromarray(indices, "P")
    picture.putpalette(bytes(range(9)) + NAME * 20)
    out = io.BytesIO()
    picture.save(out, "PNG", transparency=NAME)
    return out.getvalue()


def alpha_png() -> bytes:
    """Return a PNG whose alpha channel spells the name where the film is black."""
    pixels = np.zeros((*SIZE, 4), np.uint8)
    pixels[..., :3] = film(8, size=SIZE)[..., None]
    pixels[..., 3] = 255
    pixels[0, : len(NAME)] = 0
    pixels[0, : len(NAME), 3] = np.frombuffer(NAME, np.uint8)
    out = io.BytesIO()
    Picture.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def jpeg() -> bytes:
    exif = Picture.Exif()
    exif[0x010E] = exif[0x013B] = NAME.decode()
    out = io.BytesIO()
    Picture.fromarray(film(9, size=SIZE)).save(
        out, "JPEG", exif=exif, comment=NAME, icc_profile=NAME * 9
    )
    data = out.getvalue()
    segment = b"\xff\xed" + struct.pack(">H", len(NAME) + 2) + NAME  # APP13
    thumbnail = b"\xff\xe0" + struct.pack(">H", 16 + 48) + b"JFIF\0\x01\1\0\0\1\0\1\4\4" + NAME * 3
    return data[:2] + thumbnail + segment + data[2:] + NAME


def tiff() -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in (270, 271, 305, 315, 33432):
        tags[tag] = NAME.decode()
    tags[65000] = NAME
    tags.tagtype[65000] = 7
    out = io.BytesIO()
    Picture.fromarray(film(10, size=SIZE)).save(out, "TIFF", tiffinfo=tags)
    return out.getvalue() + NAME


def two_pages() -> bytes:
    out = io.BytesIO()
    hidden = np.frombuffer(NAME * 192, np.uint8)[: SIZE[0] * SIZE[1]].reshape(SIZE)
    Picture.fromarray(film(11, size=SIZE)).save(
        out, "TIFF", save_all=True, append_images=[Picture.fromarray(hidden)]
    )
    return out.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "chunks.png": lambda: grey_png(film(1, size=SIZE), before=chunks_with_the_name()),
    "behind.png": lambda: grey_png(film(2, size=SIZE), after=NAME),
    "rows8.png": lambda: grey_png(film(3, size=SIZE), surplus=NAME * 9),
    "rows16.png": lambda: grey_png(film(4, size=SIZE, bits=16), surplus=NAME * 9),
    "deflated.png": lambda: grey_png(film(5, size=SIZE), trailing=NAME),
    "late.png": lambda: grey_png(film(6, size=SIZE), after=chunks_with_the_name()),
    "palette.png": palette_png,
    "alpha.png": alpha_png,
    "all.jpg": jpeg,
    "tags.tif": tiff,
    "pages.tif": two_pages,
}


@pytest.fixture
def planted(project: Project, tmp_path: Path) -> Project:
    """A project that was offered each file, once with the name in its file name too."""
    files = {name: make() for name, make in FILES.items()}
    for name, data in files.items():
        assert NAME in data or name == "alpha.png", name
    files[f"{NAME.decode()}.png"] = grey_png(film(12, size=SIZE), surplus=NAME)
    report = import_folder(project=project, folder=write(tmp_path / "in", files))
    taken = set(Image.objects.values_list("file_name", flat=True))
    assert {"chunks.png", "behind.png", "palette.png", "alpha.png", "all.jpg", "tags.tif"} <= taken
    assert "pages.tif" not in taken
    assert report.added >= len(files) - 4
    return project


def contains(data: bytes) -> bool:
    return NAME in data or NAME[:10] in data


def test_every_stored_film_is_what_we_encode_from_its_pixels_alone(
    planted: Project, data_root: Path
) -> None:
    stored = [path.read_bytes() for path in (data_root / "store").rglob("*") if path.is_file()]
    assert len(stored) >= planted.images.count()
    for data in stored:
        assert not contains(data)
        assert encode_pixels(decode_image(data, min_side=1).pixels) == data


def test_every_served_answer_is_free_of_the_name(
    planted: Project, member: Callable[..., User], client: Client
) -> None:
    client.force_login(member("curator"))
    for image in planted.images.all():
        for part in ("pixels", "preview"):
            answer = client.get(f"/api/v1/images/{image.id}/{part}/")
            assert answer.status_code == 200
            data = answer.content
            assert not contains(data)
            assert encode_pixels(decode_image(data, min_side=1).pixels) == data
        raw = client.get(
            f"/api/v1/images/{image.id}/pixels/", headers={"Accept": "application/octet-stream"}
        )
        assert len(raw.content) == image.width * image.height * image.bits // 8
        assert not contains(raw.content)


def test_the_file_name_is_kept_for_curators_and_no_reader_sees_it(
    planted: Project,
    member: Callable[..., User],
    client: Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client.force_login(member("reader"))
    for _ in planted.images.all():
        answer = client.post(
            "/api/v1/projects/pilot/next/",
            json.dumps({"prefetch": False, "exclude": []}),
            content_type="application/json",
        )
        if answer.status_code != 200:
            break
        case = answer.json()
        assert not contains(answer.content)
        assert ".png" not in answer.content.decode()
        for url in (case["image"]["pixels_url"], case["image"]["preview_url"]):
            assert not contains(client.get(url).content)
    assert not contains(client.get("/p/pilot/read/").content)
    assert NAME.decode() not in caplog.text


def test_no_row_but_the_image_and_the_import_report_has_the_name(planted: Project) -> None:
    holders = {
        model.__name__
        for model in apps.get_app_config("annotation").get_models()
        if NAME.decode() in serialize("json", model._default_manager.all())
    }
    assert holders <= {Image.__name__, Intake.__name__}
    assert Image.objects.filter(file_name__contains=NAME.decode()).count() == 1


def test_a_release_is_free_of_the_name(planted: Project) -> None:
    for image in planted.images.all():
        factories.make_reference(image, np.zeros(SIZE, np.bool_), verdict="no_infection")
    release = freeze(planted)
    archive = b"".join(
        chunk
        for part in ("open", "sealed")
        for chunk in download_release(release=release, part=part, actor=None)
    )
    assert archive.count(b"Images/") >= 8
    assert not contains(archive)
