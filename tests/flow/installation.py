"""An installation of its own for a test: a data root, a database, and the processes in it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse
from uuid import uuid4

ROOT = Path(__file__).parents[2]
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
        done = self._run(command)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def refused(self, *command: str) -> str:
        """Run a command that must be refused, and return its reason."""
        done = self._run(command)
        assert done.returncode == 1, done.stderr[-3000:]
        return done.stderr

    def ask(self, *command: str) -> object:
        return json.loads(self.run(*command))

    def worker(self) -> subprocess.Popen[bytes]:
        with (self.var.parent / "worker.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *CELERY], env=self.env, cwd=ROOT, stdout=log, stderr=log
            )

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

    def _run(self, command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command], env=self.env, cwd=ROOT, capture_output=True, text=True
        )

    def stored(self) -> list[Path]:
        """Find every file that has a key; a write that was killed has none."""
        return [path for path in self.var.glob("store/**/*") if len(path.name) == 64]

    def half_written(self) -> list[Path]:
        return [path for path in self.stored() if sha256(path) != path.name]

    def exported(self, folder: Path, *, project: str) -> dict[str, str]:
        """Freeze 1.0.0 if nobody did, copy it out, verify it; return each file's hash."""
        asked = ("--project", project, "--version", "1.0.0", "--out", str(folder))
        self.run("manage.py", "release", *asked)
        self.run("manage.py", "verify_release", str(folder))
        files = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def installed(var: Path, database: str = "") -> Installation:
    """Return the installation of a data root; without a database it is the embedded default."""
    env = {**os.environ, "ROUNDTRUTH_VAR": str(var), "OMP_NUM_THREADS": "1"}
    if database:
        return Installation(var, {**env, "DATABASE_URL": database, **_own_broker()})
    return Installation(
        var, {k: v for k, v in env.items() if k not in ("DATABASE_URL", "CELERY_BROKER_URL")}
    )


def _own_broker() -> dict[str, str]:
    """Return the broker's address with a Redis database that no other test process listens to."""
    broker = urlparse(os.environ.get("CELERY_BROKER_URL", ""))
    if broker.scheme != "redis":
        return {}
    number = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return {"CELERY_BROKER_URL": broker._replace(path=f"/{number}").geturl()}


class Databases:
    """Databases on the server of DATABASE_URL, dropped in the end; without a server, none."""

    def __init__(self) -> None:
        self._server = os.environ.get("DATABASE_URL", "")
        self._made: list[str] = []

    def make(self, *, like: str = "") -> str:
        """Return the address of a new database, empty or the copy of `like`; "" for SQLite."""
        if not self._server.startswith("postgres"):
            return ""
        name = f"flow_{uuid4().hex[:12]}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {urlparse(like).path[1:] or 'template1'}")
        self._made.append(name)
        return urlparse(self._server)._replace(path=f"/{name}").geturl()

    def drop(self) -> None:
        for name in self._made:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self._server, dbname="postgres", autocommit=True) as admin:
            admin.execute(statement)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
