"""The QaTa layout: its paths, the unchanged stored bytes, and reading it back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from annotation.formats.registry import LayoutFile, layout_named
from annotation.formats.released import ImageContent, StoredContent
from mlloop.pixels.masks import encode_mask
from tests.annotation.formats.records import released_image
from tests.support.factories import disc


def stored(data: bytes) -> StoredContent:
    return StoredContent("0" * 64, len(data), lambda: data)


def content(name: str, *, has_lung: bool) -> ImageContent:
    return ImageContent(
        image=released_image(name, has_lung=has_lung),
        film=stored(b"film of " + name.encode()),
        mask=stored(encode_mask(disc(radius=5))),
        lung=stored(encode_mask(disc(radius=20))) if has_lung else None,
    )


def test_qata_when_written_then_the_stored_bytes_are_at_its_paths_and_are_read_back(
    tmp_path: Path,
) -> None:
    layout = layout_named("qata")
    contents = [content("covid_a", has_lung=True), content("covid_b", has_lung=False)]
    files = list(layout.write(contents))
    assert [file.path for file in files] == [
        "Images/covid_a.png",
        "Ground-truths/mask_covid_a.png",
        "Lung-masks/lung_covid_a.png",
        "Images/covid_b.png",
        "Ground-truths/mask_covid_b.png",
    ]
    for file in files:
        write(tmp_path, file)
    first, second = layout.read(tmp_path)
    assert (first.name, first.film, second.name) == ("covid_a", b"film of covid_a", "covid_b")
    np.testing.assert_array_equal(first.masks["infection"], disc(radius=5))
    np.testing.assert_array_equal(first.masks["lung"], disc(radius=20))
    assert second.masks.keys() == {"infection"}


def test_qata_when_no_lung_is_known_then_its_path_is_null() -> None:
    paths = layout_named("qata").paths
    assert paths(released_image("a", has_lung=False))["lung_mask"] is None
    assert paths(released_image("a", has_lung=True))["lung_mask"] == "Lung-masks/lung_a.png"


def write(folder: Path, file: LayoutFile) -> None:
    assert isinstance(file.content, StoredContent)
    (folder / file.path).parent.mkdir(exist_ok=True)
    (folder / file.path).write_bytes(file.content.read())
