from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlloop.contract.calibration import Calibration, mean_p8
from mlloop.contract.errors import Stopped
from mlloop.contract.manifest import (
    Case,
    EvaluateManifest,
    ManifestError,
    MemberRef,
    ProposeManifest,
    read_manifest,
    write_manifest,
)
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan
from mlloop.contract.proposals import is_proposed
from mlloop.contract.records import from_plain
from mlloop.figures.metrics import count_pixels
from mlloop.networks.devices import prepare_device
from mlloop.pixels.masks import decode_mask, decode_probability
from mlloop.pixels.raster import threshold_mask
from mlloop.pixels.severity import measure_findings
from mlloop.proposing.ensemble import disagreement_p8, proposal_findings, propose
from mlloop.proposing.evaluation import evaluate
from mlloop.proposing.maps import folds_for
from tests.mlloop.conftest import Events, card, small_plan

Members = Callable[[Plan], tuple[MemberRef, ...]]


def proposing(cases: tuple[Case, ...], members: Members, trained: set[str]) -> ProposeManifest:
    plan = small_plan(flip_test=True)
    return ProposeManifest(1, plan, plan.folds, members(plan), cases, frozenset(trained))


def run(
    manifest: ProposeManifest, out: Path, stop: Callable[[], bool] = lambda: False
) -> dict[str, object]:
    device = prepare_device(manifest.plan, choice="cpu")
    propose(manifest, out, device=device, emit=Events(), stop=stop)
    return {
        case.image: json.loads((out / case.image / "proposals.json").read_text())
        for case in manifest.cases
    }


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_folds_when_the_patient_was_trained_on_is_the_one_that_left_it_out(
    cases: tuple[Case, ...], members: Members
) -> None:
    manifest = proposing(cases, members, {"patient-1"})
    assert folds_for(cases[1], manifest) == (1,)
    assert folds_for(cases[0], manifest) == (0, 1)


class Counted(str):
    """A patient that counts how often it is compared with another."""

    __slots__ = ("compared",)
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        self.compared = getattr(self, "compared", 0) + 1
        return str.__eq__(self, other)


def test_folds_when_thousands_were_trained_on_are_found_without_searching_them(
    cases: tuple[Case, ...], members: Members, tmp_path: Path
) -> None:
    manifest = proposing(cases, members, {f"p{n}" for n in range(5000)} | {"patient-1"})
    write_manifest(tmp_path / "p.json", manifest)
    read = read_manifest(ProposeManifest, tmp_path / "p.json")
    seen = dataclasses.replace(cases[1], patient=Counted("patient-1"))
    unseen = dataclasses.replace(cases[0], patient=Counted("patient-0"))
    assert folds_for(seen, read) == (1,)
    assert folds_for(unseen, read) == (0, 1)
    assert getattr(seen.patient, "compared", 0) + getattr(unseen.patient, "compared", 0) < 5


def test_proposals_when_written_never_come_from_a_member_that_loaded_the_patient(
    cases: tuple[Case, ...], members: Members, make_case: Callable[..., Case], tmp_path: Path
) -> None:
    unseen = tuple(make_case(n, fold=n % 2) for n in (20, 21))
    trained = {case.patient for case in cases}
    manifest = proposing(cases + unseen, members, trained)
    seen = {
        (ref.network, ref.fold): card(Path(ref.card_path).parent)["loaded_patients"]
        for ref in manifest.members
    }
    records = run(manifest, tmp_path)
    for case in manifest.cases:
        lines = records[case.image]["proposals"]  # type: ignore[index]
        kind = "out_of_fold" if case.patient in trained else "mean"
        assert [line["kind"] for line in lines] == [kind, kind, "ensemble"]
        for line in lines:
            folds = {fold for _, fold in line["members"]}
            assert folds == ({case.fold} if case.patient in trained else {0, 1})
            for network, fold in line["members"]:
                assert case.patient not in seen[network, fold]  # type: ignore[operator]


def test_proposals_when_read_back_are_what_the_record_says(
    cases: tuple[Case, ...], members: Members, tmp_path: Path
) -> None:
    records = run(proposing(cases[:2], members, set()), tmp_path)
    for image, record in records.items():
        maps = {}
        for line in record["proposals"]:  # type: ignore[index]
            p8 = decode_probability((tmp_path / image / line["file"]).read_bytes())
            assert p8.shape == (32, 32)
            assert hashlib.sha256(p8.tobytes()).hexdigest() == line["p8_sha256"]
            maps[line["network"]] = p8
        ensemble = maps.pop("ensemble")
        np.testing.assert_array_equal(ensemble, mean_p8(list(maps.values())))
        spread = decode_probability((tmp_path / image / "disagreement.png").read_bytes())
        np.testing.assert_array_equal(spread, disagreement_p8(list(maps.values())))


def test_activation_maps_when_written_then_out_of_fold_and_apart_from_the_infection(
    cases: tuple[Case, ...], members: Members, make_case: Callable[..., Case], tmp_path: Path
) -> None:
    classifier = NetworkPlan("gradcam", "classifier", "tu-resnet10t", label="activation")
    plain = small_plan()
    plan = dataclasses.replace(plain, networks=(*plain.networks[:1], classifier))
    unseen, trained = make_case(30), {case.patient for case in cases}
    manifest = ProposeManifest(
        1, plan, 2, members(plan), (*cases, unseen), frozenset(trained), scored=cases
    )
    without = dataclasses.replace(
        manifest,
        plan=plan.without("activation"),
        members=tuple(member for member in manifest.members if member.network != "gradcam"),
        scored=(),
    )
    records, alone = run(manifest, tmp_path / "a"), run(without, tmp_path / "b")
    seen = {
        ref.fold: set(card(Path(ref.card_path).parent)["loaded_patients"])  # type: ignore[call-overload]
        for ref in manifest.members
        if ref.network == "gradcam"
    }
    for case in manifest.cases:
        lines = records[case.image]["proposals"]  # type: ignore[index]
        looks = [line for line in lines if line["label"] == "activation"]
        kind = "out_of_fold" if case.patient in trained else "mean"
        assert [line["kind"] for line in looks] == [kind, "ensemble"]
        for _, fold in (member for line in looks for member in line["members"]):
            assert case.patient not in seen[fold]
        others = [line for line in lines if line["label"] != "activation"]
        assert others == alone[case.image]["proposals"]  # type: ignore[index]
    scores = json.loads((tmp_path / "a" / "scores.json").read_text())["networks"]
    assert scores.keys() == {"gradcam"}
    assert scores["gradcam"].keys() == {case.image for case in cases}
    assert all(0 <= score <= 1 for score in scores["gradcam"].values())
    assert not (tmp_path / "b" / "scores.json").exists()


def test_proposing_when_a_record_is_of_an_earlier_version_makes_it_anew(
    cases: tuple[Case, ...], members: Members, tmp_path: Path
) -> None:
    manifest = proposing(cases, members, {"patient-0"})
    run(manifest, tmp_path)
    record = tmp_path / cases[0].image / "proposals.json"
    made = record.read_bytes()
    old = json.loads(made) | {"schema": 1, "proposals": []}
    record.write_text(json.dumps(old))
    assert not is_proposed(record.parent)
    run(manifest, tmp_path)
    assert record.read_bytes() == made


def test_proposing_when_run_twice_changes_nothing(
    cases: tuple[Case, ...], members: Members, tmp_path: Path
) -> None:
    manifest = proposing(cases, members, {"patient-0"})
    run(manifest, tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    run(manifest, tmp_path)
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}


def test_proposing_when_references_are_known_then_thresholds_are_fitted_and_written_down(
    cases: tuple[Case, ...], members: Members, make_case: Callable[..., Case], tmp_path: Path
) -> None:
    many = cases + tuple(
        make_case(n, fold=n % 2, patient=f"patient-{n - 20}") for n in range(20, 28)
    )
    plain = proposing(many, members, {case.patient for case in cases})
    plan = dataclasses.replace(
        plain.plan, thresholds="out_of_fold", ensemble_weights="out_of_fold", scales=(1.0, 0.5)
    )
    known = tuple(case.image for case in many if case.image != "image-21")
    manifest = dataclasses.replace(plain, plan=plan, references=known)
    records = run(manifest, tmp_path / "a")
    written = from_plain(Calibration, json.loads((tmp_path / "a/calibration.json").read_text()))
    assert (written.n_images, written.n_infected) == (15, 13)
    for case in many:
        lines = records[case.image]["proposals"]  # type: ignore[index]
        assert [line["t8"] for line in lines] == [fitted.t8 for fitted in written.thresholds]
        maps = [
            decode_probability((tmp_path / "a" / case.image / line["file"]).read_bytes())
            for line in lines
        ]
        np.testing.assert_array_equal(maps[-1], written.ensemble_map(maps[:-1]))
    # A kill between the calibration and the proposals.
    run(manifest, tmp_path / "b")
    (tmp_path / "b/image-3/proposals.json").unlink()
    run(manifest, tmp_path / "b")
    assert tree(tmp_path / "b") == tree(tmp_path / "a")


def test_references_when_a_patient_was_not_trained_on_then_the_manifest_refuses(
    cases: tuple[Case, ...], members: Members
) -> None:
    manifest = proposing(cases, members, {"patient-0"})
    with pytest.raises(ManifestError, match="references: only images of trained patients"):
        dataclasses.replace(manifest, references=("image-0", "image-1"))


def test_proposing_when_stopped_half_way_and_resumed_gives_the_same_bytes(
    cases: tuple[Case, ...], members: Members, make_case: Callable[..., Case], tmp_path: Path
) -> None:
    many = cases + tuple(make_case(n, fold=n % 2) for n in range(20, 34))
    manifest = proposing(many, members, {"patient-0", "patient-25"})
    run(manifest, tmp_path / "through")
    calls = itertools.count()
    with pytest.raises(Stopped):
        run(manifest, tmp_path / "stopped", lambda: next(calls) >= 3)
    assert not list((tmp_path / "stopped").rglob("proposals.json"))
    # A kill may also come between the files of one chunk.
    (tmp_path / "stopped" / "image-3" / "unet.mean.png").unlink()
    run(manifest, tmp_path / "stopped")
    assert tree(tmp_path / "stopped") == tree(tmp_path / "through")


@given(st.lists(st.integers(0, 255), min_size=1, max_size=9))
def test_mean_p8_when_compared_with_fractions_rounds_halves_up(values: list[int]) -> None:
    maps = [np.full((1, 1), value, np.uint8) for value in values]
    assert int(mean_p8(maps)[0, 0]) == int(sum(values) / len(values) + 0.5)


def test_disagreement_when_networks_agree_is_zero_and_at_most_half() -> None:
    low, high = np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)
    assert disagreement_p8([low, low]).max() == 0
    assert disagreement_p8([low, high]).min() == 128


def test_evaluation_when_done_counts_the_ensemble_and_leaves_no_map_behind(
    cases: tuple[Case, ...], members: Members, tmp_path: Path
) -> None:
    sealed = tuple(dataclasses.replace(case, fold=0) for case in cases)
    plan = small_plan(flip_test=True)
    manifest = EvaluateManifest(1, plan, 2, members(plan), sealed)
    device = prepare_device(plan, choice="cpu")
    for _ in range(2):
        evaluate(manifest, tmp_path / "e", device=device, emit=Events(), stop=lambda: False)
    result = json.loads((tmp_path / "e" / "evaluation.json").read_text())
    assert sorted(p.name for p in (tmp_path / "e").iterdir()) == ["evaluation.json"]
    run(proposing(sealed, members, set()), tmp_path / "p")
    for case, line in zip(sealed, result["images"], strict=True):
        p8 = decode_probability(
            (tmp_path / "p" / case.image / "ensemble.ensemble.png").read_bytes()
        )
        truth = np.zeros((40, 48), np.bool_)
        if case.mask_path:
            truth = decode_mask(Path(case.mask_path).read_bytes())
        expected = count_pixels(threshold_mask(p8, shape=(40, 48), t8=128), truth)
        assert (line["tp"], line["fp"], line["fn"]) == (expected.tp, expected.fp, expected.fn)
        assert line["image"] == case.image
        assert line["peak"] == p8.max()
        if expected.tp + expected.fp + expected.fn == 0:
            assert line["dice"] is None


def test_proposals_when_there_is_a_lung_network_then_two_ensembles_and_findings(
    cases: tuple[Case, ...], members: Members, tmp_path: Path
) -> None:
    plain = small_plan()
    lung = dataclasses.replace(plain.networks[1], key="lungs", label="lung")
    plan = dataclasses.replace(plain, networks=(plain.networks[0], lung))
    case = dataclasses.replace(cases[0], spacing_mm=0.5)
    manifest = ProposeManifest(
        1,
        plan,
        plan.folds,
        members(plan),
        (case,),
        frozenset({"patient-0"}),
        lung_patients=frozenset({"patient-1"}),
    )
    record = run(manifest, tmp_path)[case.image]
    listed = [(p["label"], p["network"], p["kind"], p["file"]) for p in record["proposals"]]  # type: ignore[index]
    assert listed == [
        ("infection", "unet", "out_of_fold", "unet.out_of_fold.png"),
        ("infection", "ensemble", "ensemble", "ensemble.ensemble.png"),
        ("lung", "lungs", "mean", "lungs.mean.png"),
        ("lung", "ensemble", "ensemble", "lung.ensemble.png"),
    ]
    folder = tmp_path / case.image
    # One infection network cannot disagree with itself, whatever the lung network says.
    assert not decode_probability((folder / "disagreement.png").read_bytes()).any()
    infection, lungs = (
        decode_probability((folder / file).read_bytes())
        for file in ("ensemble.ensemble.png", "lung.ensemble.png")
    )
    shape = (case.height, case.width)
    expected = measure_findings(
        threshold_mask(infection, shape=shape, t8=plan.threshold),
        threshold_mask(lungs, shape=shape, t8=plan.threshold),
        cutoffs=plan.severity_cutoffs,
        smallest_share=plan.smallest_lesion,
        spacing_mm=0.5,
    )
    assert record["findings"] == expected.as_json()  # type: ignore[index]


def test_findings_when_a_film_is_large_then_measured_small_and_said_in_its_own_pixels() -> None:
    rows, columns = np.indices((64, 64))
    lung = np.uint8(255) * (np.abs(columns - 32) > 4).astype(np.uint8)
    infection = np.uint8(255) * ((rows > 40) & (columns < 24)).astype(np.uint8)
    small, large = (
        proposal_findings(
            Case("i", "p", "covid", 0, "x", None, side, side, spacing_mm=100 / side),
            small_plan(),
            infection,
            lung,
            t8=128,
        )
        for side in (512, 2048)
    )
    assert large.grade == small.grade
    assert large.both.share == pytest.approx(small.both.share, abs=0.001)
    assert large.both.pixels == pytest.approx(16 * small.both.pixels, rel=0.001)
    assert large.lesions.listed[0].area_mm2 == pytest.approx(
        small.lesions.listed[0].area_mm2, rel=0.01
    )
