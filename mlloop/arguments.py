"""The command line of `python -m mlloop`: its verbs, their options and their help."""

from __future__ import annotations

import argparse
from pathlib import Path

_DESCRIPTION = """\
Train ensembles on radiographs and infection masks, propose masks, measure them, and compare them
with the activation maps of a classifier. Needs no server and no database.

  train       train every network of a plan without every fold of the patients
  propose     draw masks, probability maps and overlays for a folder of images
  evaluate    measure a trained run, or masks from elsewhere, against expert masks
  benchmark   all of it, with a Grad-CAM baseline, as one table

  convert-weights   turn a checkpoint into initial weights for an encoder
  estimate          what a plan would cost on this machine, in time and memory
"""
_EPILOG = """\
start here
  python -m mlloop benchmark --help
"""
_DATA = """\
your data
  metadata.csv has a line for each image. Only the column `image` is needed:
    image,patient_id,group,source,infection_mask
    p01_day3.png,p01,covid,north,p01_day3.png
    c17.png,c17,normal,south,
  group is covid, normal or other. A normal image is a control: its mask is empty. An image without
  a patient_id is its own patient. A mask not named is looked for as <image>.png or
  mask_<image>.png. Masks are 8-bit grey PNG of the image's size; above 0 is infection.
"""
_AGAIN = """\
  Stop it with Ctrl-C and start it with the same options: it goes on where it was. Everything runs
  on the plan's thread count and seed, so the same data gives the same weights on the same machine.
"""
_TRAIN = f"""\
Train every network of a plan, once without each fold of the patients, and keep the weights.

example
  python -m mlloop train --images films --masks masks --metadata films/metadata.csv \\
      --out run --plan cpu

what it writes
  run/run.json                       the plan, and the fold of each patient
  run/members/NETWORK-FOLD/          weights.safetensors, history.json, and card.json: whom it saw
  Look at history.json: `loss` should fall, `inner_dice` should rise.

{_AGAIN}
{_DATA}"""
_PROPOSE = f"""\
Draw masks for images with the networks that `train` left. An image of a patient who was trained on
gets its proposal from the fold that left that patient out, any other the mean of all folds.

example
  python -m mlloop propose --run run --images new --metadata new/metadata.csv --out proposals

what it writes
  proposals/masks/IMAGE.png          the ensemble's mask, 8-bit grey PNG, 0 and 255
  proposals/overlays/IMAGE.png       the film with the map and the mask over it: look here first
  proposals/proposals/IMAGE/         each network's probability map (255 x p) and the disagreement
  proposals/index.csv                how each mask was made, and its share of the film

{_DATA}"""
_EVALUATE = f"""\
Measure masks against expert masks: those of a trained run (out-of-fold for its own patients), or
any folder of masks with the names of the images (--predictions).

examples
  python -m mlloop evaluate --run run --images test --masks test/masks \\
      --metadata test/metadata.csv --out measured
  python -m mlloop evaluate --predictions other/masks --images test --masks test/masks \\
      --metadata test/metadata.csv --out measured

what it writes
  measured/evaluation.md             the table that is also printed
  measured/evaluation.json           every figure with its convention, n and 95 % interval

{_DATA}"""
_BENCHMARK = f"""\
Train, propose and measure, and do the same for Grad-CAM maps of a classifier with each encoder:
masks of networks that learned from masks against the heat maps of networks that learned from
groups alone, on the same patients and folds, out-of-fold, by the same figures.

example
  python -m mlloop benchmark --images cxr --masks cxr --metadata cxr/metadata.csv --out run \\
      --plan cpu --networks unet-resnet10,unet-resnet18 --limit 300 --classifiers first

what it writes
  run/benchmark.md                   the table that is also printed
  run/benchmark.json                 every figure with its convention, n and 95 % interval
  run/plate.png                      films, expert masks, networks, Grad-CAM: look here first
  run/members/, run/proposals/, run/activation/   what it was made from; propose can go on from it

{_AGAIN}
{_DATA}"""
_CONVERT = """\
Turn a checkpoint (.pth of torch.save, or .safetensors) into initial weights for an encoder. Nothing
in it is run: a file with anything but tensors and plain values is refused.

examples
  python -m mlloop convert-weights chexnet.pth chexnet.safetensors --encoder densenet121
  python -m mlloop convert-weights model.safetensors resnet10t.safetensors --encoder tu-resnet10t

then
  give "encoder_weights": "file:/where/it/is/chexnet.safetensors" for that network in the plan;
  a server takes it from its folder of encoder weights alone (ROUNDTRUTH_ENCODER_WEIGHTS)
"""
_ESTIMATE = """\
Time a few steps and forward passes of each network of a plan on blank films: what a round would
cost on this machine, in seconds and bytes.

example
  python -m mlloop estimate --manifest asked.json --out found

where asked.json holds
  {"plan": {...}, "k": 5, "n_train": 1000, "n_propose": 500, "n_trained": 400}
  k folds, n_train images to train on, n_propose to propose on, n_trained of them trained on

what it writes
  found/estimate.json                seconds of a member, of all training and proposing; bytes
"""
_HELP = {
    "train": ("train an ensemble", _TRAIN),
    "propose": ("draw masks with a trained ensemble", _PROPOSE),
    "evaluate": ("measure masks against expert masks", _EVALUATE),
    "benchmark": ("networks against Grad-CAM, as a table", _BENCHMARK),
}
_CHILD_VERBS = ("train", "propose", "evaluate")
FOLDER_OPTIONS = ("images", "metadata")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line; wrong usage ends the process with 2 and a sentence."""
    parser = argparse.ArgumentParser(
        prog="python -m mlloop",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, (short, text) in _HELP.items():
        own = verbs.add_parser(
            verb,
            help=short,
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_options(own, verb)
    _add_convert(
        verbs.add_parser(
            "convert-weights",
            help="initial weights from a checkpoint",
            description=_CONVERT,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    _add_estimate(
        verbs.add_parser(
            "estimate",
            help="what a round would cost on this machine",
            description=_ESTIMATE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    options = parser.parse_args(argv)
    _check(verbs.choices[options.verb], options)
    return options


def is_on_folders(options: argparse.Namespace) -> bool:
    """Tell whether a person asked for it on plain folders, rather than a server by a manifest."""
    return options.verb in _HELP and getattr(options, "manifest", None) is None


def _add_convert(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("source", type=Path, help="a checkpoint: .pth or .safetensors")
    add("target", type=Path, help="the .safetensors file to write")
    add("--encoder", required=True, help="its name in the plan, e.g. densenet121")


def _add_estimate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--manifest", type=Path, required=True, metavar="JSON", help="the plan and the numbers")
    add("--out", type=Path, required=True, metavar="DIR", help="the folder for the result")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU if any")


def _add_options(parser: argparse.ArgumentParser, verb: str) -> None:
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help="the folder for the results")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU if any")
    add("--images", type=Path, metavar="DIR", help="the images: PNG, JPEG or TIFF")
    add("--metadata", type=Path, metavar="CSV", help="what is known of them, see above")
    if verb != "propose":
        add("--masks", type=Path, metavar="DIR", help="the expert masks")
        add("--lung-masks", type=Path, metavar="DIR", help="for lung networks, in the same way")
    add("--limit", type=int, metavar="N", help="draw at most N images, whole patients")
    if verb in ("train", "benchmark"):
        add("--plan", default="cpu", metavar="NAME|FILE", help="a preset or a JSON file (cpu)")
        add("--networks", metavar="A,B", help="only these networks of the plan")
        add("--steps", type=int, metavar="N", help="steps of each member (the plan's)")
        add("--folds", type=int, metavar="K", help="folds of the patients (the plan's)")
    else:
        add("--run", type=Path, metavar="DIR", help="what train left (the folder of --out)")
    add("--seed", type=int, metavar="S", help="seed of draw, folds and training (the plan's)")
    if verb == "evaluate":
        add("--predictions", type=Path, metavar="DIR", help="masks from elsewhere to measure")
    if verb == "benchmark":
        add(
            "--classifiers",
            choices=("all", "first", "none"),
            default="all",
            help="for Grad-CAM: one for each encoder, for the first only, or none",
        )
    if verb in _CHILD_VERBS:
        add("--manifest", type=Path, metavar="JSON", help="as a child of a server: what to do")


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.verb not in _HELP:
        return
    folders = [name for name in FOLDER_OPTIONS if getattr(options, name) is not None]
    if getattr(options, "manifest", None) is not None:
        if folders:
            parser.error("--manifest goes with --out and --device only")
        return
    missing = [f"--{name}" for name in FOLDER_OPTIONS if name not in folders]
    if missing:
        parser.error(f"{' and '.join(missing)} must be given (see --help for an example)")
    for name in ("limit", "steps"):
        value = getattr(options, name, None)
        if value is not None and value < 1:
            parser.error(f"--{name} must be 1 or more")
