"""Raw SQL against every protected table. The tables come from the models' own declarations."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.utils import timezone

from annotation.models import (
    EnsembleMember,
    Patient,
    Project,
    Proposal,
    Release,
    ReleaseItem,
    Round,
    SealedOpening,
    User,
    triggers,
)
from annotation.models.protection import Final, Protection
from tests.support import factories
from tests.support.database import unguarded

pytestmark = pytest.mark.postgres
PROTECTED = triggers.protected_models()
is_lite = connection.vendor == "sqlite"


@pytest.fixture
def world(project: Project, member: Callable[..., User]) -> Project:
    """A row in every protected table, each in the state in which most of it is final."""
    image = factories.make_image(project)
    served = factories.make_round(project, state="serving")
    factories.make_round(project, number=2, state="awaiting_decision")
    EnsembleMember.objects.create(
        round=served, network="unet", fold=0, state="done", card={"a": 1}, weights_key="k"
    )
    factories.make_proposals(served, image)
    assignment = factories.make_assignment(image, member("reader"), purpose="read", of_round=served)
    proposal = Proposal.objects.filter(label__key="infection").first()
    assignment.candidates.create(label=proposal.label, position=0, proposal=proposal, mask_key="k")
    factories.make_reference(image)
    release = Release.objects.create(
        project=project, version="1.0.0", formats=["qata"], state="running", selection_key="k"
    )
    ReleaseItem.objects.create(release=release, path="a.png", key="k", sha256="0" * 64, size=1)
    Release.objects.update(state="frozen", manifest_key="m", frozen_at=timezone.now())
    SealedOpening.objects.create(release=release, actor=None, reason="Published.")
    return project


@contextlib.contextmanager
def without_our_pragma() -> Iterator[None]:
    """Do what somebody who opens the file with another program does."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers=OFF")
        try:
            yield
        finally:
            cursor.execute("PRAGMA recursive_triggers=ON")


def is_refused(statement: str, *values: object) -> bool:
    """Say whether a trigger refuses the statement, and undo it if none does."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
            assert cursor.rowcount, f"The statement found no row: {statement}"
            transaction.set_rollback(True)
    except DatabaseError as error:
        if " refused" not in str(error):
            raise
        return True
    return False


def other_value(field: models.Field[object, object], value: object) -> object:
    """Return another value that the column can hold."""
    if isinstance(field, models.UUIDField | models.ForeignKey):
        return uuid.uuid4()
    if isinstance(field, models.DateTimeField):
        return timezone.now() + timedelta(days=1)
    if isinstance(field, models.JSONField):
        return {"forged": 1}
    if isinstance(field, models.BooleanField):
        return not value
    if isinstance(field, models.IntegerField | models.FloatField):
        return (value or 0) + 1
    return f"x{value}"[: field.max_length]


def changed_columns(model: type[models.Model], names: tuple[str, ...]) -> list[str]:
    """Return the fields of the model's newest row that raw SQL could change."""
    row = model._base_manager.order_by("created_at").first()
    table, slipped = model._meta.db_table, []
    for name in names:
        field = model._meta.get_field(name)
        value = field.get_db_prep_save(other_value(field, getattr(row, field.attname)), connection)
        pk = model._meta.pk.get_db_prep_value(row.pk, connection)
        if not is_refused(f'UPDATE {table} SET "{field.column}" = %s WHERE id = %s', value, pk):
            slipped.append(f"{table}.{name}")
    return slipped


def test_every_model_declares_what_the_database_keeps() -> None:
    silent = [
        model.__name__
        for model in apps.get_app_config("annotation").get_models()
        if not isinstance(model.__dict__.get("protection"), Protection)
    ]
    assert silent == []
    assert len(PROTECTED) >= 14


def test_rows_when_deleted_by_sql_then_the_database_refuses(world: Project) -> None:
    tables = [model._meta.db_table for model in PROTECTED]
    assert [table for table in tables if not is_refused(f"DELETE FROM {table}")] == []


@pytest.mark.skipif(is_lite, reason="SQLite has no TRUNCATE")
def test_tables_when_truncated_then_the_database_refuses(world: Project) -> None:
    with connection.cursor() as cursor:  # else the rows' own checks would refuse it first
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for model in PROTECTED:
        with pytest.raises(DatabaseError, match="TRUNCATE refused"), transaction.atomic():
            connection.cursor().execute(f"TRUNCATE {model._meta.db_table} CASCADE")


@pytest.mark.skipif(not is_lite, reason="PostgreSQL has no REPLACE")
@pytest.mark.parametrize("outside", [False, True])
def test_rows_when_replaced_by_sql_then_the_database_refuses(world: Project, outside: bool) -> None:
    """By the same id, and by each other unique column; with and without our pragma."""
    slipped = []
    with without_our_pragma() if outside else contextlib.nullcontext():
        for model in PROTECTED:
            table = model._meta.db_table
            columns = [field.column for field in model._meta.concrete_fields]
            same = ", ".join(f'"{column}"' for column in columns)
            new_id = same.replace('"id"', f"'{uuid.uuid4().hex}'")
            sources = [same]
            if model._meta.constraints:
                sources.append(new_id)
            for source in sources:
                verb = f"INSERT OR REPLACE INTO {table} ({same}) SELECT {source}"
                if not is_refused(f"{verb} FROM {table} ORDER BY created_at LIMIT 1"):
                    slipped.append(table)
    assert slipped == []


@pytest.mark.skipif(not is_lite, reason="PostgreSQL has no REPLACE")
@pytest.mark.parametrize("outside", [False, True])
def test_final_rows_when_replaced_by_rows_of_unfinished_work_then_refused(
    world: Project, outside: bool
) -> None:
    """The new row takes the id of a final one, but names a release or round that may change."""
    running = Release.objects.create(
        project=world, version="2.0.0", state="running", selection_key="k"
    )
    Round.objects.filter(number=2).update(state="refused")
    proposing = factories.make_round(world, number=3, state="proposing")
    slipped = []
    with without_our_pragma() if outside else contextlib.nullcontext():
        for model, parent in ((ReleaseItem, running), (Proposal, proposing)):
            table, key = model._meta.db_table, type(parent).__name__.lower() + "_id"
            columns = ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)
            moved = columns.replace(f'"{key}"', f"'{parent.pk.hex}'")
            verb = f"INSERT OR REPLACE INTO {table} ({columns}) SELECT {moved}"
            if not is_refused(f"{verb} FROM {table} ORDER BY created_at LIMIT 1"):
                slipped.append(table)
    assert slipped == []


@pytest.mark.skipif(not is_lite, reason="PostgreSQL has no REPLACE")
def test_serving_round_when_another_row_takes_its_place_by_replace_then_refused(
    world: Project,
) -> None:
    with without_our_pragma():
        assert is_refused(
            "UPDATE OR REPLACE annotation_round SET state = 'serving' WHERE number = 2"
        )


def test_fixed_columns_when_changed_by_sql_then_the_database_refuses(world: Project) -> None:
    slipped = []
    for model in PROTECTED:
        protection = triggers.protection_of(model)
        fields = protection.fixed
        if protection.is_append_only:
            fields = tuple(field.name for field in model._meta.concrete_fields)
        slipped += changed_columns(model, fields)
    assert slipped == []


@pytest.mark.parametrize(
    ("model", "free"),
    [(EnsembleMember, ()), (Release, ()), (ReleaseItem, ()), (Proposal, ("is_waiting",))],
)
def test_final_rows_when_any_column_is_changed_by_sql_then_the_database_refuses(
    world: Project, model: type[models.Model], free: tuple[str, ...]
) -> None:
    names = tuple(field.name for field in model._meta.concrete_fields)
    assert changed_columns(model, names) == [f"{model._meta.db_table}.{name}" for name in free]


def test_figures_and_decision_of_a_served_round_when_changed_by_sql_then_refused(
    world: Project,
) -> None:
    Round.objects.filter(number=1).update(decided_at=timezone.now(), decision_reason="Good.")
    final = ("metrics", "evaluation_key", "report_key", "decided_at", "decision_reason")
    assert changed_columns(Round, final) == []


def test_closed_round_when_any_column_is_changed_by_sql_then_refused(project: Project) -> None:
    closed = factories.make_round(project, state="cancelled")
    Round.objects.filter(pk=closed.pk).update(decided_at=timezone.now(), decision_reason="No.")
    assert changed_columns(Round, tuple(f.name for f in Round._meta.concrete_fields)) == []


@pytest.mark.parametrize("model", [Round, EnsembleMember, Release])
def test_states_when_moved_by_sql_then_only_along_their_graph(
    project: Project, model: type[models.Model]
) -> None:
    moves = triggers.protection_of(model).moves
    assert set(moves) == set(model.State.values)
    Release.objects.create(project=project, version="1.0.0", selection_key="k")
    of_round = factories.make_round(project, state="planned")
    EnsembleMember.objects.create(round=of_round, network="unet", fold=0)
    found = {}
    for before in moves:
        with transaction.atomic():
            with unguarded():
                model._base_manager.update(state=before)
            statement = f"UPDATE {model._meta.db_table} SET state = %s"
            found[before] = {state for state in moves if not is_refused(statement, state)}
            transaction.set_rollback(True)
    assert found == {state: {state, *after} for state, after in moves.items()}


def test_sealed_looks_when_taken_back_by_sql_then_refused(project: Project) -> None:
    Project.objects.update(sealed_looks=2)
    assert is_refused("UPDATE annotation_project SET sealed_looks = 1")
    assert not is_refused("UPDATE annotation_project SET sealed_looks = 3")


def test_opened_project_when_closed_or_dated_again_by_sql_then_refused(project: Project) -> None:
    assert not is_refused("UPDATE annotation_project SET opened_at = %s", timezone.now())
    Project.objects.update(opened_at=timezone.now())
    assert is_refused("UPDATE annotation_project SET opened_at = NULL")
    assert changed_columns(Project, ("opened_at",)) == []


@pytest.mark.parametrize("change", [{"final": (Final("1 = 1"),)}, {"moves": {"due": ()}}])
def test_table_when_only_its_changes_are_limited_then_it_is_not_free(
    change: dict[str, object],
) -> None:
    assert not Protection("why", keeps_rows=False, **change).is_free


def test_published_release_when_a_file_is_added_by_sql_then_refused(world: Project) -> None:
    item = ReleaseItem.objects.get()
    with pytest.raises(IntegrityError, match="published"), transaction.atomic():
        ReleaseItem.objects.create(
            release=item.release, path="b.png", key="k", sha256="0" * 64, size=1
        )


def test_trigger_when_its_owner_drops_it_then_named_and_migrate_puts_it_back(
    project: Project,
) -> None:
    factories.make_image(project)
    first = next(t for t in triggers.wanted(connection) if t.table == "annotation_patient")
    on = "" if is_lite else " ON annotation_patient"
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE" if not is_lite else "SELECT 1")
        cursor.execute(f"DROP TRIGGER {first.name}{on}")
    with pytest.raises(CommandError, match="1 invariant"):
        call_command("check_invariants", stdout=(out := StringIO()))
    assert first.name in out.getvalue()
    call_command("migrate", verbosity=0)
    assert triggers.missing(connection) == []
    assert is_refused("UPDATE annotation_patient SET split = 'sealed'")
    assert Patient.objects.get().split == "train"
