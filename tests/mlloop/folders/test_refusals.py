"""What the verbs refuse, before anything is written, and how they help."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from mlloop.__main__ import main
from mlloop.contract.manifest import ManifestError
from tests.mlloop.folders.conftest import Run


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--plan", "none"), "'none' is not one of"),
        (("--plan", "gone.json"), "gone.json cannot be read"),
        (("--networks", "unet-99"), "the plan has no network unet-99"),
        (("--folds", "1"), "2 to 20 folds are possible"),
    ],
)
def test_train_when_the_plan_is_wrong_then_says_why(
    films: Path,
    tmp_path: Path,
    mlloop: Run,
    capsys: pytest.CaptureFixture[str],
    *,
    more: tuple[str, ...],
    sentence: str,
) -> None:
    assert mlloop("train", films, tmp_path / "o", *more) == 1
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_train_when_an_image_is_listed_twice_then_refuses_before_anything_is_written(
    films: Path, tmp_path: Path, mlloop: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    table = (films / "metadata.csv").read_text()
    twice = films / "twice.csv"
    twice.write_text(table + table.splitlines()[1] + "\n")
    more = ("--plan", str(films / "plan.json"), "--metadata", str(twice))
    assert mlloop("train", films, tmp_path / "o", *more) == 1
    sentence = capsys.readouterr().err
    assert re.search(
        rf"is listed twice, on line 2 and on line {table.count(chr(10)) + 1}\.", sentence
    )
    assert not (tmp_path / "o").exists()


def test_main_when_a_record_is_not_usable_then_says_its_sentence(
    films: Path,
    tmp_path: Path,
    mlloop: Run,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(*_: object) -> None:
        raise ManifestError("cases", "an image is listed twice.")

    monkeypatch.setattr("mlloop.folders.verbs.run_verb", wrong)
    assert mlloop("train", films, tmp_path) == 1
    assert "not usable. cases: an image is listed twice." in capsys.readouterr().err


def test_train_when_no_masks_are_given_then_asks_for_them(
    films: Path, tmp_path: Path, mlloop: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mlloop("train", films, tmp_path, masks=False) == 1
    assert "--masks" in capsys.readouterr().err


def test_benchmark_when_there_is_one_class_then_says_which_before_it_trains(
    films: Path, tmp_path: Path, mlloop: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with (films / "metadata.csv").open(newline="") as opened:
        rows = [row for row in csv.DictReader(opened) if row["group"] == "covid"]
    text = "image,patient_id,group,infection_mask\n" + "".join(
        f"{r['image']},{r['patient_id']},covid,{r['infection_mask']}\n" for r in rows
    )
    (films / "covid.csv").write_text(text)
    code = mlloop("benchmark", films, tmp_path, "--metadata", str(films / "covid.csv"))
    assert code == 1
    assert f"All {len(rows)} images are covid" in capsys.readouterr().err


def test_propose_when_nothing_was_trained_then_says_how(
    films: Path, tmp_path: Path, mlloop: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mlloop("propose", films, tmp_path, masks=False) == 1
    assert "holds no run. Train one first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--out", "o"], "--images and --metadata must be given"),
        (["train", "--out", "o", "--manifest", "m", "--images", "i"], "combined with"),
        (["benchmark", "--out", "o", "--manifest", "m"], "unrecognized arguments"),
        (["train", "--out", "o", "--images", "i", "--metadata", "m", "--limit", "0"], "1 or more"),
        ([], "VERB"),
    ],
)
def test_main_when_called_wrongly_then_exits_2_with_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["train", "propose", "evaluate", "benchmark"])
def test_help_when_asked_then_teaches_by_an_example(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    sentence = capsys.readouterr().out
    assert f"python -m mlloop {verb} " in sentence
    assert "what it writes" in sentence
    assert "metadata.csv has a line for each image" in sentence
