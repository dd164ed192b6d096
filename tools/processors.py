"""Run the learning tests as older processors would: fewer vector instructions, one or two threads.

A test that passes only with the rounding of one processor fails in one of these runs. Vector
instructions and threads change the rounding independently, so not every pair is run. Levels that
this processor does not support are named as left out.
"""

from __future__ import annotations

import os
import subprocess
import sys

import torch

# PyTorch's name of each level, and oneDNN's name. Older processors come first.
LEVELS = {"default": "SSE41", "avx2": "AVX2", "avx512": "AVX512_CORE"}
# These compare sums of many products. The other learning tests compare shapes, files and sentences.
FILES = (
    "tests/mlloop/networks/test_losses.py",
    "tests/mlloop/proposing/test_proposing.py",
    "tests/mlloop/training/test_classifier.py",
    "tests/mlloop/training/test_memory.py",
    "tests/mlloop/training/test_steps.py",
    "tests/mlloop/training/test_training.py",
)


def supported_levels() -> list[str]:
    """Return all levels that this processor supports."""
    best = torch.backends.cpu.get_cpu_capability().lower()
    names = list(LEVELS)
    return names[: names.index(best) + 1] if best in names else names[:1]


def run_tests(level: str, threads: int) -> int:
    """Run the tests at one level and thread count; return pytest's exit code."""
    print(f"---- {level}, {threads} thread(s)", flush=True)
    environment = {
        "ATEN_CPU_CAPABILITY": level,
        "ONEDNN_MAX_CPU_ISA": LEVELS[level],
        "OMP_NUM_THREADS": str(threads),
    }
    processes = "auto" if threads == 1 else "0"
    command = ("-m", "pytest", "-q", "-m", "not slow", "--numprocesses", processes, *FILES)
    return subprocess.run(
        [sys.executable, *command], check=False, env={**os.environ, **environment}
    ).returncode


def main() -> int:
    """Run each level with one thread and the best with two; return 1 if any run failed."""
    levels = supported_levels()
    runs = [*((level, 1) for level in levels), (levels[-1], 2)]
    failed = [
        f"{level}, {threads} thread(s)" for level, threads in runs if run_tests(level, threads)
    ]
    for level in LEVELS.keys() - set(levels):
        print(f"left out: {level}, which this processor does not have")
    for run in failed:
        print(f"failed: {run}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
