"""Workers that race and workers that are killed: each row once, and the same bits in the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import pytest

ROOT = Path(__file__).parents[2]
WORLD = str(Path(__file__).with_name("kill_world.py"))
PATIENCE = 600.0  # seconds; a busy machine starves a child that is nice
CELERY = (
    *("-m", "celery", "-A", "annotation.config", "worker", "--pool", "threads"),
    *("--concurrency", "3", "--queues", "train,propose,io", "--loglevel", "INFO"),
)


@dataclass(frozen=True)
class Installation:
    """A database, a data root and workers that no other test shares."""

    var: Path
    env: dict[str, str]

    def run(self, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], env=self.env, cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def worker(self) -> subprocess.Popen[bytes]:
        with (self.var.parent / "worker.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *CELERY], env=self.env, cwd=ROOT, stdout=log, stderr=log
            )

    def facts(self) -> dict[str, object]:
        return json.loads(self.run(WORLD, "facts"))

    def children(self) -> list[int]:
        """Find training processes that work in this data root."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    line = (entry / "cmdline").read_bytes()
                    state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                except OSError:
                    continue
                if b"mlloop" in line and str(self.var).encode() in line and state not in "ZX":
                    found.append(int(entry.name))
        return found


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    env = {**os.environ, "ROUNDTRUTH_VAR": str(tmp_path / "var"), "OMP_NUM_THREADS": "1"}
    name, server = f"kill_{uuid.uuid4().hex[:12]}", os.environ.get("DATABASE_URL", "")
    is_postgres = server.startswith("postgres")
    if is_postgres:
        import psycopg

        with psycopg.connect(server, dbname="postgres", autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
        env["DATABASE_URL"] = urlparse(server)._replace(path=f"/{name}").geturl()
    else:
        env.pop("DATABASE_URL", None)
        env.pop("CELERY_BROKER_URL", None)
    made = Installation(tmp_path / "var", env)
    made.run("manage.py", "migrate", "--verbosity", "0")
    made.run(WORLD, "create")
    yield made
    if is_postgres:
        with psycopg.connect(server, dbname="postgres", autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def running(installation: Installation) -> Iterator[list[subprocess.Popen[bytes]]]:
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
    found = installation.facts()
    assert found["state"] == "awaiting_decision", found["failure"]
    return found


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_killed_worker_ends_with_the_same_bits_as_one_that_lived(
    installation: Installation, running: list[subprocess.Popen[bytes]]
) -> None:
    work = installation.var / "work"
    triggers = {
        "training": lambda: list(work.glob("*/*/state/*.json")),
        "proposing": lambda: list(work.glob("*/proposals/*/*.png")),
    }
    results = []
    for phase, trigger in triggers.items():
        installation.run(WORLD, "plan")
        running.append(installation.worker())
        wait_for(trigger, "the moment to kill")
        kill(installation, running.pop())
        assert installation.facts()["state"] == phase
        running.append(installation.worker())
        results.append(finished(installation))
        worker = running.pop()
        worker.terminate()
        assert worker.wait(60) == 0

    running.append(installation.worker())
    installation.run(WORLD, "plan")
    lived = finished(installation)
    assert lived["attempts"] == 3  # two members and the round's own last phase
    assert all(weights for *_, weights in lived["weights"])
    assert lived["leaks"] == 0
    for killed in results:
        assert killed["attempts"] >= lived["attempts"]
        for part in ("weights", "history", "proposals", "metrics", "leaks"):
            assert killed[part] == lived[part], part


@pytest.mark.timeout(900)
def test_eight_processes_claiming_at_once_get_each_row_once(installation: Installation) -> None:
    installation.run(WORLD, "plan")
    racers = [
        subprocess.Popen(
            [sys.executable, WORLD, "claim"],
            env=installation.env,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    try:
        assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 8
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        won = [pk for racer in racers for pk in json.loads(racer.stdout.readline())]
    finally:
        for racer in racers:
            racer.communicate("\n")
    assert len(won) == len(set(won)) == 2
