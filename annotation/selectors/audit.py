"""Read the audit: the head of a chain, its first broken row, and the rows that a filter leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from annotation.audit_chain import EMPTY, Head
from annotation.models import AuditEvent, Project

PAGE_SIZE = 50
_BATCH = 1000
_FIRST_YEAR, _LAST_YEAR = 1900, 9000


@dataclass(frozen=True, slots=True)
class Break:
    """The first row of a chain that does not follow from the rows before it."""

    sequence: int
    row: UUID | None
    sentence: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows are listed; an empty field leaves all. Days are in the project's time zone."""

    who: str = ""
    what: str = ""
    target: str = ""
    since: date | None = None
    until: date | None = None


def day_of(text: str) -> date | None:
    """Return the day that a filter names, None for an empty one; raise ValueError for no day."""
    if not text:
        return None
    day = date.fromisoformat(text)
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:  # times near both ends do not fit a zone
        raise ValueError(text)
    return day


def chain_of(project_id: UUID | None) -> QuerySet[AuditEvent]:
    """Return a chain's rows, the newest first; the server's chain for None."""
    rows = AuditEvent.objects.order_by("-sequence")
    return rows.filter(project_id=project_id) if project_id else rows.filter(project=None)


def head_of(project_id: UUID | None) -> Head:
    """Return the last link of a chain."""
    last = chain_of(project_id).values_list("sequence", "sha256").first()
    return Head(*last) if last else EMPTY


def first_break(project: Project | None) -> Break | None:
    """Return the first broken row of a chain, None if the chain is whole. Memory stays flat."""
    before = EMPTY
    rows = chain_of(project.id if project else None).order_by("sequence", "id")
    for row in rows.iterator(chunk_size=_BATCH):
        if row.sequence != before.length + 1:
            return Break(
                before.length + 1, None, f"Row {before.length + 1} is missing from the audit."
            )
        if row.previous_sha256 != before.sha256:
            sentence = f"Row {row.sequence} does not name the hash of the row before it."
            return Break(row.sequence, row.id, sentence)
        if row.sha256 != row.entry.digest_after(before):
            sentence = f"Row {row.sequence} was changed after it was written."
            return Break(row.sequence, row.id, sentence)
        before = Head(row.sequence, row.sha256)
    if project is not None and before is EMPTY:
        return Break(1, None, "Row 1 is missing from the audit: no project begins without a row.")
    return None


def disagreement(project: Project, head: Head) -> str:
    """Return why a head that a release printed is no longer in the chain; empty if it still is."""
    if head.length == 0:
        return ""
    row = chain_of(project.id).filter(sequence=head.length).first()
    if row is None:
        return f"The release names row {head.length} of the audit, which is missing."
    if row.sha256 != head.sha256:
        return f"The release names another hash for row {head.length} of the audit."
    return ""


def events_of(project: Project | None, chosen: AuditFilter) -> QuerySet[AuditEvent]:
    """Return the rows of a chain that the filter leaves, the newest first."""
    rows = chain_of(project.id if project else None).select_related("actor")
    if chosen.who:
        rows = rows.filter(actor__username=chosen.who)
    if chosen.what:
        rows = rows.filter(verb=chosen.what)
    if chosen.target:
        rows = rows.filter(target=chosen.target)
    zone = ZoneInfo(project.time_zone if project else "UTC")
    if chosen.since:
        rows = rows.filter(created_at__gte=datetime.combine(chosen.since, time(), zone))
    if chosen.until:
        after = datetime.combine(chosen.until + timedelta(days=1), time(), zone)
        rows = rows.filter(created_at__lt=after)
    return rows


def iter_events(
    project: Project | None, chosen: AuditFilter, *, at_most: int
) -> Iterator[AuditEvent]:
    """Yield the rows that the filter leaves, the oldest first, up to row `at_most`.

    Each batch is a query of its own, so a slow download keeps no transaction open.
    """
    rows, last = events_of(project, chosen).order_by("sequence"), 0
    while batch := list(rows.filter(sequence__gt=last, sequence__lte=at_most)[:_BATCH]):
        yield from batch
        last = batch[-1].sequence


def exported(event: AuditEvent) -> dict[str, object]:
    """Return a row as an export and the API give it: all that its hash covers, and the name."""
    entry = event.entry
    return {
        "sequence": event.sequence,
        "id": str(event.id),
        "created_at": entry.created_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": str(event.actor_id) if event.actor_id else None,
        "username": event.actor.username if event.actor else None,
        "verb": event.verb,
        "target": event.target,
        "facts": event.facts,
        "previous_sha256": event.previous_sha256,
        "sha256": event.sha256,
    }


# What is recorded, and the words for it. A test finds a verb that is not in this table.
VERBS = {
    "sign_in": "signed in",
    "sign_out": "signed out",
    "sign_in_failed": "failed to sign in",
    "change_password": "changed a password",
    "add_second_factor": "added a second factor",
    "remove_second_factor": "removed a second factor",
    "make_recovery_codes": "made new recovery codes",
    "connect_sign_on": "connected a sign-on",
    "disconnect_sign_on": "disconnected a sign-on",
    "admin_add": "added a row in the administration",
    "admin_change": "changed a row in the administration",
    "admin_delete": "removed a row in the administration",
    "create_token": "made an API token",
    "revoke_token": "revoked an API token",
    "create_project": "made the project",
    "add_member": "gave a role",
    "remove_member": "took a role",
    "stage_upload": "sent files",
    "import_images": "imported images",
    "see_image": "saw an image",
    "lease_case": "got a case to read",
    "submit": "submitted a read",
    "drop_lost_drafts": "dropped refused masks beyond the limit",
    "reopen": "opened a submitted case again",
    "put_back": "closed a case that was open again",
    "reassign": "gave a case to somebody else",
    "plan_round": "planned a round",
    "cancel_round": "cancelled a round",
    "resume_round": "resumed a round",
    "close_round": "closed a round",
    "promote_round": "promoted a round",
    "refuse_round": "refused a round",
    "rollback_round": "rolled a round back",
    "withdraw_image": "withdrew an image",
    "withdraw_patient": "withdrew a patient",
    "erase_image": "erased an image",
    "clean_film": "encoded a film again from its pixels",
    "open_project": "declared the project open",
    "open_sealed_part": "opened the sealed part of a release",
    "download_release": "downloaded a release",
    "export_release": "exported a release to a folder",
    "request_release": "requested a release",
    "retry_release": "retried a release",
    "drop_withdrawn": "dropped withdrawn images from a release",
    "export_audit": "downloaded the audit",
}
