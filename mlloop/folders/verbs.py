"""The four verbs on plain folders: options in, files and a table out; no server is needed.

Each raises LearningError with a sentence, or Stopped once everything is saved.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlloop.contract.checks import PlanError
from mlloop.contract.errors import LearningError, Stop
from mlloop.contract.manifest import ProposeManifest
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan
from mlloop.contract.presets import preset
from mlloop.contract.records import FieldError, read_json, write_bytes
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
from mlloop.folders.cases import FolderCase, place, read_folder
from mlloop.folders.example_films import Example, chosen, draw_plate
from mlloop.folders.files import Folders
from mlloop.folders.proposals import draw_proposals, propose_on, read_proposal
from mlloop.folders.report import write_table
from mlloop.folders.run import FolderRun, RunRecord, bind, read_run, train_members
from mlloop.folders.scoring import Row
from mlloop.folders.speed import Measured, read_measured
from mlloop.folders.terminal import Terminal
from mlloop.networks.devices import Device, prepare
from mlloop.pixels.masks import MaskError, decode_mask
from mlloop.training.dataset import read_truth


def run_verb(options: argparse.Namespace, stop: Stop) -> None:
    """Do what the command line asks for and print what came of it."""
    verbs = {"train": _train, "propose": _propose, "evaluate": _evaluate, "benchmark": _benchmark}
    verbs[options.verb](options, Terminal(), stop)


def _train(options: argparse.Namespace, tell: Terminal, stop: Stop) -> None:
    run, device = _begin(options, tell)
    train_members(run, device=device, emit=tell, stop=stop)
    _print(f"{len(run.plan.networks)} networks x {run.k} folds are in {run.out / 'members'}.")


def _propose(options: argparse.Namespace, tell: Terminal, stop: Stop) -> None:
    record, run = _former_run(options)
    cases = _read(options, record.plan, only_known=False)
    device = prepare(record.plan, choice=options.device)
    manifest = propose_on(
        cases, record, run=run, out=options.out, device=device, emit=tell, stop=stop
    )
    draw_proposals(manifest, options.out, emit=tell, stop=stop)
    _print(
        f"{len(cases)} masks are in {options.out / 'masks'}; look at {options.out / 'overlays'}."
    )


def _evaluate(options: argparse.Namespace, tell: Terminal, stop: Stop) -> None:
    lungs: tuple[Row, ...] = ()
    if options.predictions is not None:
        cases = _read(options, None)
        rows: tuple[Row, ...] = (_row_of_masks(cases, options.predictions),)
        record = None
    else:
        record, run = _former_run(options)
        cases = _read(options, record.plan)
        device = prepare(record.plan, choice=options.device)
        manifest = propose_on(
            cases, record, run=run, out=options.out, device=device, emit=tell, stop=stop
        )
        placed = _in_folds(cases, manifest)
        rows = network_rows(placed, manifest, options.out)
        lungs = lung_rows(placed, manifest, options.out)
    _print(
        write_table(
            options.out,
            "evaluation",
            rows,
            cases,
            lungs=lungs,
            plan=record.plan if record else None,
            k=0,
            measured=Measured(),
            command=_command(),
        )
    )


def _benchmark(options: argparse.Namespace, tell: Terminal, stop: Stop) -> None:
    run, device = _begin(options, tell)
    if options.classifiers != "none":
        _require_both_groups(run.cases)
    rows, lungs = run_benchmark(
        run, classifiers=options.classifiers, device=device, emit=tell, stop=stop
    )
    text = write_table(
        run.out,
        "benchmark",
        rows,
        run.cases,
        lungs=lungs,
        plan=run.plan,
        k=run.k,
        measured=read_measured(run.out),
        command=_command(),
    )
    rivals = with_classifiers(run, options.classifiers).plan.networks_of("activation")
    _write_plate(run, rows, rivals)
    _print(f"{text}\nLook at {run.out / 'plate.png'}.")


def _begin(options: argparse.Namespace, tell: Terminal) -> tuple[FolderRun, Device]:
    plan = _plan(options)
    if options.masks is None:
        raise LearningError("no_masks", "Give the folder of the expert masks with --masks.")
    placement = place(_read(options, plan), folds=plan.folds, seed=plan.seed)
    if placement.reason:
        tell.say(placement.reason)
    if plan.networks_of("activation"):
        tell.say("The plan's classifiers are left out: benchmark makes one for each encoder.")
        plan = plan.without("activation")
    learnable = plan.without_unlearnable_lungs(
        {one.case.fold for one in placement.cases if one.lung_path is not None}
    )
    if learnable != plan:
        tell.say("No lung network is trained: it needs --lung-masks for patients of two folds.")
    plan = learnable
    run = bind(options.out, plan, placement)
    sick = sum(one.is_positive for one in run.cases)
    tell.say(
        f"{len(run.cases)} images of {len(run.patients)} patients, {sick} with infection;"
        f" {run.k} folds; networks: {', '.join(network.key for network in plan.networks)}."
    )
    return run, prepare(plan, choice=options.device)


def _plan(options: argparse.Namespace) -> Plan:
    """Return the plan with what the command line changes in it, or raise LearningError."""
    try:
        plan = _named_plan(options.plan)
        changes: dict[str, Any] = {}
        if options.networks is not None:
            changes["networks"] = tuple(plan.network(key) for key in options.networks.split(","))
        if options.steps is not None:
            changes |= {"steps": options.steps, "epochs": min(plan.epochs, options.steps)}
            chosen = changes.get("networks", plan.networks)
            changes["networks"] = tuple(replace(one, steps=None) for one in chosen)
        changes |= {
            name: getattr(options, name)
            for name in ("folds", "seed")
            if getattr(options, name) is not None
        }
        return replace(plan, **changes)
    except FieldError as error:
        raise LearningError("bad_plan", f"The plan is not usable. {error}") from error


def _named_plan(name: str) -> Plan:
    if not name.endswith(".json"):
        return preset(name)
    try:
        return Plan.from_json(read_json(Path(name)))
    except PlanError:
        raise
    except FieldError as error:
        raise PlanError("", error.reason) from error


def _former_run(options: argparse.Namespace) -> tuple[RunRecord, Path]:
    run = options.run or options.out
    return read_run(run), run


def _read(
    options: argparse.Namespace, plan: Plan | None, *, only_known: bool = True
) -> tuple[FolderCase, ...]:
    seed = options.seed if options.seed is not None else plan.seed if plan else 0
    masks = (options.masks, options.lung_masks) if only_known else (None, None)
    folders = Folders(options.images, options.metadata, *masks)
    return read_folder(folders, limit=options.limit, seed=seed, only_known=only_known)


def _in_folds(cases: Sequence[FolderCase], manifest: ProposeManifest) -> tuple[FolderCase, ...]:
    """Return the cases as they were proposed on, in the folds of the run."""
    return tuple(replace(one, case=case) for one, case in zip(cases, manifest.cases, strict=True))


def _row_of_masks(cases: Sequence[FolderCase], folder: Path) -> Row:
    """Judge a mask `<image>.png` for each case. Raises LearningError where one is not there."""
    judged = []
    for one in cases:
        path = folder / f"{Path(one.case.image_path).stem}.png"
        try:
            shape = (one.case.height, one.case.width)
            mask = decode_mask(path.read_bytes(), shape=shape)
        except (OSError, MaskError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise LearningError(
                "unusable_prediction", f"The mask {path.name} in {folder} cannot be used: {reason}"
            ) from error
        judged.append(
            judge(one, count_levels(mask.astype("uint8") * 255, read_truth(one.case)), 255)
        )
    return Row(folder.name, "1 of 255", "infected share of film", tuple(judged))


def _require_both_groups(cases: Sequence[FolderCase]) -> None:
    """Say at once what would end the run after the first hour."""
    covid = sum(one.case.group == "covid" for one in cases)
    if covid in (0, len(cases)):
        kind = "covid" if covid else "normal or other"
        raise LearningError(
            "one_class",
            f"All {len(cases)} images are {kind}, and the classifier needs both. Add the other"
            " group to the metadata (column group), or leave it out with --classifiers none.",
        )


def _write_plate(run: FolderRun, rows: Sequence[Row], classifiers: Sequence[NetworkPlan]) -> None:
    infection = run.plan.networks_of("infection")
    network = "ensemble" if len(infection) > 1 else infection[0].key
    row = next(row for row in rows if row.name == network)
    encoder = classifiers[0].encoder if classifiers else ""
    examples = [
        Example(
            one=run.cases[i],
            dice=dice(row.images[i].counts),
            p8=read_proposal(run.out, run.cases[i].case, network, "out_of_fold"),
            t8=run.plan.threshold,
            activation=read_map(run.out, encoder, run.cases[i].case) if encoder else None,
        )
        for i in chosen(row)
    ]
    write_bytes(run.out / "plate.png", draw_plate(examples, network))


def _command() -> str:
    return " ".join(["python -m mlloop", *sys.argv[1:]])


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
