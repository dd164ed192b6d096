"""`make test` reports the parts that it left out, and keep-running restarts a dead process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tools.parts import LIGHT_PARTS, NEEDS, Outcome, exit_code, missing_services

ROOT = Path(__file__).resolve().parents[2]
KEEPER = ROOT / "tools" / "keep-running"


@pytest.mark.parametrize(
    ("state", "strict", "code"),
    [
        ("passed", False, 0),
        ("passed", True, 0),
        ("failed", False, 1),
        ("failed", True, 1),
        ("left out", False, 0),
        ("left out", True, 1),
    ],
)
def test_exit_code_of_one_part(state: str, strict: bool, code: int) -> None:
    outcomes = [Outcome("lint", "passed", 1.0), Outcome("part", state, 0.0)]
    assert exit_code(outcomes, strict=strict) == code


def test_missing_services_names_the_missing_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://nobody@127.0.0.1:1/test")
    assert missing_services().startswith("PostgreSQL does not answer")


def test_parts_are_make_verbs_and_none_runs_in_both_verbs() -> None:
    text = (ROOT / "Makefile").read_text()
    checks, slow = (
        re.search(rf"^{name} := (.*)$", text, re.MULTILINE)[1].split()
        for name in ("CHECKS", "SLOW_CHECKS")
    )
    assert all(f"\n{part}: setup" in text for part in (*checks, *slow))
    assert not set(checks) & set(slow)
    assert {*NEEDS, *LIGHT_PARTS} <= {*checks, *slow}


def test_ci_runs_both_verbs() -> None:
    text = (ROOT / ".ci" / "run").read_text()
    assert re.findall(r"make (test[a-z-]*)", text.split("part ", 1)[1]) == ["test", "test-slow"]


def test_no_test_module_is_imported_by_another() -> None:
    pattern = re.compile(r"^from tests\.(?:\w+\.)*test_\w+ import", re.MULTILINE)
    assert [
        path for path in (ROOT / "tests").rglob("*.py") if pattern.search(path.read_text())
    ] == []


def test_files_for_other_processors_exist() -> None:
    names = re.findall(r'"(tests/[\w/.]+)"', (ROOT / "tools" / "processors.py").read_text())
    assert names
    assert all((ROOT / name).exists() for name in names)


def wait_for(path: Path, lines: int) -> list[str]:
    """Return the lines of a file when it has this many; fail after 20 s."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        entries = path.read_text().split() if path.exists() else []
        if len(entries) >= lines:
            return entries
        time.sleep(0.05)
    raise AssertionError(f"{path} did not reach {lines} lines")


def test_keep_running_restarts_a_killed_process_and_ends_on_sigterm(tmp_path: Path) -> None:
    log = tmp_path / "pids"
    command = ["sh", "-c", f"echo $$ >> {log}; exec sleep 60"]
    keeper = subprocess.Popen(
        [ROOT / "tools" / "keep-running", *command], stderr=subprocess.DEVNULL
    )
    try:
        first = int(wait_for(log, 1)[0])
        os.kill(first, signal.SIGKILL)
        second = int(wait_for(log, 2)[1])
        keeper.terminate()
        keeper.wait(timeout=10)
    finally:
        keeper.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)


def test_keep_running_gives_up_on_a_missing_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [KEEPER, str(tmp_path / "nothing")], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 127
