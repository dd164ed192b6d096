"""Measure every path, print the table, write var/bench/report.json.

The exit status is 1 if a path could not be measured, but not if a figure misses its bar.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from pathlib import Path

from bench.environment import OUT, Options, start_environment
from bench.measure import Row, table, write_report

PATHS = ("intake", "reading", "training", "proposing", "memory", "editor")
IMAGES, FULL_IMAGES = 20_000, 120_000
FEWEST = 2_000  # with fewer images there are not enough sealed cases for all readers of the bench


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen paths one after the other."""
    chosen = _parse(arguments)
    started = time.monotonic()
    rows: list[Row] = []
    failed: list[str] = []
    with start_environment() as folder:
        options = Options(folder, FULL_IMAGES if chosen.full else chosen.images, chosen.device)
        for path in chosen.only:
            print(f"measuring {path} ...", file=sys.stderr, flush=True)
            try:
                # Not imported above: these modules import models, so Django must be started first.
                rows += importlib.import_module(f"bench.{path}").measure(options)
            except Exception:
                traceback.print_exc()
                failed.append(path)
    spent = round(time.monotonic() - started, 1)
    print(table(rows))
    write_report(chosen.out, rows, images=options.images, failed=failed, seconds=spent)
    print(f"{spent:.0f} s; written to {chosen.out}")
    if failed:
        print(f"crashed and not measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PATHS, default=PATHS, metavar="PATH")
    parser.add_argument("--images", type=int, default=IMAGES, help="rows for the next case")
    parser.add_argument(
        "--full", action="store_true", help=f"{FULL_IMAGES} images with five proposals each"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--out", type=Path, default=OUT / "report.json")
    chosen = parser.parse_args(arguments)
    if chosen.images < FEWEST:
        parser.error(
            f"--images: at least {FEWEST} are needed, so that the readers have enough cases."
        )
    return chosen


if __name__ == "__main__":
    sys.exit(main())
