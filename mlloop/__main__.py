"""`python -m mlloop VERB ...`: the child process of the loop, and tools for people at a shell.

Speaks JSON lines on standard output and keeps its log on standard error. Exit codes: 0 finished,
1 refused with an error event, 2 usage, 143 stopped by SIGTERM with everything saved.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from mlloop.converting import convert_weights
from mlloop.devices import prepare
from mlloop.errors import LearningError, Stopped
from mlloop.evaluation import evaluate
from mlloop.events import emit_line
from mlloop.manifest import read_evaluate, read_propose, read_train
from mlloop.proposing import Stop, propose
from mlloop.records import FieldError
from mlloop.training import train_member

_SIGTERM_EXIT = 128 + signal.SIGTERM
_log = logging.getLogger("mlloop")
_Run = Callable[[argparse.Namespace, Stop], None]
_Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: asked.set())
    options = _parser().parse_args(argv)
    try:
        options.run(options, asked.is_set)
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


def _train(options: argparse.Namespace, stop: Stop) -> None:
    manifest = read_train(options.manifest)
    device = prepare(manifest.plan, choice=options.device)
    train_member(manifest, _made(options.out), device=device, emit=emit_line, stop=stop)


def _propose(options: argparse.Namespace, stop: Stop) -> None:
    manifest = read_propose(options.manifest)
    device = prepare(manifest.plan, choice=options.device)
    propose(manifest, _made(options.out), device=device, emit=emit_line, stop=stop)


def _evaluate(options: argparse.Namespace, stop: Stop) -> None:
    manifest = read_evaluate(options.manifest)
    device = prepare(manifest.plan, choice=options.device)
    evaluate(manifest, _made(options.out), device=device, emit=emit_line, stop=stop)


def _convert(options: argparse.Namespace, _stop: Stop) -> None:
    convert_weights(options.source, options.target, encoder=options.encoder, emit=emit_line)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _refuse(code: str, sentence: str) -> int:
    emit_line("error", code=code, message=sentence)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mlloop", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    _add_job(verbs, "train", _train, "train one member of a round")
    _add_job(verbs, "propose", _propose, "propose masks with trained members")
    _add_job(verbs, "evaluate", _evaluate, "measure members on sealed cases")
    _add_convert(verbs)
    return parser


def _add_job(verbs: _Verbs, name: str, run: _Run, text: str) -> None:
    """Add a verb that takes a manifest, as the web side writes it."""
    verb = verbs.add_parser(name, help=text, description=text.capitalize() + ".")
    verb.add_argument("--manifest", type=Path, required=True, help="what to do, as JSON")
    verb.add_argument("--out", type=Path, required=True, help="the folder for the results")
    verb.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    verb.set_defaults(run=run)


def _add_convert(verbs: _Verbs) -> None:
    text = "turn a .pth checkpoint into initial weights for an encoder"
    verb = verbs.add_parser("convert-weights", help=text, description=f"{text.capitalize()}.")
    verb.add_argument("source", type=Path, help="a checkpoint of torch.save; nothing in it is run")
    verb.add_argument("target", type=Path, help="the .safetensors file to write")
    verb.add_argument("--encoder", required=True, help="its name in the plan, e.g. densenet121")
    verb.set_defaults(run=_convert)


if __name__ == "__main__":
    sys.exit(main())
