"""What a round was planned with and what it fitted: its plan, its snapshot, its thresholds."""

from __future__ import annotations

import json

from annotation import storage
from annotation.models import Round
from annotation.selectors.rounds.training_cases import Snapshot
from mlloop.contract.plan import Plan
from mlloop.figures.fitting import describe_fit


def round_plan(round: Round) -> Plan:
    """Return the round's plan."""
    return Plan.from_json(round.plan)


def round_snapshot(round: Round) -> Snapshot:
    """Return the round's frozen snapshot."""
    return Snapshot.from_plain(json.loads(storage.read(round.snapshot_key)))


def ensemble_t8(round: Round) -> int:
    """Return the threshold of the ensemble's masks, as served and on the sealed set."""
    calibration = round.figures.calibration
    return calibration.t8_of("ensemble") if calibration else round_plan(round).threshold


def threshold_choice(round: Round) -> str:
    """Say on which films the values behind the round's out-of-fold figures were chosen."""
    return describe_fit(round_plan(round), round.figures.calibration)
