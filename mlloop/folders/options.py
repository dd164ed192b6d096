"""Turns the options of the command line into a plan, a run and cases."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlloop.contract.checks import PlanError
from mlloop.contract.errors import LearningError
from mlloop.contract.plan import Plan
from mlloop.contract.presets import preset
from mlloop.contract.records import FieldError, read_json
from mlloop.folders.cases import FolderCase, read_folder
from mlloop.folders.files import Folders
from mlloop.folders.run import RunRecord, read_run


def plan_from_options(options: argparse.Namespace) -> Plan:
    """Return the plan with the changes of the command line. Raises LearningError."""
    try:
        plan = _named_plan(options.plan)
        changes: dict[str, Any] = {}
        if options.networks is not None:
            changes["networks"] = tuple(plan.network(key) for key in options.networks.split(","))
        if options.steps is not None:
            changes |= {"steps": options.steps, "epochs": min(plan.epochs, options.steps)}
            # --steps also replaces the numbers of steps that single networks have of their own.
            networks = changes.get("networks", plan.networks)
            changes["networks"] = tuple(replace(network, steps=None) for network in networks)
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


def find_run(options: argparse.Namespace) -> tuple[RunRecord, Path]:
    """Return the record and the folder of the run that --run or --out names."""
    run = options.run or options.out
    return read_run(run), run


def read_cases(
    options: argparse.Namespace, plan: Plan | None, *, only_known: bool = True
) -> tuple[FolderCase, ...]:
    """Return the cases of the folders that the options name.

    If `only_known` is False, images without a mask are included and no mask is read.
    """
    seed = options.seed if options.seed is not None else plan.seed if plan else 0
    masks = (options.masks, options.lung_masks) if only_known else (None, None)
    folders = Folders(options.images, options.metadata, *masks)
    return read_folder(folders, limit=options.limit, seed=seed, only_known=only_known)
