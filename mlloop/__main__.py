"""`python -m mlloop train|propose|evaluate --manifest M.json --out DIR`: the child process.

Speaks JSON lines on standard output and keeps its log on standard error. Exit codes: 0 finished,
1 refused with an error event, 2 usage, 143 stopped by SIGTERM with everything saved.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from mlloop.devices import DeviceChoice, prepare
from mlloop.errors import LearningError, Stopped
from mlloop.evaluation import evaluate
from mlloop.events import emit_line
from mlloop.manifest import read_evaluate, read_propose, read_train
from mlloop.proposing import Stop, propose
from mlloop.records import FieldError
from mlloop.training import train_member

_SIGTERM_EXIT = 128 + signal.SIGTERM
_log = logging.getLogger("mlloop")


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: asked.set())
    options = _parser().parse_args(argv)
    try:
        _run(options.verb, options.manifest, options.out, options.device, asked.is_set)
    except Stopped as stopped:
        emit_line("stopped", message=stopped.sentence)
        return _SIGTERM_EXIT
    except LearningError as error:
        return _refuse(error.code, error.sentence)
    except FieldError as error:
        return _refuse("bad_manifest", f"The manifest is not usable. {error}")
    except MemoryError:
        return _refuse("out_of_memory", "The memory is full. Use a smaller grid or batch.")
    except Exception as error:  # the parent needs a sentence whatever happens
        _log.exception("unexpected error")
        return _refuse("internal", f"An unexpected error: {type(error).__name__}: {error}")
    return 0


def _run(verb: str, manifest: Path, out: Path, choice: DeviceChoice, stop: Stop) -> None:
    out.mkdir(parents=True, exist_ok=True)
    if verb == "train":
        train = read_train(manifest)
        device = prepare(train.plan, choice=choice)
        train_member(train, out, device=device, emit=emit_line, stop=stop)
    elif verb == "propose":
        proposing = read_propose(manifest)
        device = prepare(proposing.plan, choice=choice)
        propose(proposing, out, device=device, emit=emit_line, stop=stop)
    else:
        sealed = read_evaluate(manifest)
        device = prepare(sealed.plan, choice=choice)
        evaluate(sealed, out, device=device, emit=emit_line, stop=stop)


def _refuse(code: str, sentence: str) -> int:
    emit_line("error", code=code, message=sentence)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mlloop", description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=("train", "propose", "evaluate"))
    parser.add_argument("--manifest", type=Path, required=True, help="what to do, as JSON")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the results")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    return parser


if __name__ == "__main__":
    sys.exit(main())
