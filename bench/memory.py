"""Measures whether the memory of a proposing child grows with the number of images."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from bench.environment import Options, machine
from bench.measure import Bar, Row, row
from bench.phantom_cases import write_phantoms
from bench.proposing import train_members_briefly, unread_cases
from mlloop.contract.manifest import ProposeManifest, write_manifest
from mlloop.contract.presets import preset
from mlloop.networks.devices import prepare_device

BAR = Bar("<=", 1.2)
_FEW, _MANY = 64, 512


def measure(options: Options) -> list[Row]:
    """Run a child on few images and another child on eight times as many; return the rows."""
    few, many = (_peak_mebibytes(n, options) for n in (_FEW, _MANY))
    return [
        row("proposing.memory_ratio", many / few, f"x, {_MANY} images to {_FEW}",
            bar=BAR, device=machine()),
        row("proposing.memory_mib", many, f"MiB at {_MANY} images", device=machine()),
    ]  # fmt: skip


def _peak_mebibytes(n: int, options: Options) -> float:
    plan = preset("cpu")
    plan = replace(plan, networks=plan.networks[:1], folds=2, flip_test=False)
    manifest = ProposeManifest(
        round=1,
        plan=plan,
        k=plan.folds,
        members=train_members_briefly(plan, options.folder, prepare_device(plan, choice="cpu")),
        cases=unread_cases(write_phantoms(options.folder), k=plan.folds, n=n),
        trained_patients=frozenset(),
    )
    place = options.folder / f"memory-{n}"
    path = place / "manifest.json"
    place.mkdir()
    write_manifest(path, manifest)
    return _run(path, place / "out") / 1024


def _run(manifest: Path, out: Path) -> int:
    """Run a child to its end and return its peak resident memory in KiB."""
    command = [sys.executable, "-m", "mlloop", "propose", "--device", "cpu"]
    child = subprocess.Popen(
        [*command, "--manifest", str(manifest), "--out", str(out)], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"the proposing child ended with {child.returncode}")
    return usage.ru_maxrss
