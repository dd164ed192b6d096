"""`python -m mlloop train|propose|evaluate|benchmark`: on plain folders, or as a child process.

With `--manifest` it is the child of a server: it writes JSON lines to standard output and its log
to standard error. Exit codes: 0 finished, 1 refused with an error event (on plain folders, with a
sentence), 2 wrong usage, 143 stopped by SIGTERM, 130 stopped by Ctrl-C. All work is saved before a
stop.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from mlloop.arguments import parse, runs_on_folders
from mlloop.contract.errors import LearningError, Stop, Stopped
from mlloop.contract.events import emit_line
from mlloop.contract.manifest import (
    EstimateManifest,
    EvaluateManifest,
    ProposeManifest,
    TrainManifest,
    read_manifest,
)
from mlloop.contract.records import FieldError
from mlloop.networks.converting import convert_weights
from mlloop.networks.devices import prepare_device
from mlloop.proposing.ensemble import propose
from mlloop.proposing.estimating import estimate_cost
from mlloop.proposing.evaluation import evaluate
from mlloop.training.member import train_member
from mlloop.training.memory import is_out_of_memory

_SIGTERM_EXIT = 128 + signal.SIGTERM
_SIGINT_EXIT = 128 + signal.SIGINT
_MEMORY_FULL = "The memory is full. Use a smaller grid, batch or network in the plan."
_log = logging.getLogger("mlloop")
_Run = Callable[[argparse.Namespace, Stop], None]


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    options = parse(argv)
    stop_requested = threading.Event()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: stop_requested.set())
    if runs_on_folders(options):
        return _run_on_folders(options, stop_requested)
    try:
        _JOBS[options.verb](options, stop_requested.is_set)
    except Stopped as stopped:
        emit_line("stopped", message=stopped.sentence)
        return _SIGTERM_EXIT
    except LearningError as error:
        return _refuse(error.code, error.sentence)
    except FieldError as error:
        return _refuse("bad_manifest", f"The manifest is not usable. {error}")
    except Exception as error:  # the parent needs a sentence for every error
        if is_out_of_memory(error):
            return _refuse("out_of_memory", _MEMORY_FULL)
        _log.exception("unexpected error")
        return _refuse("internal", f"Unexpected error: {type(error).__name__}: {error}")
    return 0


def _train(options: argparse.Namespace, stop: Stop) -> None:
    manifest = read_manifest(TrainManifest, options.manifest)
    device = prepare_device(manifest.plan, choice=options.device)
    train_member(manifest, _make_folder(options.out), device=device, emit=emit_line, stop=stop)


def _propose(options: argparse.Namespace, stop: Stop) -> None:
    manifest = read_manifest(ProposeManifest, options.manifest)
    device = prepare_device(manifest.plan, choice=options.device)
    propose(manifest, _make_folder(options.out), device=device, emit=emit_line, stop=stop)


def _evaluate(options: argparse.Namespace, stop: Stop) -> None:
    manifest = read_manifest(EvaluateManifest, options.manifest)
    device = prepare_device(manifest.plan, choice=options.device)
    evaluate(manifest, _make_folder(options.out), device=device, emit=emit_line, stop=stop)


def _estimate(options: argparse.Namespace, stop: Stop) -> None:
    manifest = read_manifest(EstimateManifest, options.manifest)
    device = prepare_device(manifest.plan, choice=options.device)
    estimate_cost(manifest, _make_folder(options.out), device=device, emit=emit_line, stop=stop)


def _convert(options: argparse.Namespace, _stop: Stop) -> None:
    convert_weights(options.source, options.target, encoder=options.encoder, emit=emit_line)


def _make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


_JOBS: Mapping[str, _Run] = {
    "train": _train,
    "propose": _propose,
    "evaluate": _evaluate,
    "estimate": _estimate,
    "convert-weights": _convert,
}


def _run_on_folders(options: argparse.Namespace, stop_requested: threading.Event) -> int:
    """Run one verb for a person and return its exit code. Errors go to standard error as text."""
    code = _SIGTERM_EXIT

    def interrupt(_signal: int, _frame: object) -> None:
        nonlocal code
        code = _SIGINT_EXIT
        stop_requested.set()

    signal.signal(signal.SIGINT, interrupt)
    # Not imported above: children of a server start often and need neither plots nor Grad-CAM.
    verbs = importlib.import_module("mlloop.folders.verbs")
    try:
        verbs.run_verb(options, stop_requested.is_set)
    except Stopped as stopped:
        sys.stderr.write(f"{stopped.sentence} Start it with the same options to continue.\n")
        return code
    except LearningError as error:
        sys.stderr.write(f"{error.sentence}\n")
        return 1
    except FieldError as error:
        sys.stderr.write(f"A record is not usable. {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename or 'A file'}: {error.strerror}.\n")
        return 1
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        sys.stderr.write(f"{_MEMORY_FULL}\n")
        return 1
    return 0


def _refuse(code: str, sentence: str) -> int:
    emit_line("error", code=code, message=sentence)
    return 1


if __name__ == "__main__":
    sys.exit(main())
