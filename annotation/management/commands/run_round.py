"""Plan the next round of a project. With --wait, run it here, or continue an open round."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.management.base import CommandParser

from annotation.bridge import loop
from annotation.bridge.watch import OnProgress
from annotation.management.console import (
    ConsoleCommand,
    Outcome,
    Progress,
    named_account,
    named_project,
)
from annotation.models import RUNNING_STATES, Project, Round, User
from annotation.selectors.rounds.sealed import shown_figures, shown_metrics
from annotation.services.rounds.planning import plan_round
from mlloop.contract.presets import PRESETS, preset


class Command(ConsoleCommand):
    help = (
        "Plan the next round with the current reference masks. A worker runs it. With --wait, this "
        "command runs it, beside any worker, until the round awaits its decision."
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument(
            "--wait", action="store_true", help="train, propose and evaluate in this process"
        )
        parser.add_argument(
            "--preset", choices=sorted(PRESETS), help="default: the project's preset"
        )
        parser.add_argument(
            "--seed", type=int, help="random seed of the networks; default: the plan's seed"
        )
        parser.add_argument(
            "--as", dest="account", metavar="NAME", help="the account that starts the round"
        )

    def run(self, options: Mapping[str, object]) -> Outcome:
        project = named_project(options["project"])
        actor = named_account(options["account"])
        round = _open_round(project) if options["wait"] else None
        round = round or _plan_next(project, actor, options)
        if not options["wait"]:
            return Outcome(_facts(round), [f"Round {round.number} is planned. {round.folds_note}"])
        with self.progress(f"round {round.number}", unit="step") as show:
            round = loop.run_until_decision(round, on_progress=_ignore_phase(show))
        refusal = "" if round.state == Round.State.AWAITING_DECISION else _failure_sentence(round)
        return Outcome(_facts(round), _lines(round), refusal)


def _open_round(project: Project) -> Round | None:
    """Return the open round, interrupted or run by a worker; None if no round is open."""
    return project.rounds.filter(state__in=RUNNING_STATES).first()


def _plan_next(project: Project, actor: User | None, options: Mapping[str, object]) -> Round:
    plan = preset(str(options["preset"])) if options["preset"] else None
    seed = None if options["seed"] is None else int(str(options["seed"]))
    return plan_round(project=project, actor=actor, plan=plan, seed=seed)


def _ignore_phase(show: Progress) -> OnProgress:
    """Return a progress callback that draws all phases with the same bar."""

    def on_progress(_phase: str, done: int, total: int) -> None:
        show(done, total)

    return on_progress


def _facts(round: Round) -> dict[str, object]:
    return {
        "project": round.project.slug,
        "number": round.number,
        "stage": round.stage,
        "state": round.state,
        "folds": round.folds,
        "folds_note": round.folds_note,
        "members": round.members.count(),
        "n_train": round.n_train,
        "failure": round.failure,
        "metrics": shown_metrics(round),
    }


def _lines(round: Round) -> list[str]:
    lines = [f"Round {round.number} is {round.get_state_display().lower()}. {round.folds_note}"]
    sealed = shown_figures(round).sealed
    for figure in sealed.both if sealed else ():
        if figure.hidden:
            lines.append(f"Dice sealed {figure.convention}: {figure.hidden}.")
        elif figure.value is not None:
            low, high = figure.ci_low, figure.ci_high
            interval = "no interval" if low is None else f"{low:.3f} to {high:.3f}"
            value = f"{figure.value:.3f} ({interval}), n = {figure.n}"
            lines.append(f"Dice sealed {figure.convention}: {value}")
    if sealed:
        lines.append(f"Evaluations of the sealed set so far: {round.project.sealed_looks}.")
    return lines


def _failure_sentence(round: Round) -> str:
    return f"Round {round.number} {round.get_state_display().lower()}: {round.failure or 'stopped'}"
