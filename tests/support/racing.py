"""Call a function in several processes at the same moment, on the database of the test.

One process starts Django and forks the others, so eight processes cost little more than one.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 240.0

_barrier: Barrier


def call_at_once(
    function: Callable[..., Any], arguments: Sequence[tuple[object, ...]], data_root: Path
) -> list[Any]:
    """Call a function of a module in one process for each tuple of arguments; return the results.

    Arguments and results pass as JSON. Every process lives until all have returned.
    """
    name = f"{function.__module__}:{function.__name__}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.racing", name, json.dumps(arguments)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": _address(), "ROUNDTRUTH_VAR": str(data_root)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    results: list[Any] = json.loads(done.stdout)
    return results


def _address() -> str:
    """Return the address of the database that this test uses."""
    from django.db import connection

    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlparse(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def main(name: str, arguments: list[list[object]]) -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "annotation.config.settings"
    django.setup()
    module, _, function = name.partition(":")
    called = getattr(import_module(module), function)
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(len(arguments))
    with context.Pool(len(arguments), _remember, (barrier,)) as pool:
        results = pool.starmap(_call, [(called, one) for one in arguments], chunksize=1)
    sys.stdout.write(json.dumps(results))


def _remember(barrier: Barrier) -> None:
    global _barrier  # noqa: PLW0603 - a pool's process gets what is inherited only here
    _barrier = barrier


def _call(function: Callable[..., Any], arguments: list[object]) -> Any:
    """Wait until every process is here. So each gets one call."""
    _barrier.wait(PATIENCE_SECONDS)
    return function(*arguments)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
