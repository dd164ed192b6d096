"""A release holds the known lung masks, names their origin, and grades the released masks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from annotation.formats.manifest import MANIFEST
from annotation.formats.verification import verify_folder
from annotation.models import Project, Round
from annotation.selectors.releases.selection import select_for_release, without_withdrawn
from annotation.services.releases.exporting import export_release
from annotation.services.releases.freezing import run_release
from annotation.services.releases.requesting import request_release
from annotation.services.upkeep.withdrawal import withdraw_image
from mlloop.pixels.masks import decode_mask
from mlloop.pixels.severity import measure_findings
from tests.support import factories
from tests.support.database import unguarded
from tests.support.releasing import freeze

SHAPE = (80, 64)


@pytest.fixture
def with_lungs(project: Project) -> Project:
    """Return a project of three read images: a drawn lung, the ensemble's lung, and no lung."""
    serving = factories.make_round(project, stage="stage_2")
    drawn, proposed, bare = (factories.make_image(project, seed=i) for i in range(3))
    for image in (drawn, proposed, bare):
        factories.make_reference(image, factories.disc())
    factories.make_proposals(serving, drawn)
    factories.make_proposals(serving, proposed)
    factories.make_reference(drawn, factories.disc(radius=30), label="lung")
    return project


def export(project: Project, folder: Path) -> dict:
    return json.loads(
        (export_release(release=freeze(project), folder=folder) / MANIFEST).read_bytes()
    )


def test_release_when_lungs_are_known_then_it_holds_their_masks_and_names_their_origin(
    with_lungs: Project, tmp_path: Path
) -> None:
    manifest = export(with_lungs, tmp_path / "out")
    assert verify_folder(tmp_path / "out").holds
    origins = {(entry["lung_provenance"], entry["lung_round"]) for entry in manifest["masks"]}
    assert origins == {("reference", None), ("ensemble", 1), (None, None)}
    assert len(list((tmp_path / "out" / "Lung-masks").iterdir())) == 2
    for entry in manifest["masks"]:
        if entry["lung_mask"] is None:
            assert entry["severity"] is None
            continue
        mask, lung = (
            decode_mask((tmp_path / "out" / entry[kind]).read_bytes(), shape=SHAPE)
            for kind in ("mask", "lung_mask")
        )
        expected = measure_findings(
            mask, lung, cutoffs=(0.01, 0.25, 0.5, 0.75), smallest_share=0.0005
        )
        assert entry["severity"] == expected.as_json()
        if entry["lung_provenance"] == "reference":
            np.testing.assert_array_equal(lung, factories.disc(radius=30))


def test_card_when_severity_is_known_then_counted_plotted_and_explained(
    with_lungs: Project, tmp_path: Path
) -> None:
    manifest = export(with_lungs, tmp_path / "out")
    counts = {key: n for key, n in manifest["counts"].items() if key.startswith("severity")}
    assert sum(counts.values()) == 2
    assert manifest["counts"]["lung_masks.reference"] == 1
    assert "Severity</text>" in (tmp_path / "out/card/severity.svg").read_text()
    card = (tmp_path / "out/README.md").read_text()
    assert "for 2 of 3 masks" in card
    assert "mild at 1%, moderate at 25%, severe at 50%, critical at 75%" in card


def test_verify_when_a_lung_mask_is_missing_or_changed_then_named(
    with_lungs: Project, tmp_path: Path
) -> None:
    export(with_lungs, tmp_path / "out")
    first, second = sorted((tmp_path / "out/Lung-masks").iterdir())
    first.unlink()
    second.write_bytes(b"x")
    verified = verify_folder(tmp_path / "out")
    assert verified.missing == [f"Lung-masks/{first.name}"]
    assert verified.changed == [f"Lung-masks/{second.name}"]


def test_release_when_a_lung_is_drawn_after_the_request_then_it_is_not_released(
    with_lungs: Project,
) -> None:
    release = request_release(project=with_lungs, version="1.0.0", actor=None)
    proposed = with_lungs.images.exclude(references__label__key="lung").filter(
        proposals__label__key="lung"
    )
    factories.make_reference(proposed.get(), factories.disc(radius=20), label="lung")
    Round.objects.update(state=Round.State.SUPERSEDED)
    factories.make_round(with_lungs, number=2)
    run_release(release_id=release.id)
    release.refresh_from_db()
    assert release.summary["lung_masks.reference"] == release.summary["lung_masks.ensemble"] == 1


def test_release_when_no_round_serves_then_it_holds_only_drawn_lungs(
    with_lungs: Project, tmp_path: Path
) -> None:
    with unguarded():
        Round.objects.update(state=Round.State.REFUSED)
    selection = select_for_release(with_lungs)
    assert (selection["lung_round"], len(selection["lungs"])) == (None, 1)
    manifest = export(with_lungs, tmp_path / "out")
    assert {entry["lung_provenance"] for entry in manifest["masks"]} == {"reference", None}


def test_selection_when_an_image_is_withdrawn_then_the_lungs_stay_selected(
    with_lungs: Project,
) -> None:
    selection = select_for_release(with_lungs)
    image = with_lungs.images.exclude(references__label__key="lung").first()
    assert image is not None
    withdraw_image(image=image, actor=None, reason="asked for")
    left = without_withdrawn(with_lungs, selection)
    assert len(left["references"]) == 2
    assert (left["lungs"], left["lung_round"]) == (selection["lungs"], selection["lung_round"])
