"""The verbs on plain folders, from the command line to the files they leave."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fixtures.cohort import write_cohort
from mlloop.contract.records import write_json
from mlloop.pixels.masks import decode_mask, encode_mask
from tests.mlloop.conftest import small_plan
from tests.mlloop.folders.conftest import Run

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def benchmarked(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the benchmark once, as its own process, with the web side out of reach."""
    out = tmp_path_factory.mktemp("run") / "out"
    blocked = "django", "celery", "rest_framework", "annotation"
    script = (
        "import sys\n"
        f"for name in {blocked!r}: sys.modules[name] = None\n"
        "from mlloop.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    data = ["--images", films, "--masks", films, "--metadata", films / "metadata.csv"]
    data += ["--lung-masks", films]
    command = [sys.executable, "-c", script, "benchmark", *data, "--out", out]
    done = subprocess.run(
        [*map(str, command), "--plan", str(films / "plan.json"), "--device", "cpu"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Grad-CAM tu-resnet10t" in done.stdout
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def test_benchmark_when_it_ends_then_the_table_has_every_row_and_figure(benchmarked: Path) -> None:
    table = json.loads((benchmarked / "benchmark.json").read_text())
    assert [row["name"] for row in table["rows"]] == [
        "unet",
        "unetplusplus",
        "ensemble",
        "Grad-CAM tu-resnet10t",
        "Grad-CAM x probability tu-resnet10t",
    ]
    n = table["images"]["n"]
    for row in table["rows"]:
        assert {entry["name"] for entry in row["pooled"]} >= {"sensitivity", "f1", "f2", "iou"}
        assert {entry["n"] for entry in row["pooled"]} == {n}
        dice = row["per_image"][0]
        assert dice["n"] + dice["n_both_empty"] == n
        assert row["detection"]["auc"]["n"] == n
    assert set(table["images_per_second"]) >= {"train unet", "propose, all networks"}
    assert table["measured"]["peak_bytes"] > 2**20
    assert (benchmarked / "plate.png").read_bytes().startswith(b"\x89PNG")
    assert table["rows"][0]["name"] in (benchmarked / "benchmark.md").read_text()


def test_benchmark_when_it_ends_then_no_member_saw_a_patient_of_its_fold(benchmarked: Path) -> None:
    cases = json.loads((benchmarked / "run.json").read_text())["cases"]
    cards = sorted((benchmarked / "members").glob("*/card.json"))
    assert len(cards) == 4 * 2  # two networks, the lungs' and a classifier, two folds
    for path in cards:
        card = json.loads(path.read_text())
        held_out = {entry["patient"] for entry in cases if entry["fold"] == card["fold"]}
        assert held_out
        assert held_out.isdisjoint(card["loaded_patients"])
        assert card["loaded_patients"]


def test_benchmark_when_run_again_then_nothing_is_made_anew(
    films: Path, benchmarked: Path, mlloop: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    def but_command(files: dict[str, bytes]) -> dict[str, bytes]:
        # pytest's own arguments are what this process was called with.
        return {name: data for name, data in files.items() if not name.startswith("benchmark.")}

    before = contents(benchmarked)
    rows = json.loads(before["benchmark.json"])["rows"]
    plan = str(films / "plan.json")
    assert mlloop("benchmark", films, benchmarked, "--plan", plan) == 0
    after = contents(benchmarked)
    assert but_command(after) == but_command(before)
    assert json.loads(after["benchmark.json"])["rows"] == rows
    assert capsys.readouterr().err.count("finished before, skipped") == 8


def test_benchmark_when_the_plan_changed_then_refuses_the_folder(
    films: Path, benchmarked: Path, mlloop: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = str(films / "plan.json")
    assert mlloop("benchmark", films, benchmarked, "--plan", plan, "--steps", "4") == 1
    assert "was started with another plan (steps)" in capsys.readouterr().err
    assert mlloop("benchmark", films, benchmarked, "--plan", plan, "--limit", "8") == 1
    assert "other images, masks or folds" in capsys.readouterr().err


def test_propose_when_the_run_knows_the_patients_then_maps_are_out_of_fold(
    films: Path, benchmarked: Path, tmp_path: Path, mlloop: Run
) -> None:
    assert mlloop("propose", films, tmp_path, "--run", str(benchmarked), masks=False) == 0
    with (tmp_path / "index.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    with (films / "metadata.csv").open(newline="") as opened:
        group = {Path(row["image"]).name: row["group"] for row in csv.DictReader(opened)}
    assert {row["made_by"] for row in rows if group[row["file"]] != "other"} == {"out_of_fold"}
    assert {row["made_by"] for row in rows if group[row["file"]] == "other"} == {"mean"}
    for row in rows:
        mask = decode_mask((tmp_path / "masks" / f"{row['image']}.png").read_bytes())
        assert float(row["infected_share_of_film"]) == pytest.approx(mask.mean(), abs=1e-6)
        assert (tmp_path / "overlays" / f"{row['image']}.png").exists()
    before = contents(tmp_path)
    assert mlloop("propose", films, tmp_path, "--run", str(benchmarked), masks=False) == 0
    assert contents(tmp_path) == before


def test_propose_when_the_metadata_names_other_patients_then_still_knows_the_films(
    films: Path, benchmarked: Path, tmp_path: Path, mlloop: Run
) -> None:
    cases = {
        entry["image"]: entry
        for entry in json.loads((benchmarked / "run.json").read_text())["cases"]
    }
    names = sorted(path.name for path in (films / "images").iterdir() if path.stem in cases)
    table = films / "renamed.csv"
    table.write_text("image,patient_id\n" + "".join(f"images/{name},x\n" for name in names))
    more = ("--run", str(benchmarked), "--metadata", str(table))
    assert mlloop("propose", films, tmp_path, *more, masks=False) == 0
    for name in names:
        path = tmp_path / "proposals" / Path(name).stem / "proposals.json"
        records = json.loads(path.read_text())["proposals"]
        fold = cases[Path(name).stem]["fold"]
        assert {fold for record in records for _, fold in record["members"]} == {fold}


def test_evaluate_when_the_run_is_measured_then_agrees_with_the_benchmark(
    films: Path, benchmarked: Path, tmp_path: Path, mlloop: Run
) -> None:
    assert mlloop("evaluate", films, tmp_path, "--run", str(benchmarked)) == 0
    ours = json.loads((tmp_path / "evaluation.json").read_text())
    theirs = json.loads((benchmarked / "benchmark.json").read_text())
    assert ours["rows"] == theirs["rows"][:3]
    assert ours["lung_rows"] == theirs["lung_rows"]
    (note,) = ours["notes"]
    assert note == theirs["notes"][0]
    for table in (tmp_path / "evaluation.md", benchmarked / "benchmark.md"):
        assert note in table.read_text().splitlines()


def test_evaluate_when_the_run_knows_none_of_the_patients_then_no_area_rule_is_claimed(
    benchmarked: Path, tmp_path: Path, mlloop: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    write_cohort(new, patients=4, seed=6, size=96, normal_fraction=0.5, other_fraction=0.0)
    assert mlloop("evaluate", new, tmp_path / "o", "--run", str(benchmarked)) == 0
    rows = json.loads((tmp_path / "o" / "evaluation.json").read_text())["rows"]
    assert [row["detection"]["area"] for row in rows] == [[], [], []]
    assert all(row["detection"]["any_pixel"] for row in rows)
    printed = capsys.readouterr().out
    assert "chosen on the other folds" not in printed
    assert printed.count("New films and masks from elsewhere have no folds.") == 1


def test_benchmark_when_lungs_are_drawn_then_measures_them_out_of_fold(benchmarked: Path) -> None:
    (row,) = json.loads((benchmarked / "benchmark.json").read_text())["lung_rows"]
    cases = json.loads((benchmarked / "run.json").read_text())["cases"]
    drawn = [entry for entry in cases if entry["lung_sha256"]]
    assert row["name"] == "lung-unet"
    assert row["pooled"][0]["n"] == len(drawn) > 0
    for entry in drawn:
        assert (benchmarked / "proposals" / entry["image"] / "lung-unet.out_of_fold.png").exists()


def test_train_when_lungs_are_not_drawn_then_leaves_their_network_out_and_says_so(
    films: Path, tmp_path: Path, mlloop: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    more = (
        "--plan",
        str(films / "plan.json"),
        "--networks",
        "unet,lung-unet,gradcam",
        "--steps",
        "1",
    )
    none = tmp_path / "none"
    none.mkdir()
    table = films / "no_lungs.csv"
    table.write_text(re.sub(r"lung_masks/[^,]*", "", (films / "metadata.csv").read_text()))
    more += ("--lung-masks", str(none), "--metadata", str(table))
    assert mlloop("train", films, tmp_path / "o", *more) == 0
    printed = capsys.readouterr().err
    assert "No lung network is trained" in printed
    assert "classifiers are left out. benchmark adds a classifier for each encoder" in printed
    members = {path.name for path in (tmp_path / "o" / "members").iterdir()}
    assert members == {"unet-0", "unet-1"}


def test_evaluate_when_the_masks_are_the_truth_then_all_is_one(
    films: Path, tmp_path: Path, mlloop: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = films / "infection_masks"
    assert mlloop("evaluate", films, tmp_path / "o", "--predictions", str(masks)) == 0
    (row,) = json.loads((tmp_path / "o" / "evaluation.json").read_text())["rows"]
    assert {entry["value"] for entry in row["pooled"]} == {1.0}
    assert row["per_image"][0]["n_both_empty"] > 0
    assert (row["detection"]["area"], "in one fold" in row["detection"]["no_area"]) == ([], True)
    (tmp_path / "wrong").mkdir()
    for path in masks.iterdir():
        (tmp_path / "wrong" / path.name).write_bytes(encode_mask(np.ones((3, 3), np.bool_)))
    wrong = str(tmp_path / "wrong")
    assert mlloop("evaluate", films, tmp_path / "p", "--predictions", wrong) == 1
    assert "The mask is 3×3, but the image is" in capsys.readouterr().err


def test_train_when_stopped_at_once_then_says_so_and_goes_on_later(
    films: Path, tmp_path: Path, mlloop: Run
) -> None:
    data = ["--images", films, "--masks", films, "--metadata", films / "metadata.csv"]
    plan = tmp_path / "plan.json"
    write_json(plan, small_plan(steps=400, epochs=200).to_json())
    command = [sys.executable, "-m", "mlloop", "train", *data, "--out", tmp_path / "o"]
    child = subprocess.Popen(
        [*map(str, command), "--plan", str(plan), "--networks", "unet", "--device", "cpu"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    for line in child.stderr:
        if "epoch" in line:
            break
    child.send_signal(signal.SIGINT)
    _, printed = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Stopped on request" in printed
    assert (tmp_path / "o" / "members" / "unet-0" / "state" / "state.json").exists()
