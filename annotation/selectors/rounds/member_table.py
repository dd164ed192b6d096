"""The members of a round as a table: networks by folds, with epoch, loss and Dice."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from annotation.models import EnsembleMember, Round
from annotation.round_figures import RoundFigures
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan

MemberState = EnsembleMember.State


@dataclass(frozen=True, slots=True)
class Cell:
    """One member as a cell of the table."""

    text: str
    state: str
    title: str


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One network with all its folds."""

    network: str
    decoder: str
    encoder: str
    cells: tuple[Cell, ...]
    epoch: int | None
    loss: float | None
    dice: float | None
    dice_name: str
    worker: str


def member_rows(
    round: Round, members: list[EnsembleMember], figures: RoundFigures
) -> tuple[MemberRow, ...]:
    """Return one row for each network, in the plan's order, with its folds and its Dice so far."""
    plan = Plan.from_json(round.plan)
    by_network = {
        network.key: [member for member in members if member.network == network.key]
        for network in plan.networks
    }
    return tuple(
        _row(
            plan,
            plan.network(key),
            sorted(folds, key=lambda member: member.fold),
            _dice_out_of_fold(figures, plan.network(key)),
        )
        for key, folds in by_network.items()
    )


def _row(
    plan: Plan, network: NetworkPlan, folds: list[EnsembleMember], measured: float | None
) -> MemberRow:
    begun = [member for member in folds if member.epoch]
    latest = next((m for m in reversed(begun) if m.state == MemberState.RUNNING), None)
    latest = latest or (begun[-1] if begun else None)
    inner = [member.inner_dice for member in folds if member.inner_dice is not None]
    running = [member for member in folds if member.state == MemberState.RUNNING]
    return MemberRow(
        network=network.key,
        decoder=network.decoder,
        encoder=network.encoder,
        cells=tuple(_cell(member, plan.epochs) for member in folds),
        epoch=latest.epoch if latest else None,
        loss=latest.loss if latest else None,
        dice=measured if measured is not None else (fmean(inner) if inner else None),
        dice_name="out of fold" if measured is not None else "inner split, so far",
        worker=running[0].claimed_by.split("/")[0] if running else "",
    )


def _dice_out_of_fold(figures: RoundFigures, network: NetworkPlan) -> float | None:
    """Return a network's mean Dice on the images it did not see; None before it is measured."""
    by_label = {
        "infection": figures.proposals,
        "lung": figures.lung,
        "activation": figures.activation,
    }
    measured = (by_label[network.label] or {}).get(network.key)
    return measured.per_image.value if measured and measured.per_image else None


def _cell(member: EnsembleMember, epochs: int) -> Cell:
    text = {
        MemberState.DONE: "done",
        MemberState.DUE: "waits",
        MemberState.RUNNING: f"{member.epoch} / {member.epochs or epochs}",
    }.get(MemberState(member.state), str(member.state))
    return Cell(text, str(member.state), member.failure)
