"""Workers that are killed leave the same bits as workers that lived."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.flow.installation import ROOT, Databases, Installation, installed

WORLD = str(Path(__file__).with_name("kill_world.py"))
pytestmark = [pytest.mark.slow, pytest.mark.postgres]
PATIENCE = 600.0  # seconds; a busy machine starves a child that is nice


@pytest.fixture
def empty(tmp_path: Path, databases: Databases) -> Installation:
    made = installed(tmp_path / "var", databases.make())
    made.run("manage.py", "migrate", "--verbosity", "0")
    return made


@pytest.fixture
def installation(empty: Installation) -> Installation:
    empty.run(WORLD, "create")
    return empty


@pytest.fixture
def running(empty: Installation) -> Iterator[list[subprocess.Popen[bytes]]]:
    workers: list[subprocess.Popen[bytes]] = []
    yield workers
    for worker in workers:
        worker.kill()
        worker.wait()


def wait_for(seen: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)


def kill(installation: Installation, worker: subprocess.Popen[bytes]) -> None:
    """SIGKILL the worker; its child must not survive it."""
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    end = time.monotonic() + 5
    while installation.children() and time.monotonic() < end:
        time.sleep(0.05)
    assert installation.children() == []


def finished(installation: Installation) -> dict[str, object]:
    """Wait for the end of the round: its work folder goes when everything is in storage."""
    work = installation.var / "work"
    wait_for(lambda: any(work.glob("*")), "the round's work folder")
    wait_for(lambda: not any(work.glob("*")), "the round's end")
    time.sleep(0.5)
    found = installation.ask(WORLD, "facts")
    assert found["state"] == "awaiting_decision", found["failure"]
    return found


@pytest.mark.timeout(2400)
def test_a_killed_worker_ends_with_the_same_bits_as_one_that_lived(
    installation: Installation, running: list[subprocess.Popen[bytes]]
) -> None:
    work = installation.var / "work"
    triggers = {
        "training": "*/*/state/*.json",
        "proposing": "*/proposals/*/*.png",
        "evaluating": "*/evaluation-*/maps/*/*.png",
    }
    installation.run(WORLD, "plan")
    for phase, sign in triggers.items():
        running.append(installation.worker())
        wait_for(lambda found=sign: any(work.glob(found)), f"{phase} to kill")
        kill(installation, running.pop())
        assert installation.ask(WORLD, "facts")["state"] == phase
    # Some sealed images had their maps, and none was counted.
    assert 0 < len(list(work.glob(triggers["evaluating"]))) < 40
    assert not any(work.glob("*/evaluation-*/evaluation.json"))
    running.append(installation.worker())
    killed = finished(installation)
    worker = running.pop()
    worker.terminate()
    assert worker.wait(60) == 0

    running.append(installation.worker())
    installation.run(WORLD, "plan")
    lived = finished(installation)
    assert lived["attempts"] == 3  # two members and the round's own last phase
    assert all(weights for *_, weights in lived["weights"])
    assert lived["leaks"] == 0
    assert len(lived["sealed"]) == 40
    assert (killed["looks"], lived["looks"]) == (1, 2)
    assert killed["attempts"] > lived["attempts"]
    for part in ("weights", "history", "proposals", "metrics", "sealed", "leaks"):
        assert killed[part] == lived[part], part
    assert installation.half_written() == []


@pytest.mark.timeout(900)
def test_a_release_killed_twice_has_the_bytes_of_one_that_lived(
    empty: Installation,
    running: list[subprocess.Popen[bytes]],
    databases: Databases,
    tmp_path: Path,
) -> None:
    """Killed once with some masks stored, once with some files listed; its twin is left alone."""
    empty.run(WORLD, "ask")
    twin = installed(tmp_path / "twin", databases.make(like=empty.env.get("DATABASE_URL", "")))
    shutil.copytree(empty.var, twin.var)
    lived = twin.exported(tmp_path / "lived", project="kill")
    shutil.copy2(twin.var / "release_signing_key", empty.var)  # both servers sign with one key
    before, after = len(empty.stored()), len(twin.stored())

    running.append(empty.worker())
    wait_for(lambda: len(empty.stored()) > before + 50, "masks to be stored")
    kill(empty, running.pop())
    assert before + 50 < len(empty.stored()) < after
    assert empty.ask(WORLD, "release_facts")["state"] == "running"
    assert empty.half_written() == []

    watch = [sys.executable, WORLD, "watch"]
    with subprocess.Popen(watch, env=empty.env, cwd=ROOT, stdout=subprocess.PIPE) as watcher:
        running.extend((watcher, empty.worker()))
        assert watcher.stdout.readline() == b"listed\n"
        kill(empty, running.pop())
        halfway = empty.ask(WORLD, "release_facts")
        assert halfway["state"] == "running"
        assert 0 < halfway["items"] < len(lived)
        running.append(empty.worker())
        assert watcher.stdout.readline() == b"ended\n"
    facts = empty.ask(WORLD, "release_facts")
    # A release lists its files while it stores them, so the killed run had stored some masks only.
    masks = sum(name.startswith("Ground-truths/") for name in lived)
    ended = {"state": "frozen", "attempts": 3, "done": masks, "items": len(lived)}
    assert facts == {**halfway, **ended}
    assert empty.exported(tmp_path / "killed", project="kill") == lived
    assert empty.half_written() == []
    assert len(empty.stored()) == after
