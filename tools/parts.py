"""Run the parts of `make test` one after the other and say how each ended.

A part that needs a service which is not there is left out and named at the end; with CI=true that
is an error. A part that fails does not stop the others.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import psycopg
import redis

DATABASE_URL = "postgres://postgres@127.0.0.1:5432/test"
BROKER_URL = "redis://127.0.0.1:6379/0"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one part ended."""

    part: str
    state: Literal["passed", "failed", "left out"]
    seconds: float
    note: str = ""


def missing_services() -> str:
    """Say what PostgreSQL and Redis lack for the second run of the suite, or nothing."""
    try:
        url = os.environ.get("DATABASE_URL", DATABASE_URL)
        psycopg.connect(url, dbname="postgres", connect_timeout=3).close()
    except psycopg.Error as error:
        return f"PostgreSQL does not answer: {str(error).strip().splitlines()[0]}"
    try:
        redis.Redis.from_url(os.environ.get("CELERY_BROKER_URL", BROKER_URL)).ping()
    except redis.RedisError as error:
        return f"Redis does not answer: {error}"
    return ""


def missing_chromium() -> str:
    """Say that no Chromium was found on the path, or nothing."""
    if any(shutil.which(name) for name in CHROMIUM_NAMES):
        return ""
    return "Chromium is not on the path"


NEEDS: dict[str, Callable[[], str]] = {
    "test-postgres": missing_services,
    "test-browser": missing_chromium,
}


def run_part(part: str) -> Outcome:
    """Run one make target, or leave it out when what it needs is missing."""
    missing = NEEDS.get(part, str)()
    if missing:
        return Outcome(part, "left out", 0.0, missing)
    print(f"==== {part}", flush=True)
    start = time.monotonic()
    code = subprocess.run(["make", part], check=False).returncode
    return Outcome(part, "failed" if code else "passed", time.monotonic() - start)


def exit_code(outcomes: list[Outcome], *, strict: bool) -> int:
    """Return 1 if a part failed, or if one was left out and `strict` forbids it."""
    bad = {"failed", "left out"} if strict else {"failed"}
    return int(any(outcome.state in bad for outcome in outcomes))


def main(parts: list[str]) -> int:
    """Run the parts, print the table, return the exit code."""
    outcomes = [run_part(part) for part in parts]
    print("\n==== parts", flush=True)
    for outcome in outcomes:
        print(f"{outcome.part:<16}{outcome.state:<10}{outcome.seconds:7.1f} s  {outcome.note}")
    left_out = [outcome.part for outcome in outcomes if outcome.state == "left out"]
    if left_out:
        print(f"LEFT OUT, nothing is known about: {', '.join(left_out)}")
    return exit_code(outcomes, strict=os.environ.get("CI") == "true")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
