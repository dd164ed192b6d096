"""The audit is one chain for each project, and `verify_audit` names the first broken row."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

import annotation
from annotation.audit_chain import GENESIS, Head
from annotation.models import AuditEvent, Project
from annotation.selectors.audit import VERBS, disagreement, first_break, head_of
from annotation.services import audit
from annotation.services.projects import create_project
from annotation.services.releases.exporting import export_release
from tests.support.database import unguarded
from tests.support.releasing import freeze

pytestmark = pytest.mark.postgres
FACTS = {"n": 3, "share": 0.1, "large": 1e20, "whole": 2.0, "reason": "Größe \u2713", "none": None}


def verify(*options: str) -> tuple[int, dict[str, object]]:
    """Return the exit code of the command, and what it printed as JSON."""
    out = StringIO()
    try:
        call_command("verify_audit", "--json", *options, stdout=out)
    except CommandError as error:
        return error.returncode, json.loads(out.getvalue()) if out.getvalue() else {}
    return 0, json.loads(out.getvalue())


@pytest.fixture
def chain(project: Project) -> list[AuditEvent]:
    """A project's chain of five rows, the first one from the making of the project."""
    for number in range(4):
        audit.record(project=project, actor=None, verb="submit", target=number, facts=FACTS)
    return list(AuditEvent.objects.filter(project=project).order_by("sequence"))


def test_rows_when_recorded_then_each_names_the_hash_of_the_row_before(
    project: Project, chain: list[AuditEvent]
) -> None:
    assert [row.sequence for row in chain] == [1, 2, 3, 4, 5]
    assert [row.previous_sha256 for row in chain] == [GENESIS, *(row.sha256 for row in chain[:-1])]
    assert head_of(project.id) == Head(5, chain[-1].sha256)
    assert first_break(project) is None


def test_chains_when_two_projects_and_the_server_record_then_none_moves_another(
    project: Project,
) -> None:
    audit.record(project=None, actor=None, verb="sign_in")
    other = create_project(slug="other", name="Other", actor=None)
    heads = [head_of(project.id), head_of(None), head_of(other.id)]
    assert [head.length for head in heads] == [1, 1, 1]
    assert verify()[0] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"facts": {**FACTS, "n": 4}},
        {"verb": "refuse_round"},
        {"target": "another"},
        {"created_at": "2020-01-01T00:00:00Z"},
        {"sha256": "0" * 64},
        {"previous_sha256": "0" * 64},
    ],
)
def test_verify_when_the_owner_of_the_database_changes_a_row_then_it_is_named(
    chain: list[AuditEvent], change: dict[str, object]
) -> None:
    assert verify("--project", "pilot")[0] == 0
    with unguarded():
        AuditEvent.objects.filter(pk=chain[2].pk).update(**change)
    code, printed = verify()
    assert code == 1
    assert printed["chains"]["pilot"]["broken"]["sequence"] == 3
    assert printed["chains"]["pilot"]["broken"]["row"] == str(chain[2].pk)
    assert printed["chains"]["server"]["broken"] is None


def test_verify_when_a_row_is_removed_then_its_number_is_named(chain: list[AuditEvent]) -> None:
    with unguarded():
        AuditEvent.objects.filter(pk=chain[1].pk).delete()
    code, printed = verify("--project", "pilot")
    assert (code, printed["chains"]["pilot"]["broken"]["sequence"]) == (1, 2)


def test_verify_when_a_row_is_forged_and_all_later_ones_are_hashed_again_then_a_release_tells(
    project: Project, chain: list[AuditEvent], tmp_path: Path
) -> None:
    """The database alone cannot tell. The head in a release that somebody has can."""
    printed = head_of(project.id)
    (tmp_path / "manifest.json").write_text(json.dumps({"audit": printed.as_json()}))
    options = ("--project", "pilot", "--release", str(tmp_path))
    assert verify(*options)[0] == 0
    with unguarded():
        before = Head(1, chain[0].sha256)
        for row in chain[1:]:
            row.facts, row.previous_sha256 = {"n": 0}, before.sha256
            row.sha256 = row.entry.digest_after(before)
            before = Head(row.sequence, row.sha256)
            row.save()
    assert first_break(project) is None
    assert verify("--project", "pilot")[0] == 0
    assert verify(*options)[0] == 1
    assert "another hash" in disagreement(project, printed)


def test_frozen_release_when_read_then_its_manifest_holds_the_head_at_its_request(
    filled: Project, tmp_path: Path
) -> None:
    audit.record(project=filled, actor=None, verb="submit")
    asked_at = head_of(filled.id)
    folder = export_release(release=freeze(filled), folder=tmp_path / "out")
    assert head_of(filled.id).length > asked_at.length
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["audit"] == {"length": asked_at.length, "sha256": asked_at.sha256}
    options = ("--project", "pilot", "--release", str(folder))
    assert verify(*options)[0] == 0
    with unguarded():
        AuditEvent.objects.filter(project=filled, sequence=asked_at.length).update(sha256="0" * 64)
    assert verify(*options)[0] == 1
    assert "another hash" in disagreement(filled, asked_at)


def test_verify_when_the_last_rows_are_removed_then_a_release_tells(
    project: Project, chain: list[AuditEvent]
) -> None:
    printed = head_of(project.id)
    with unguarded():
        AuditEvent.objects.filter(sequence__gt=3, project=project).delete()
    assert verify("--project", "pilot")[0] == 0
    assert "is missing" in disagreement(project, printed)


@pytest.mark.parametrize(
    "options",
    [("--release", "somewhere"), ("--project", "none"), ("--project", "pilot", "--release", "/")],
)
def test_verify_when_the_command_line_is_wrong_then_exit_code_2(
    project: Project, options: tuple[str, ...]
) -> None:
    assert verify(*options)[0] == 2


def test_record_when_a_transaction_is_rolled_back_then_the_chain_goes_on(project: Project) -> None:
    with transaction.atomic():
        audit.record(project=project, actor=None, verb="submit")
        transaction.set_rollback(True)
    audit.record(project=project, actor=None, verb="submit")
    assert head_of(project.id).length == 2
    assert first_break(project) is None


def test_chain_when_a_row_would_follow_the_same_row_then_the_database_refuses(
    chain: list[AuditEvent],
) -> None:
    fork = chain[3]
    fork.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        fork.save(force_insert=True)


def test_record_when_eight_writers_append_at_once_then_the_chain_has_no_fork(
    transactional_db: None,
) -> None:
    project = create_project(slug="pilot", name="Pilot", actor=None)

    def append(writer: int) -> None:
        for number in range(10):
            with transaction.atomic():
                audit.record(
                    project=project, actor=None, verb="submit", target=f"{writer}/{number}"
                )
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(8)))
    assert head_of(project.id).length == 81
    assert first_break(project) is None


def test_every_recorded_verb_has_words_on_the_page() -> None:
    source = Path(annotation.__file__).parent
    named = re.compile(r'\bverb="(\w+)"|\b_record\([^()"]*"(\w+)"')  # the admin gives it by place
    verbs = {
        verb
        for file in source.rglob("*.py")
        for pair in named.findall(file.read_text())
        for verb in pair
        if verb
    }
    assert verbs >= {"submit", "admin_add", "admin_delete", "refuse_round", "export_audit"}
    assert verbs - set(VERBS) == set()
