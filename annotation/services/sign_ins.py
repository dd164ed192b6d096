"""Record who signed in and out, and failed sign-ins in bounded number.

The adapter of the sign-in pages and the token endpoint call these functions. No row holds an
address, a browser's name, or the name that was typed: people type passwords into that field.
"""

from __future__ import annotations

from datetime import timedelta

from django.core.cache import cache
from django.utils import timezone

from annotation.models import AuditEvent, User
from annotation.services import audit

WINDOW = timedelta(minutes=15)
FAILED = "sign_in_failed"


def record_sign_in(*, user: User) -> None:
    """Record that a person signed in, after every factor that the account needs."""
    audit.record(project=None, actor=user, verb="sign_in", target=user.id)


def record_sign_out(*, user: User) -> None:
    """Record that a person signed out."""
    audit.record(project=None, actor=user, verb="sign_out", target=user.id)


def record_failed_sign_in(*, username: str) -> None:
    """Count a failed sign-in, and record the 1st, 10th, 100th and so on of 15 minutes.

    So an attacker adds a handful of rows for each account, however often they try. All names
    without an account are counted together, as the empty target.
    """
    user = User.objects.filter(username=username).first()
    target = str(user.id) if user else ""
    now = timezone.now()
    number = int(now.timestamp() // WINDOW.total_seconds())
    key = f"failed-sign-ins:{target}:{number}"
    cache.add(key, 0, 2 * WINDOW.total_seconds())
    try:
        failures = cache.incr(key)
    except ValueError:  # a full cache dropped the count
        failures = 1
    began = now - timedelta(seconds=now.timestamp() % WINDOW.total_seconds())
    rows = AuditEvent.objects.filter(project=None, verb=FAILED, target=target)
    # The rows of this window limit what is written, even if the count is lost or not shared.
    if failures >= 10 ** rows.filter(created_at__gte=began).count():
        facts = {"failures": failures, "minutes": int(WINDOW.total_seconds() // 60)}
        audit.record(project=None, actor=None, verb=FAILED, target=target, facts=facts)
