"""A layout is one module: registered under its name, written, read back, verified."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from annotation.errors import Invalid
from annotation.formats import registry
from annotation.formats.manifest import MANIFEST
from annotation.formats.registry import Layout, LayoutFile, LayoutImage, layout_named, layout_names
from annotation.formats.released import ImageContent, ReleasedImage
from annotation.formats.verification import verify_folder
from annotation.models import Project
from annotation.services.releases.exporting import export_release
from annotation.services.releases.freezing import run_release
from annotation.services.releases.requesting import request_release
from mlloop.pixels.masks import decode_mask
from tests.support import factories


def paths(image: ReleasedImage) -> Mapping[str, str | None]:
    return {"rows": f"masks.json#{image.name}"}


def write(contents: Iterable[ImageContent]) -> Iterator[LayoutFile]:
    """Yield one JSON file of all masks; each mask is a list of the pixels that are set."""
    rows: dict[str, dict[str, object]] = {}
    for content in contents:
        mask = decode_mask(content.mask.read())
        rows[content.image.name] = {
            "shape": list(mask.shape),
            "set": np.flatnonzero(mask).tolist(),
        }
    yield LayoutFile("masks.json", json.dumps(rows, sort_keys=True).encode())


def read(folder: Path) -> Iterator[LayoutImage]:
    for name, row in json.loads((folder / "masks.json").read_bytes()).items():
        mask = np.zeros(row["shape"], np.bool_)
        mask.flat[row["set"]] = True
        yield LayoutImage(name, {"infection": mask})


TINY = Layout(name="tiny", mask_encoding="indices", paths=paths, write=write, read=read)


@pytest.fixture
def with_tiny(project: Project) -> Iterator[Project]:
    """Return a project with two read images and a control; the tiny layout is registered."""
    registry.register(TINY)
    for radius in (5, 9):
        factories.make_reference(factories.make_image(project), factories.disc(radius=radius))
    factories.make_image(project, group="normal")
    yield project
    # Other layouts stay: their modules would not register themselves a second time.
    registry._LAYOUTS.pop(TINY.name)


def exported(project: Project, folder: Path, *formats: str) -> Path:
    release = request_release(project=project, version="1.0.0", actor=None, formats=formats)
    run_release(release_id=release.id)
    release.refresh_from_db()
    assert (release.state, release.failure) == ("frozen", "")
    return export_release(release=release, folder=folder)


def digests(images: Iterable[LayoutImage]) -> dict[str, str]:
    return {
        image.name: hashlib.sha256(image.masks["infection"].tobytes()).hexdigest()
        for image in images
    }


def test_a_second_layout_when_registered_then_written_read_back_and_verified(
    with_tiny: Project, tmp_path: Path
) -> None:
    folder = exported(with_tiny, tmp_path / "out", "tiny")
    assert verify_folder(folder).holds
    sums = sorted(int(image.masks["infection"].sum()) for image in TINY.read(folder))
    expected = sorted(int(factories.disc(radius=radius).sum()) for radius in (5, 9))
    assert sums == [0, *expected]
    manifest = json.loads((folder / MANIFEST).read_bytes())
    assert manifest["format"] == "tiny"
    assert manifest["mask_encoding"] == "indices"
    assert [mask["rows"].partition("#")[0] for mask in manifest["masks"]] == ["masks.json"] * 3
    assert manifest["counts"]["verdict.control"] == 1
    (folder / "masks.json").write_bytes(b"{}")
    assert verify_folder(folder).changed == ["masks.json"]


def test_a_release_when_of_two_layouts_then_each_has_a_folder_and_both_hold_the_same_masks(
    with_tiny: Project, tmp_path: Path
) -> None:
    folder = exported(with_tiny, tmp_path / "out", "tiny", "qata", "tiny")
    assert verify_folder(folder).holds
    of_tiny = digests(TINY.read(folder / "tiny"))
    assert len(of_tiny) == 3
    assert digests(layout_named("qata").read(folder / "qata")) == of_tiny
    manifest = json.loads((folder / MANIFEST).read_bytes())
    assert manifest["formats"] == ["qata", "tiny"]
    assert {frozenset(mask["paths"]) for mask in manifest["masks"]} == {frozenset({"qata", "tiny"})}


def test_layouts_when_named_then_each_module_registers_itself_under_its_name() -> None:
    assert "qata" in layout_names()
    assert all(layout_named(name).name == name for name in layout_names())
    with pytest.raises(KeyError):
        layout_named("nosuch")


def test_layouts_when_two_have_one_name_then_the_second_is_refused(with_tiny: Project) -> None:
    registry.register(TINY)  # the same layout again
    with pytest.raises(ValueError, match="two layouts named tiny"):
        registry.register(Layout("tiny", "other", paths, write, read))


def test_release_when_requested_in_an_unknown_format_then_the_known_formats_are_named(
    with_tiny: Project,
) -> None:
    with pytest.raises(Invalid, match="no format 'nosuch'; the formats are qata, tiny"):
        request_release(project=with_tiny, version="1.0.0", actor=None, formats=("nosuch",))
