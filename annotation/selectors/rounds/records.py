"""A round's stage in words, its plan, its snapshot, and its fitted thresholds."""

from __future__ import annotations

import json

from annotation import storage
from annotation.models import Round
from annotation.selectors.rounds.training_cases import Snapshot
from mlloop.contract.plan import Plan
from mlloop.figures.fitting import describe_fit


def stage_name(round: Round) -> str:
    """Return the stage as words inside a sentence: stage I, stage II or later round."""
    is_later = round.stage == Round.Stage.LATER
    return "later round" if is_later else str(round.get_stage_display())


def round_plan(round: Round) -> Plan:
    """Return the round's plan."""
    return Plan.from_json(round.plan)


def round_snapshot(round: Round) -> Snapshot:
    """Return the round's frozen snapshot."""
    return Snapshot.from_plain(json.loads(storage.read(round.snapshot_key)))


def ensemble_t8(round: Round) -> int:
    """Return the threshold (t8) of the ensemble's masks, for readers and on the sealed set."""
    calibration = round.figures.calibration
    return calibration.t8_of("ensemble") if calibration else round_plan(round).threshold


def threshold_choice(round: Round) -> str:
    """Say on which films the values behind the round's out-of-fold figures were chosen."""
    return describe_fit(round_plan(round), round.figures.calibration)
