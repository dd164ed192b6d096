"""Runs the four verbs on plain folders. Each verb writes files and prints its result.

Each verb raises LearningError with a sentence, or Stopped after everything is saved.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mlloop.contract.errors import LearningError, Stop
from mlloop.contract.manifest import ProposeManifest
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.records import write_bytes
from mlloop.figures.levels import count_levels
from mlloop.figures.metrics import dice
from mlloop.folders.activation import read_map
from mlloop.folders.benchmark import (
    judge,
    lung_rows,
    network_rows,
    run_benchmark,
    with_classifiers,
)
from mlloop.folders.cases import FolderCase, assign_folds
from mlloop.folders.example_films import Example, choose_examples, draw_examples
from mlloop.folders.options import find_run, plan_from_options, read_cases
from mlloop.folders.proposals import draw_proposals, propose_on, read_proposal
from mlloop.folders.report import write_report
from mlloop.folders.run import FolderRun, begin_run, train_members
from mlloop.folders.scoring import Row
from mlloop.folders.speed import RunSpeed, read_speed
from mlloop.folders.terminal import Terminal
from mlloop.networks.devices import Device, prepare_device
from mlloop.pixels.masks import MaskError, decode_mask
from mlloop.training.case_reader import read_truth


def run_verb(options: argparse.Namespace, stop: Stop) -> None:
    """Run the verb of the command line and print its result."""
    verbs = {"train": _train, "propose": _propose, "evaluate": _evaluate, "benchmark": _benchmark}
    verbs[options.verb](options, Terminal(), stop)


def _train(options: argparse.Namespace, terminal: Terminal, stop: Stop) -> None:
    run, device = _begin(options, terminal)
    train_members(run, device=device, emit=terminal, stop=stop)
    _print(f"{len(run.plan.networks)} networks x {run.k} folds are in {run.out / 'members'}.")


def _propose(options: argparse.Namespace, terminal: Terminal, stop: Stop) -> None:
    record, run = find_run(options)
    cases = read_cases(options, record.plan, only_known=False)
    device = prepare_device(record.plan, choice=options.device)
    manifest = propose_on(
        cases, record, run=run, out=options.out, device=device, emit=terminal, stop=stop
    )
    draw_proposals(manifest, options.out, emit=terminal, stop=stop)
    _print(
        f"{len(cases)} masks are in {options.out / 'masks'}; look at {options.out / 'overlays'}."
    )


def _evaluate(options: argparse.Namespace, terminal: Terminal, stop: Stop) -> None:
    lungs: tuple[Row, ...] = ()
    if options.predictions is not None:
        cases = read_cases(options, None)
        rows: tuple[Row, ...] = (_judge_masks(cases, options.predictions),)
        record = None
    else:
        record, run = find_run(options)
        cases = read_cases(options, record.plan)
        device = prepare_device(record.plan, choice=options.device)
        manifest = propose_on(
            cases, record, run=run, out=options.out, device=device, emit=terminal, stop=stop
        )
        placed = _put_in_folds(cases, manifest)
        rows = network_rows(placed, manifest, options.out)
        lungs = lung_rows(placed, manifest, options.out)
    _print(
        write_report(
            options.out,
            "evaluation",
            rows,
            cases,
            lungs=lungs,
            plan=record.plan if record else None,
            k=0,
            measured=RunSpeed(),
            command=_command(),
        )
    )


def _benchmark(options: argparse.Namespace, terminal: Terminal, stop: Stop) -> None:
    run, device = _begin(options, terminal)
    if options.classifiers != "none":
        _require_both_groups(run.cases)
    rows, lungs = run_benchmark(
        run, classifiers=options.classifiers, device=device, emit=terminal, stop=stop
    )
    text = write_report(
        run.out,
        "benchmark",
        rows,
        run.cases,
        lungs=lungs,
        plan=run.plan,
        k=run.k,
        measured=read_speed(run.out),
        command=_command(),
    )
    classifiers = with_classifiers(run, options.classifiers).plan.networks_of("activation")
    _write_examples(run, rows, classifiers)
    _print(f"{text}\nLook at {run.out / 'plate.png'}.")


def _begin(options: argparse.Namespace, terminal: Terminal) -> tuple[FolderRun, Device]:
    plan = plan_from_options(options)
    if options.masks is None:
        raise LearningError("no_masks", "Give the folder of the expert masks with --masks.")
    placement = assign_folds(read_cases(options, plan), folds=plan.folds, seed=plan.seed)
    if placement.reason:
        terminal.say(placement.reason)
    if plan.networks_of("activation"):
        terminal.say(
            "The plan's classifiers are left out. benchmark adds a classifier for each encoder."
        )
        plan = plan.without("activation")
    learnable = plan.without_unlearnable_lungs(
        {film.case.fold for film in placement.cases if film.lung_path is not None}
    )
    if learnable != plan:
        terminal.say(
            "No lung network is trained, because --lung-masks has masks in fewer than two folds."
        )
    plan = learnable
    run = begin_run(options.out, plan, placement)
    n_positive = sum(film.is_positive for film in run.cases)
    terminal.say(
        f"{len(run.cases)} images of {len(run.patients)} patients, {n_positive} with infection;"
        f" {run.k} folds; networks: {', '.join(network.key for network in plan.networks)}."
    )
    return run, prepare_device(plan, choice=options.device)


def _put_in_folds(cases: Sequence[FolderCase], manifest: ProposeManifest) -> tuple[FolderCase, ...]:
    """Return the cases with the patient and fold that they have in the run."""
    return tuple(replace(film, case=case) for film, case in zip(cases, manifest.cases, strict=True))


def _judge_masks(cases: Sequence[FolderCase], folder: Path) -> Row:
    """Return a row of the masks `<image>.png`. Raises LearningError if a mask is not usable."""
    judged = []
    for film in cases:
        path = folder / f"{Path(film.case.image_path).stem}.png"
        try:
            shape = (film.case.height, film.case.width)
            mask = decode_mask(path.read_bytes(), shape=shape)
        except (OSError, MaskError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise LearningError(
                "unusable_prediction", f"The mask {path.name} in {folder} cannot be used: {reason}"
            ) from error
        judged.append(
            judge(film, count_levels(mask.astype("uint8") * 255, read_truth(film.case)), 255)
        )
    return Row(folder.name, "1 of 255", "infected share of film", tuple(judged))


def _require_both_groups(cases: Sequence[FolderCase]) -> None:
    """Raise LearningError if one class is missing. It is checked before an hour of training."""
    covid = sum(film.case.group == "covid" for film in cases)
    if covid in (0, len(cases)):
        kind = "covid" if covid else "normal or other"
        raise LearningError(
            "one_class",
            f"All {len(cases)} images are {kind}, and the classifier needs both. Add the other"
            " group to the metadata (column group), or leave it out with --classifiers none.",
        )


def _write_examples(
    run: FolderRun, rows: Sequence[Row], classifiers: Sequence[NetworkPlan]
) -> None:
    infection = run.plan.networks_of("infection")
    network = "ensemble" if len(infection) > 1 else infection[0].key
    row = next(row for row in rows if row.name == network)
    encoder = classifiers[0].encoder if classifiers else ""
    examples = [
        Example(
            film=run.cases[i],
            dice=dice(row.images[i].counts),
            p8=read_proposal(run.out, run.cases[i].case, network, "out_of_fold"),
            t8=run.plan.threshold,
            activation=read_map(run.out, encoder, run.cases[i].case) if encoder else None,
        )
        for i in choose_examples(row)
    ]
    write_bytes(run.out / "plate.png", draw_examples(examples, network))


def _command() -> str:
    return " ".join(["python -m mlloop", *sys.argv[1:]])


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
