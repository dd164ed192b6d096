"""The three phases of a round: claim a row, run the child on a manifest, record the result.

Any worker may repeat a phase at any time. The claim decides which worker does it, the row says
whether it is still due, and the child skips work that it finished before.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from django.conf import settings

from annotation.bridge import outputs
from annotation.bridge.learner import LEARNER, STOPPING, Learner, run_learner
from annotation.bridge.watch import NO_CALLBACKS, Callbacks, MemberWatch, ProposeWatch, Watch
from annotation.errors import NotFound
from annotation.models import EnsembleMember, Round
from annotation.round_figures import RoundFigures
from annotation.selectors.labels import labels_of
from annotation.selectors.rounds import manifests, records
from annotation.selectors.rounds.gate import judge_round
from annotation.selectors.rounds.leaks import find_leaks
from annotation.selectors.rounds.looks import ChosenLook, choose_look
from annotation.services.claims import Claim, ClaimLost
from annotation.services.rounds import claiming, classifiers, measuring, recording
from annotation.services.rounds.reporting import make_report
from annotation.storage import Checkout
from mlloop.contract.errors import Stopped
from mlloop.contract.records import FieldError, write_json

State = Round.State
WORK = "work"  # the folder of DATA_ROOT in which children work
CHECKOUT = "stored"  # the folder of a child's stored files


def train_member(
    member_id: UUID, *, learner: Learner = LEARNER, callbacks: Callbacks = NO_CALLBACKS
) -> bool:
    """Train one member if it is due; return whether this call got the claim."""
    if (claim := claiming.claim_member(member_id)) is None:
        return False
    member = EnsembleMember.objects.select_related("round__project").get(pk=member_id)
    folder = work_folder(member.round) / f"{member.network}-{member.fold}"

    def work() -> None:
        files = Checkout(folder / CHECKOUT)
        manifest = manifests.train_manifest(member, files)
        watch = MemberWatch(claim, member.round, State.TRAINING, STOPPING, callbacks, member=member)
        with files:
            run_learner("train", manifest, folder, learner, watch)
        trained = outputs.read_member(folder, manifest)
        recording.finish_member(
            claim,
            member.round.project_id,
            weights=trained.weights,
            card=trained.card,
            history=trained.history,
        )

    _attempt(claim, member.round, work)
    return True


def propose_round(
    round_id: UUID, *, learner: Learner = LEARNER, callbacks: Callbacks = NO_CALLBACKS
) -> bool:
    """Propose on the snapshot's images if that is due; return whether this call got the claim."""
    if (claim := claiming.claim_round(round_id, State.PROPOSING)) is None:
        return False
    round = Round.objects.select_related("project").get(pk=round_id)
    folder = work_folder(round) / "proposals"

    def work() -> None:
        began = time.monotonic()
        _write_cards(round, folder)
        files = Checkout(folder / CHECKOUT)
        manifest = manifests.propose_manifest(round, folder, files)
        watch = ProposeWatch(
            claim,
            round,
            State.PROPOSING,
            STOPPING,
            callbacks,
            folder=folder,
            labels={label.key: label.id for label in labels_of(round.project)},
            cases=manifest.cases,
        )
        with files:
            run_learner("propose", manifest, folder, learner, watch)
        watch.collect()
        watch.require_all()
        scores = outputs.read_scores(folder, manifest)
        recording.finish_proposing(
            claim,
            round,
            calibration=outputs.read_calibration(folder, manifest.plan),
            activation=classifiers.measure_scores(round, records.round_snapshot(round), scores),
            seconds=time.monotonic() - began,
        )

    _attempt(claim, round, work)
    return True


def evaluate_round(
    round_id: UUID, *, learner: Learner = LEARNER, callbacks: Callbacks = NO_CALLBACKS
) -> bool:
    """Measure a round if that is due; return whether this call got the claim."""
    if (claim := claiming.claim_round(round_id, State.EVALUATING)) is None:
        return False
    round = Round.objects.select_related("project").get(pk=round_id)
    # Each attempt has its own folder: a repeat measures against the sealed references of that time.
    folder = work_folder(round) / f"evaluation-{claim.token}"

    def work() -> None:
        began = time.monotonic()
        _write_cards(round, folder)
        files = Checkout(folder / CHECKOUT)
        look = choose_look(round)
        manifest = manifests.evaluate_manifest(round, look.cases, folder, files)
        watch = Watch(claim, round, State.EVALUATING, STOPPING, callbacks)
        sealed = outputs.SealedOutput([], {})
        if manifest.cases:
            with files:
                run_learner("evaluate", manifest, folder, learner, watch)
            sealed = outputs.read_sealed(folder, manifest.cases)
        cases = look.name_cells(sealed.cases)
        sealed = replace(sealed, cases=list(cases))
        figures, report = _measure(round, look, sealed, watch.raise_if_stopped)
        recording.finish_evaluating(
            claim,
            round,
            cases=cases,
            retired=look.retired,
            figures=figures,
            report=report,
            seconds=time.monotonic() - began,
        )
        # Weights, cards and proposals are in storage. The sealed maps must not stay on disk.
        shutil.rmtree(work_folder(round), ignore_errors=True)

    _attempt(claim, round, work)
    return True


def _measure(
    round: Round,
    look: ChosenLook,
    sealed: outputs.SealedOutput,
    raise_if_stopped: Callable[[], None],
) -> tuple[RoundFigures, dict[str, object]]:
    """Return all figures of a round and its report; call `raise_if_stopped` between the steps."""
    snapshot = records.round_snapshot(round)
    unseen = measuring.measure_proposals(round, snapshot, raise_if_stopped)
    figures = replace(
        round.figures,
        sealed=measuring.measure_sealed(sealed.cases),
        look=look.summary(sealed.cases),
        proposals=measuring.summarise_by_network(unseen),
        lung=measuring.measure_lungs(round, snapshot, raise_if_stopped),
        activation=classifiers.measure_maps(round, snapshot, raise_if_stopped),
        leaks=len(find_leaks(round)),
    )
    raise_if_stopped()
    figures = replace(figures, gate=judge_round(round, sealed.cases, waiting=look.waiting))
    raise_if_stopped()
    report = make_report(
        round,
        sealed=sealed.cases,
        reliability=sealed.reliability,
        proposals=unseen,
        waiting=look.waiting,
    )
    return figures, report


def work_folder(round: Round) -> Path:
    """Return the folder in which a round's children work. Results to keep go to storage."""
    return Path(settings.DATA_ROOT) / WORK / str(round.pk)


def _attempt(claim: Claim, round: Round, work: Callable[[], None]) -> None:
    """Do the work and advance the round. A failure is written to the row.

    A stop gives the row back and completes a requested cancel. After a lost claim nothing is
    written, because another worker has the row.
    """
    try:
        try:
            work()
        except Stopped:
            claiming.give_back(claim)
        except (outputs.BadOutput, FieldError, NotFound, OSError) as error:
            claiming.record_failure(claim, str(error))
        except ClaimLost:
            raise
        except Exception as error:
            claiming.record_failure(claim, f"{type(error).__name__}: {error}")
            raise
        except BaseException:
            claiming.give_back(claim)  # Ctrl-C
            raise
    except ClaimLost:
        return
    claiming.advance_round(round)


def _write_cards(round: Round, folder: Path) -> None:
    for member in round.members.all():
        write_json(manifests.card_path(member, folder), member.card)
