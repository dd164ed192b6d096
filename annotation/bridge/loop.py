"""The only bridge to training: claim a row, hand over a manifest, run the child, record the result.

Every step may be repeated, by anyone, at any time: the claim decides who does it, the row says
whether it is still to be done, and the child skips what it finished before.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connections
from django.db.models import Q

from annotation.bridge import outputs
from annotation.bridge.child import Ended, run_child
from annotation.bridge.watch import Audience, MemberWatch, OnProgress, ProposeWatch, Say, Watch
from annotation.errors import NotFound
from annotation.models import RUNNING_STATES, EnsembleMember, Round
from annotation.selectors.labels import labels_of
from annotation.selectors.rounds import manifests
from annotation.selectors.rounds.gate import gate_of
from annotation.selectors.rounds.leaks import find_leaks
from annotation.selectors.rounds.status import phase_progress
from annotation.services import claims
from annotation.services.claims import Claim, ClaimLost
from annotation.services.rounds import activation_figures, decisions, measuring, recording
from annotation.services.rounds.lifecycle import State
from annotation.services.rounds.reporting import report_of
from annotation.storage import Checkout
from mlloop.contract.errors import Stopped
from mlloop.contract.manifest import Manifest, write_manifest
from mlloop.contract.records import FieldError, write_json

STOPPING = threading.Event()  # set when the worker shuts down: children stop and rows go back


@dataclass(frozen=True, slots=True)
class Learner:
    """How the learning side is reached; a test passes another command or another pen."""

    command: tuple[str, ...] = (sys.executable, "-m", "mlloop")
    write: Callable[[Path, Manifest], str] = write_manifest


LEARNER = Learner()
NOBODY = Audience(None, None)


def train_member(
    member_id: UUID, *, learner: Learner = LEARNER, audience: Audience = NOBODY
) -> bool:
    """Train one member if it is due; return whether this call had the claim."""
    if (claim := recording.claim_member(member_id)) is None:
        return False
    member = EnsembleMember.objects.select_related("round__project").get(pk=member_id)
    folder = work_folder(member.round) / f"{member.network}-{member.fold}"

    def work() -> None:
        files = Checkout(folder / "stored")
        manifest = manifests.train_manifest(member, files)
        watch = MemberWatch(claim, member.round, State.TRAINING, STOPPING, audience, member=member)
        with files:
            _run("train", manifest, folder, learner, watch)
        found = outputs.read_member(folder, manifest)
        recording.finish_member(
            claim,
            member.round.project_id,
            weights=found.weights,
            card=found.card,
            history=found.history,
        )

    _attempt(claim, member.round, work)
    return True


def propose_round(
    round_id: UUID, *, learner: Learner = LEARNER, audience: Audience = NOBODY
) -> bool:
    """Propose on the snapshot's images if that is due; return whether this call had the claim."""
    if (claim := recording.claim_round(round_id, State.PROPOSING)) is None:
        return False
    round = Round.objects.select_related("project").get(pk=round_id)
    folder = work_folder(round) / "proposals"

    def work() -> None:
        began = time.monotonic()
        _lay_out_cards(round, folder)
        files = Checkout(folder / "stored")
        manifest = manifests.propose_manifest(round, folder, files)
        watch = ProposeWatch(
            claim,
            round,
            State.PROPOSING,
            STOPPING,
            audience,
            folder=folder,
            labels={label.key: label.id for label in labels_of(round.project)},
            cases=manifest.cases,
        )
        with files:
            _run("propose", manifest, folder, learner, watch)
        watch.collect()
        watch.require_all()
        scores = outputs.read_scores(folder, manifest)
        recording.finish_proposing(
            claim,
            round,
            calibration=outputs.read_calibration(folder, manifest.plan),
            activation=activation_figures.detection(round, manifests.snapshot_in(round), scores),
            seconds=time.monotonic() - began,
        )

    _attempt(claim, round, work)
    return True


def evaluate_round(
    round_id: UUID, *, learner: Learner = LEARNER, audience: Audience = NOBODY
) -> bool:
    """Measure a round if that is due; return whether this call had the claim."""
    if (claim := recording.claim_round(round_id, State.EVALUATING)) is None:
        return False
    round = Round.objects.select_related("project").get(pk=round_id)
    # A repeat looks at the sealed references of its own time, never at a former file.
    folder = work_folder(round) / f"evaluation-{claim.token}"

    def work() -> None:
        began = time.monotonic()
        _lay_out_cards(round, folder)
        files = Checkout(folder / "stored")
        manifest = manifests.evaluate_manifest(round, folder, files)
        watch = Watch(claim, round, State.EVALUATING, STOPPING, audience)
        found = outputs.Sealed([], {})
        if manifest.cases:
            with files:
                _run("evaluate", manifest, folder, learner, watch)
            found = outputs.read_sealed(folder, manifest.cases)
        snapshot = manifests.snapshot_in(round)
        unseen = measuring.measured_proposals(round, snapshot, watch.go_on)
        figures = replace(
            round.figures,
            sealed=measuring.sealed_figures(found.cases),
            proposals=measuring.proposal_figures(unseen),
            lung=measuring.lung_figures(round, snapshot, watch.go_on),
            activation=activation_figures.with_pixels(round, snapshot, watch.go_on),
            leaks=len(find_leaks(round)),
        )
        watch.go_on()
        figures = replace(figures, gate=gate_of(round, found.cases))
        watch.go_on()
        report = report_of(
            round, sealed=found.cases, reliability=found.reliability, proposals=unseen
        )
        seconds = time.monotonic() - began
        recording.finish_evaluating(
            claim,
            round,
            cases=found.cases,
            figures=figures,
            report=report,
            seconds=seconds,
        )
        # Weights, cards and proposals are in storage; the sealed maps must not lie about.
        shutil.rmtree(work_folder(round), ignore_errors=True)

    _attempt(claim, round, work)
    return True


def run_until_decision(
    round: Round,
    *,
    on_progress: OnProgress | None = None,
    say: Say | None = None,
    learner: Learner = LEARNER,
) -> Round:
    """Do all of a round's work here, beside any worker, until an engineer is needed; return it."""
    audience, told = Audience(on_progress, say), ""
    while True:
        recording.advance_round(round)
        round.refresh_from_db()
        if round.state not in RUNNING_STATES:
            return round
        if say and round.state != told:
            told = round.state
            say(f"Round {round.number}: {round.get_state_display().lower()}.")
        if not _work_once(round, learner, audience):
            time.sleep(0.5)
        if on_progress:
            on_progress(*phase_progress(round))


@dataclass(frozen=True, slots=True)
class Due:
    """Rows that a worker may claim now."""

    members: list[UUID]
    proposing: list[UUID]
    evaluating: list[UUID]


def sweep() -> Due:
    """Move every running round on and list what is due, at most twenty rows of a kind."""
    for round in Round.objects.filter(state__in=RUNNING_STATES).select_related("project")[:100]:
        recording.advance_round(round)
    decisions.promote_unattended()
    waiting = Q(cancel_requested=False)
    return Due(
        members=claims.due_ids(EnsembleMember, _due_members()),
        proposing=claims.due_ids(Round, waiting & Q(state=State.PROPOSING)),
        evaluating=claims.due_ids(Round, waiting & Q(state=State.EVALUATING)),
    )


def work_folder(round: Round) -> Path:
    """Return where a round's children work; what must last goes to storage."""
    return Path(settings.DATA_ROOT) / "work" / str(round.pk)


def _due_members() -> Q:
    return recording.MEMBER_DUE & Q(round__state=State.TRAINING, round__cancel_requested=False)


def _work_once(round: Round, learner: Learner, audience: Audience) -> bool:
    """Do what is due now; return whether there was anything this process could claim."""
    if round.state == State.PROPOSING:
        return propose_round(round.pk, learner=learner, audience=audience)
    if round.state == State.EVALUATING:
        return evaluate_round(round.pk, learner=learner, audience=audience)
    due = claims.due_ids(EnsembleMember, _due_members() & Q(round=round))
    slots = min(settings.TRAIN_SLOTS, len(due))
    if slots < 2:
        return bool(due) and train_member(due[0], learner=learner, audience=audience)

    def train(member_id: UUID) -> bool:
        try:
            return train_member(member_id, learner=learner, audience=audience)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(slots) as pool:
        return any(list(pool.map(train, due)))


def _run(verb: str, manifest: Manifest, folder: Path, learner: Learner, watch: Watch) -> None:
    """Run the child for a manifest; raise Stopped when it was stopped, BadOutput when it failed."""
    path = folder / "manifest.json"
    learner.write(path, manifest)
    ended: Ended = run_child(
        [*learner.command, verb, "--manifest", str(path), "--out", str(folder)],
        threads=manifest.plan.threads,
        log=folder / "child.log",
        on_event=watch.hear,
        must_stop=watch.must_stop,
    )
    if ended.error:
        raise outputs.BadOutput(ended.error)
    if ended.is_stopped:
        raise Stopped


def _attempt(claim: Claim, round: Round, work: Callable[[], None]) -> None:
    """Do the work; a failure is written on the row, a lost claim writes nothing at all.

    A stop gives the row back, and settles the cancel if that was why.
    """
    try:
        try:
            work()
        except Stopped:
            recording.give_back(claim)
        except (outputs.BadOutput, FieldError, NotFound, OSError) as error:
            recording.record_failure(claim, str(error))
        except ClaimLost:
            raise
        except Exception as error:
            recording.record_failure(claim, f"{type(error).__name__}: {error}")
            raise
        except BaseException:
            recording.give_back(claim)  # Ctrl-C
            raise
    except ClaimLost:
        return
    recording.advance_round(round)


def _lay_out_cards(round: Round, folder: Path) -> None:
    for member in round.members.all():
        write_json(manifests.card_path(member, folder), member.card)
