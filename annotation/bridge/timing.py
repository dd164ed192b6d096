"""Time a plan in a child process: claim the row, run the child, record the result."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings

from annotation.bridge import outputs, phases
from annotation.bridge.child import Event
from annotation.bridge.learner import LEARNER, STOPPING, Learner, run_learner
from annotation.models import PlanEstimate
from annotation.services import claims
from annotation.services.rounds.estimates import DUE, State
from mlloop.contract.errors import Stopped
from mlloop.contract.manifest import EstimateManifest
from mlloop.contract.records import FieldError, from_plain


def estimate_plan(estimate_id: UUID, *, learner: Learner = LEARNER) -> bool:
    """Time one plan if that is due; return whether this call had the claim."""
    sets = {"state": State.RUNNING, "failure": ""}
    claim = claims.take(model=PlanEstimate, pk=estimate_id, due=DUE, sets=sets)
    if claim is None:
        return False
    folder = Path(settings.DATA_ROOT) / phases.WORK / f"estimate-{claim.token}"
    try:
        claims.release(claim, state=State.DONE, result=_time_plan(claim, folder, learner))
    except Stopped:
        claims.release(claim, is_refunded=True, state=State.DUE)
    except claims.ClaimLost:
        return True
    except (outputs.BadOutput, FieldError, OSError) as error:
        claims.release(claim, state=State.FAILED, failure=str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return True


@dataclass(frozen=True, slots=True)
class _Listener:
    """Keep the claim alive while the child runs; its events are not needed."""

    heartbeat: claims.Heartbeat

    def handle_event(self, event: Event) -> None:
        """Ignore the event: the result is in a file."""

    def must_stop(self) -> bool:
        """Send a heartbeat and return whether the worker shuts down."""
        self.heartbeat.beat()
        return STOPPING.is_set()


def _time_plan(claim: claims.Claim, folder: Path, learner: Learner) -> dict[str, object]:
    """Return the child's measurements; raise Stopped if it was stopped."""
    estimate = PlanEstimate.objects.get(pk=claim.pk)
    manifest = from_plain(EstimateManifest, estimate.manifest)
    run_learner("estimate", manifest, folder, learner, _Listener(claims.Heartbeat(claim)))
    return outputs.read_estimate(folder, tuple(network.key for network in manifest.plan.networks))
