"""The command line of `python -m mlloop`: its verbs, their options and their help."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlloop.help_texts import (
    BENCHMARK,
    CONVERT,
    DESCRIPTION,
    EPILOG,
    ESTIMATE,
    EVALUATE,
    PROPOSE,
    TRAIN,
)

_HELP = {
    "train": ("train an ensemble", TRAIN),
    "propose": ("draw masks with a trained ensemble", PROPOSE),
    "evaluate": ("compare masks with expert masks", EVALUATE),
    "benchmark": ("compare networks with Grad-CAM, as a table", BENCHMARK),
}
_CHILD_VERBS = ("train", "propose", "evaluate")
_DEVICE_HELP = "auto: a GPU if there is one"
FOLDER_OPTIONS = ("images", "metadata")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line. Wrong usage ends the process with status 2 and a sentence."""
    parser = argparse.ArgumentParser(
        prog="python -m mlloop",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, (short, text) in _HELP.items():
        verb_parser = verbs.add_parser(
            verb,
            help=short,
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_options(verb_parser, verb)
    _add_convert(
        verbs.add_parser(
            "convert-weights",
            help="make initial weights from a checkpoint",
            description=CONVERT,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    _add_estimate(
        verbs.add_parser(
            "estimate",
            help="estimate what a round costs on this machine",
            description=ESTIMATE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    options = parser.parse_args(argv)
    _check(verbs.choices[options.verb], options)
    return options


def runs_on_folders(options: argparse.Namespace) -> bool:
    """Say whether the verb runs on plain folders instead of a server's manifest."""
    return options.verb in _HELP and getattr(options, "manifest", None) is None


def _add_convert(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "source",
        type=Path,
        help="a .pth or .safetensors file, or: imagenet",
    )
    add("target", type=Path, help="the .safetensors file to write")
    add("--encoder", required=True, help="its name in the plan, e.g. densenet121")


def _add_estimate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--manifest", type=Path, required=True, metavar="JSON", help="the plan and the numbers")
    add("--out", type=Path, required=True, metavar="DIR", help="the folder for the result")
    add(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="auto: a GPU if there is one",
    )


def _add_options(parser: argparse.ArgumentParser, verb: str) -> None:
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help="the folder for the results")
    add(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="auto: a GPU if there is one",
    )
    add("--images", type=Path, metavar="DIR", help="the images: PNG, JPEG or TIFF")
    add("--metadata", type=Path, metavar="CSV", help="the metadata of the images, see above")
    if verb != "propose":
        add("--masks", type=Path, metavar="DIR", help="the expert masks")
        add("--lung-masks", type=Path, metavar="DIR", help="the lung masks, for lung networks")
    add("--limit", type=int, metavar="N", help="use at most N images, whole patients")
    if verb in ("train", "benchmark"):
        add("--plan", default="cpu", metavar="NAME|FILE", help="a preset or a JSON file (cpu)")
        add("--networks", metavar="A,B", help="only these networks of the plan")
        add("--steps", type=int, metavar="N", help="steps of each member (the plan's)")
        add("--folds", type=int, metavar="K", help="folds of the patients (the plan's)")
    else:
        add("--run", type=Path, metavar="DIR", help="the folder that train wrote (default: --out)")
    add("--seed", type=int, metavar="S", help="seed of --limit, folds and training (the plan's)")
    if verb == "evaluate":
        add("--predictions", type=Path, metavar="DIR", help="masks from elsewhere to measure")
    if verb == "benchmark":
        add(
            "--classifiers",
            choices=("all", "first", "none"),
            default="all",
            help="for Grad-CAM: a classifier for each encoder, for the first only, or none",
        )
    if verb in _CHILD_VERBS:
        add(
            "--manifest",
            type=Path,
            metavar="JSON",
            help="run as the child of a server, with this manifest",
        )


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.verb not in _HELP:
        return
    folders = [name for name in FOLDER_OPTIONS if getattr(options, name) is not None]
    if getattr(options, "manifest", None) is not None:
        if folders:
            parser.error("--manifest can be combined with --out and --device only")
        return
    missing = [f"--{name}" for name in FOLDER_OPTIONS if name not in folders]
    if missing:
        parser.error(f"{' and '.join(missing)} must be given (see --help for an example)")
    for name in ("limit", "steps"):
        value = getattr(options, name, None)
        if value is not None and value < 1:
            parser.error(f"--{name} must be 1 or more")
