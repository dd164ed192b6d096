"""Run the parts of `make test` or `make test-slow`, and print the result of each.

A part whose service or browser is missing is left out and named at the end. With CI=true a left-out
part is an error. A part that fails does not stop the others.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import psycopg
import redis

DATABASE_URL = "postgres://postgres@127.0.0.1:5432/test"
BROKER_URL = "redis://127.0.0.1:6379/0"
# These use one processor each, so two of them run at the same time.
LIGHT_PARTS = ("types", "lint", "drift", "test-frontend")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


State = Literal["passed", "failed", "left out"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one part."""

    part: str
    state: State
    seconds: float
    note: str = ""


def missing_services() -> str:
    """Return why PostgreSQL or Redis cannot be used, or an empty text."""
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
    """Return that Chromium is missing on the path, or an empty text."""
    if any(shutil.which(name) for name in CHROMIUM_NAMES):
        return ""
    return "Chromium is not on the path"


NEEDS: dict[str, Callable[[], str]] = {
    "test-postgres": missing_services,
    "test-slow-postgres": missing_services,
    "test-browser": missing_chromium,
    "test-slow-browser": missing_chromium,
}


def run_part(part: str, *, keeps_output: bool = False) -> Outcome:
    """Run one make target and return its result. Leave it out if its service or browser is missing.

    With `keeps_output` its output is printed at its end, so that lines of two parts do not mix.
    """
    missing = NEEDS.get(part, str)()
    if missing:
        return Outcome(part, "left out", 0.0, missing)
    if not keeps_output:
        print(f"==== {part}", flush=True)
    start = time.monotonic()
    done = subprocess.run(
        ["make", part],
        check=False,
        text=True,
        stdout=subprocess.PIPE if keeps_output else None,
        stderr=subprocess.STDOUT if keeps_output else None,
    )
    if keeps_output:
        print(f"==== {part}\n{done.stdout}", end="", flush=True)
    state: State = "failed" if done.returncode else "passed"
    return Outcome(part, state, time.monotonic() - start)


def run_parts(parts: list[str]) -> list[Outcome]:
    """Run the light parts two at a time, then each other part alone."""
    light = [part for part in LIGHT_PARTS if part in parts]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda part: run_part(part, keeps_output=True), light))
    return outcomes + [run_part(part) for part in parts if part not in light]


def exit_code(outcomes: list[Outcome], *, strict: bool) -> int:
    """Return 1 if a part failed or, with `strict`, was left out; otherwise 0."""
    bad = {"failed", "left out"} if strict else {"failed"}
    return int(any(outcome.state in bad for outcome in outcomes))


def main(parts: list[str]) -> int:
    """Run the parts, print the table, return the exit code."""
    start = time.monotonic()
    outcomes = run_parts(parts)
    print("\n==== parts", flush=True)
    for outcome in outcomes:
        print(f"{outcome.part:<20}{outcome.state:<10}{outcome.seconds:7.1f} s  {outcome.note}")
    print(f"{'together':<30}{time.monotonic() - start:7.1f} s")
    left_out = [outcome.part for outcome in outcomes if outcome.state == "left out"]
    if left_out:
        print(f"LEFT OUT, nothing is known about: {', '.join(left_out)}")
    return exit_code(outcomes, strict=os.environ.get("CI") == "true")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
