"""The child process as its parent sees it: events, exit codes, signals."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlloop.__main__ import main
from mlloop.contract.manifest import Case, TrainManifest, write_manifest
from tests.mlloop.conftest import card, small_plan, train, training

ROOT = Path(__file__).parents[2]


def start(manifest: TrainManifest, folder: Path, name: str) -> subprocess.Popen[str]:
    path = folder / f"{name}.json"
    write_manifest(path, manifest)
    command = [sys.executable, "-m", "mlloop", "train", "--manifest", str(path)]
    return subprocess.Popen(
        [*command, "--out", str(folder / name), "--device", "cpu"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_epoch(child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        if json.loads(line)["event"] == "epoch":
            return
    raise AssertionError("the child ended before its first epoch")


@pytest.mark.slow
def test_train_when_killed_twice_and_run_again_gives_the_same_weights(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    # Long enough that a signal after the first epoch always finds the child at work.
    manifest = training(small_plan(steps=100, epochs=20), cases)
    child = start(manifest, tmp_path, "killed")
    wait_for_epoch(child)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "card.json").exists()

    child = start(manifest, tmp_path, "killed")
    wait_for_epoch(child)
    child.send_signal(signal.SIGTERM)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 143
    assert json.loads(out.splitlines()[-1])["event"] == "stopped"
    assert (tmp_path / "killed" / "state" / "state.json").exists()

    train(manifest, tmp_path / "killed")
    train(manifest, tmp_path / "through")
    killed, through = card(tmp_path / "killed"), card(tmp_path / "through")
    assert {**killed, "seconds": 0} == {**through, "seconds": 0}


@pytest.fixture
def run_main(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., list[dict]]]:
    """Run the program in this process, and return its events after it failed."""
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: object) -> list[dict]:
        assert main([str(argument) for argument in arguments]) == 1
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    yield run
    signal.signal(signal.SIGTERM, before)


def test_train_when_an_image_is_unreadable_says_which_and_exits_1(
    cases: tuple[Case, ...], tmp_path: Path, run_main: Callable[..., list[dict]]
) -> None:
    manifest = training(small_plan(), cases)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    first = dataclasses.replace(manifest.cases[0], image_path=str(broken))
    planted = dataclasses.replace(manifest, cases=(first, *manifest.cases[1:]))
    write_manifest(tmp_path / "m.json", planted)
    out = tmp_path / "out"
    events = run_main("train", "--manifest", tmp_path / "m.json", "--out", out, "--device", "cpu")
    assert events[-1]["event"] == "error"
    assert events[-1]["code"] == "unreadable_image"
    assert first.image in events[-1]["message"]


@pytest.mark.parametrize("text", ["{}", "not json"])
def test_main_when_the_manifest_is_broken_refuses_with_a_sentence(
    tmp_path: Path, text: str, run_main: Callable[..., list[dict]]
) -> None:
    path = tmp_path / "m.json"
    path.write_text(text)
    (event,) = run_main("train", "--manifest", path, "--out", tmp_path / "o")
    assert event["event"] == "error"
    assert event["code"] == "bad_manifest"
