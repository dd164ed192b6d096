"""Let one worker at a time own a row: the row count of one conditional UPDATE decides.

Works on every Claimable row. A claim is a token; a write without it changes nothing. A claim
never trusts a message, a lock in memory, or a process that may be dead.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models import Case, F, Q, QuerySet, TextField, Value, When
from django.utils import timezone

from annotation.models.base import Claimable
from annotation.services import workers
from mlloop.contract.errors import Stopped

ALWAYS = Q()


class ClaimLost(Exception):
    """Another worker owns the row now. The former holder must stop and write nothing more."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write one row."""

    model: type[Claimable]
    pk: UUID
    token: UUID

    def rows(self) -> QuerySet[Claimable]:
        """Return a query for the row; it is empty once the claim is lost."""
        return self.model._default_manager.filter(pk=self.pk, claim_token=self.token)


def take(
    *, model: type[Claimable], pk: UUID, due: Q, sets: Mapping[str, object] | None = None
) -> Claim | None:
    """Claim the row if it is due, free and below the attempt limit; else return None.

    `due` may name the row's own columns or an Exists(), never a join: Django moves a join into a
    subquery, which PostgreSQL does not evaluate again after waiting for a concurrent claim.
    """
    claim = Claim(model, pk, uuid4())
    taken = (
        model._default_manager.filter(due, _free(model, pk), pk=pk)
        .filter(attempts__lt=settings.MAX_ATTEMPTS)
        .update(
            claim_token=claim.token,
            claimed_by=workers.identity(),
            heartbeat_at=timezone.now(),
            attempts=F("attempts") + 1,
            **(sets or {}),
        )
    )
    return claim if taken else None


def update(claim: Claim, wanted: Q = ALWAYS, /, **fields: object) -> None:
    """Write fields and a heartbeat; raise ClaimLost if another worker has the row.

    The same UPDATE checks the condition `wanted`; raise Stopped if it is no longer true.
    """
    if claim.rows().filter(wanted).update(heartbeat_at=timezone.now(), **fields):
        return
    if claim.rows().exists():
        raise Stopped
    raise ClaimLost(f"{claim.model.__name__} {claim.pk}")


def release(
    claim: Claim, wanted: Q = ALWAYS, /, *, is_refunded: bool = False, **fields: object
) -> None:
    """Give the row back and write its last fields. A refunded attempt does not count."""
    if is_refunded:
        fields["attempts"] = F("attempts") - 1
    update(claim, wanted, claim_token=None, claimed_by="", **fields)


def due_ids(model: type[Claimable], due: Q, *, limit: int = 20) -> list[UUID]:
    """Return the ids of rows that a worker may claim now, oldest first; `due` may join here."""
    rows = model._default_manager.filter(due, attempts__lt=settings.MAX_ATTEMPTS)
    rows = rows.filter(_unheld() | Q(claimed_by__in=_dead_holders(model)))
    return list(rows.order_by("created_at").values_list("pk", flat=True)[:limit])


def is_held(model: type[Claimable], rows: Q) -> bool:
    """Say whether a worker with a fresh heartbeat holds any of the rows."""
    held = model._default_manager.filter(rows, claim_token__isnull=False)
    held = held.filter(heartbeat_at__gte=_stale_before())
    return held.exclude(claimed_by__in=_dead_holders(model)).exists()


def give_up(*, model: type[Claimable], due: Q, state: str) -> int:
    """Fail the unheld rows without attempts left; keep the last reason and return their number."""
    reason = Value(f"Given up after {settings.MAX_ATTEMPTS} attempts: the worker died each time.")
    rows = model._default_manager.filter(due, attempts__gte=settings.MAX_ATTEMPTS)
    return rows.filter(_unheld() | Q(claimed_by__in=_dead_holders(model))).update(
        **{"state": state},  # not a field of Claimable: each model has its own states
        claim_token=None,
        failure=Case(When(failure="", then=reason), default=F("failure"), output_field=TextField()),
    )


@dataclass(slots=True)
class Heartbeat:
    """Write heartbeats for a claim from inside a loop, at most one in HEARTBEAT_SECONDS."""

    claim: Claim
    last: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        """Write a heartbeat if it is time; raise ClaimLost if another worker has the row."""
        if time.monotonic() - self.last >= settings.HEARTBEAT_SECONDS:
            update(self.claim)
            self.last = time.monotonic()


def _free(model: type[Claimable], pk: UUID) -> Q:
    """Return the condition that the row is unheld, stale, or held by a dead process of the machine.

    The condition names the dead holder's token, because another worker may claim the row meanwhile.
    """
    free = _unheld()
    seen = model._default_manager.filter(pk=pk).values_list("claimed_by", "claim_token").first()
    if seen and seen[1] and workers.is_dead(seen[0]):
        free |= Q(claim_token=seen[1])
    return free


def _unheld() -> Q:
    """Return the condition that no worker holds the row, or that its heartbeat is too old."""
    return Q(claim_token=None) | Q(heartbeat_at__lt=_stale_before())


def _stale_before() -> datetime:
    return timezone.now() - timedelta(seconds=settings.CLAIM_STALE_SECONDS)


def _dead_holders(model: type[Claimable]) -> list[str]:
    """Return the names of holders whose processes on this machine have ended."""
    held = model._default_manager.filter(claim_token__isnull=False)
    held = held.filter(claimed_by__startswith=workers.machine())
    names = held.values_list("claimed_by", flat=True).distinct()[:100]
    return [name for name in names if workers.is_dead(name)]
