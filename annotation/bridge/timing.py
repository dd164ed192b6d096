"""Time a plan in a child process: claim the row, run the child, record what it found."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import UUID

from django.conf import settings

from annotation.bridge import outputs
from annotation.bridge.child import run_child
from annotation.bridge.loop import LEARNER, STOPPING, Learner
from annotation.models import PlanEstimate
from annotation.services import claims
from annotation.services.rounds.estimates import DUE, State
from mlloop.contract.manifest import EstimateManifest
from mlloop.contract.records import FieldError, from_plain


def estimate_plan(estimate_id: UUID, *, learner: Learner = LEARNER) -> bool:
    """Time one plan if that is due; return whether this call had the claim."""
    sets = {"state": State.RUNNING, "failure": ""}
    claim = claims.take(model=PlanEstimate, pk=estimate_id, due=DUE, sets=sets)
    if claim is None:
        return False
    folder = Path(settings.DATA_ROOT) / "work" / f"estimate-{claim.token}"
    try:
        found = _timed(claim, folder, learner)
        if found is None:
            claims.release(claim, is_refunded=True, state=State.DUE)
        else:
            claims.release(claim, state=State.DONE, result=found)
    except claims.ClaimLost:
        return True
    except (outputs.BadOutput, FieldError, OSError) as error:
        claims.release(claim, state=State.FAILED, failure=str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return True


def _timed(claim: claims.Claim, folder: Path, learner: Learner) -> dict[str, object] | None:
    """Return what the child found; None when it was stopped."""
    asked = PlanEstimate.objects.get(pk=claim.pk)
    manifest = from_plain(EstimateManifest, asked.manifest)
    path, pulse = folder / "manifest.json", claims.Pulse(claim)
    learner.write(path, manifest)

    def must_stop() -> bool:
        pulse.beat()
        return STOPPING.is_set()

    ended = run_child(
        [*learner.command, "estimate", "--manifest", str(path), "--out", str(folder)],
        threads=manifest.plan.threads,
        log=folder / "child.log",
        on_event=lambda _event: None,
        must_stop=must_stop,
    )
    if ended.error:
        raise outputs.BadOutput(ended.error)
    networks = tuple(network.key for network in manifest.plan.networks)
    return None if ended.is_stopped else outputs.read_estimate(folder, networks)
