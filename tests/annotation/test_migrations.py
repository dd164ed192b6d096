"""Migrations that change rows, run on rows."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from io import StringIO
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps

from annotation.models import (
    Annotation,
    Assignment,
    AuditEvent,
    Candidate,
    Membership,
    Project,
    Round,
    User,
)
from annotation.selectors.labels import label_of
from annotation.selectors.rounds.sealed import shown_metrics
from annotation.services import audit
from annotation.services.projects import create_project
from annotation.services.tokens import use_token
from tests.support import factories

pytestmark = pytest.mark.postgres
APP = "annotation"
FAR = datetime(2999, 1, 1, tzinfo=UTC)


def migrate(name: str) -> None:
    call_command("migrate", "annotation", name, verbosity=0)


def migrate_to_today() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([node for node in executor.loader.graph.leaf_nodes() if node[0] == APP])


def add_columns_of_today() -> None:
    """Let today's models write accounts, projects and audit rows into an old schema."""
    with connection.cursor() as cursor, connection.schema_editor() as editor:
        for model in (User, Project, AuditEvent):
            table = connection.introspection.get_table_description(cursor, model._meta.db_table)
            old = {column.name for column in table}
            for field in model._meta.local_fields:
                if field.column not in old:
                    editor.add_field(model, field)


@pytest.fixture
def before_reopening(transactional_db: None) -> None:
    migrate("0014_round_report")
    add_columns_of_today()


def test_reopened_cases_when_an_image_was_held_twice_then_who_drew_keeps_it(
    before_reopening: None,
) -> None:
    project = create_project(slug="pilot", name="Pilot", actor=None)
    readers = [User.objects.create(username=name) for name in ("ann", "bob", "eve")]
    image = factories.make_image(project)
    first = factories.make_assignment(image, readers[0], purpose="seed")
    drawn = factories.make_assignment(image, readers[1], purpose="read", has_draft=True)
    double = factories.make_assignment(image, readers[2], purpose="double")
    migrate("0015_reopened_cases")
    states = {row.pk: row.state for row in Assignment.objects.all()}
    assert states == {first.pk: "released", drawn.pk: "open", double.pk: "open"}


def test_reopened_cases_when_migrated_there_and_back_then_annotations_stay_append_only(
    before_reopening: None,
) -> None:
    migrate("0015_reopened_cases")
    project = create_project(slug="pilot", name="Pilot", actor=None)
    factories.make_reference(factories.make_image(project))
    for name in ("0014_round_report", "0015_reopened_cases"):
        migrate(name)
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("DELETE FROM annotation_annotation")
    assert Annotation.objects.count() == 1


@pytest.fixture
def before_phases(transactional_db: None) -> None:
    migrate("0015_reopened_cases")


def old_figure(convention: str, **more: int) -> dict[str, object]:
    return {
        "name": "dice",
        "convention": convention,
        "value": 0.5,
        "n": 22,
        "n_both_empty": 1,
        "ci_low": None,
        "ci_high": None,
        **more,
    }


def old_dice(**more: int) -> dict[str, object]:
    return {convention: old_figure(convention, **more) for convention in ("per_image", "pooled")}


PLANNED = {
    "references": 9,
    "controls": 8,
    "patients": 10,
    "positive_patients": 4,
    "propose_on": 27,
}
RELIABILITY = {
    "ece": 0.1,
    "n_pixels": 9,
    "bins": [{"n": 9, "probability": 0.5, "infected": 0.4}],
}
CALIBRATION = {
    "plan_sha256": "a" * 64,
    "n_images": 9,
    "n_infected": 9,
    "parts": [420, 420],
    "temperature": 1.0,
    "table": [0, 1, 255],
    "before": RELIABILITY,
    "after": RELIABILITY,
    "thresholds": [
        {"network": "ensemble", "t8": 91, "plan_t8": 128, "dice": 0.5, "plan_dice": None}
    ],
}
CHECK = {
    "name": "all sealed images",
    "metric": "dice",
    "n": 22,
    "difference": 0.1,
    "ci_low": 0.0,
    "ci_high": 0.2,
    "holds": True,
}
GATE = {"outcome": "passed", "sentence": "Not worse.", "margin": 0.05, "compared_with": 1}
AUC = {
    "name": "auc",
    "convention": "image",
    "rule": "score",
    "value": None,
    "n": 8,
    "n_positive": 8,
    "ci_low": None,
    "ci_high": None,
}
CLASSIFIER = {"auc": AUC, "auc_by_source": [{"source": "a", "auc": AUC, "warning": ""}]}
SECONDS = {"proposing": 9.4, "training": 106.9, "evaluating": 8.0, "total": 118.8}
# What each version of the code wrote, from the first to the last one without a version.
OLD_FIGURES: dict[str, dict[str, object]] = {
    "no key at all": {},
    "planned by the first version": {"train": PLANNED},
    "measured by the first version": {
        "train": PLANNED,
        "seconds": SECONDS,
        "sealed": old_dice(),
        "proposals": {"ensemble": old_dice()},
        "leaks": 0,
    },
    "before images without infection were judged as whole": {
        "train": PLANNED | {"lung_masks": 3},
        "seconds": SECONDS,
        "calibration": CALIBRATION | {"notes": [], "crossed": []},
        "sealed": old_dice(),
        "proposals": {},
        "lung": {"ensemble": old_dice()},
        "leaks": 2,
        "gate": GATE | {"checks": [CHECK]},
    },
    "proposed, with a classifier": {
        "train": PLANNED | {"lung_masks": 3, "warm_members": 6},
        "seconds": {"proposing": 9.4},
        "calibration": CALIBRATION | {"notes": ["Too few."], "crossed": []},
        "activation": {"gradcam": CLASSIFIER},
    },
    "the last version without a number": {
        "train": PLANNED | {"lung_masks": 3, "warm_members": 0},
        "seconds": SECONDS,
        "calibration": CALIBRATION
        | {
            "notes": [],
            "crossed": [{"fold": 0, "parts": [840], "temperature": 1.5, "t8s": [91, 90]}],
        },
        "activation": {
            "gradcam": CLASSIFIER
            | {
                "threshold": "best pooled Dice on the other folds (1 of 255)",
                **old_dice(n_empty=2),
                "pixels": [old_figure("pooled")],
            }
        },
        "sealed": old_dice(n_empty=2),
        "proposals": {"ensemble": old_dice(n_empty=0)},
        "lung": {},
        "leaks": 0,
        "gate": GATE
        | {
            "compared_with": None,
            "checks": [
                CHECK | {"convention": "image_level", "margin": 0.2, "ci_low": None, "holds": None}
            ],
        },
    },
}


def old_round(state: str, metrics: object, *members: str) -> UUID:
    """Make a round, with members in these states, by the models before the migration."""
    old = MigrationExecutor(connection).loader.project_state(("annotation", "0015_reopened_cases"))
    models = old.apps
    project = models.get_model("annotation", "Project").objects.create(
        slug=f"p{uuid4().hex[:8]}", name="Old"
    )
    round = models.get_model("annotation", "Round").objects.create(
        project=project,
        number=1,
        stage="stage_1",
        state=state,
        plan={},
        folds=3,
        snapshot_key="k",
        metrics=metrics,
    )
    for fold, member_state in enumerate(members):
        models.get_model("annotation", "EnsembleMember").objects.create(
            round=round, network="unet", fold=fold, state=member_state
        )
    pk: UUID = round.pk
    return pk


def test_round_phase_when_figures_are_of_any_version_then_they_are_read_and_shown_as_before(
    before_phases: None,
) -> None:
    made = {old_round("serving", old): old for old in OLD_FIGURES.values()}
    migrate("0016_round_phase")
    add_columns_of_today()
    for pk, old in made.items():
        round = Round.objects.get(pk=pk)
        assert round.metrics == {"schema": 1, **old}
        assert round.figures.to_json() == {"schema": 1, **old}
        shown = shown_metrics(round)
        assert shown.pop("sealed_looks", 0) == 0
        if "sealed" in old:  # its films may differ from another round's by one: nothing is shown
            assert shown["sealed"]["pooled"]["value"] is None
            assert shown.get("gate", {}).get("checks", []) == []
            shown |= {name: old[name] for name in ("sealed", "gate") if name in old}
        assert shown == old
    migrate("0015_reopened_cases")
    apps = (
        MigrationExecutor(connection)
        .loader.project_state(("annotation", "0015_reopened_cases"))
        .apps
    )
    rows = apps.get_model("annotation", "Round").objects.all()
    assert {row.pk: row.metrics for row in rows} == made


@pytest.mark.parametrize(
    ("state", "metrics", "members", "phase"),
    [
        ("planned", {}, ["due"], "training"),
        ("training", {}, ["running"], "training"),
        ("proposing", {}, ["done"], "proposing"),
        ("evaluating", {"seconds": {"proposing": 1.0}}, ["done"], "evaluating"),
        ("awaiting_decision", {}, ["done"], "deciding"),
        ("refused", {}, ["done"], "deciding"),
        ("cancelled", {}, ["done", "cancelled"], "training"),
        ("failed", {"train": PLANNED}, ["done", "done"], "proposing"),
        ("cancelled", {"seconds": {"proposing": 1.0}}, ["done"], "evaluating"),
    ],
)
def test_round_phase_when_migrated_then_it_is_what_the_old_code_went_on_with(
    before_phases: None, state: str, metrics: object, members: list[str], phase: str
) -> None:
    pk = old_round(state, metrics, *members)
    migrate("0016_round_phase")
    assert Round.objects.get(pk=pk).phase == phase


@pytest.fixture
def before_open_projects(transactional_db: None) -> StateApps:
    migrate("0016_round_phase")
    state = MigrationExecutor(connection).loader.project_state(("annotation", "0016_round_phase"))
    return state.apps


def test_open_projects_when_somebody_reads_and_sees_then_open_since_they_do(
    before_open_projects: StateApps,
) -> None:
    users = before_open_projects.get_model("annotation", "User").objects
    memberships = before_open_projects.get_model("annotation", "Membership").objects
    ann, robot = (users.create(username=name, password="!unusable") for name in ("ann", "robot"))
    days = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3)]
    for slug, user, roles in (
        ("mixed", ann, ("reader", "viewer", "curator")),
        ("clean", ann, ("reader", "adjudicator")),
        ("robots", robot, ("reader", "engineer")),
    ):
        project = before_open_projects.get_model("annotation", "Project").objects.create(
            slug=slug, name=slug
        )
        for role, day in zip(roles, days, strict=False):
            memberships.create(project=project, user=user, role=role, created_at=day)
    migrate_to_today()
    opened = dict(Project.objects.order_by("slug").values_list("slug", "opened_at"))
    assert opened == {"clean": None, "mixed": days[1], "robots": None}
    left = Membership.objects.filter(project__slug="robots").values_list("role", flat=True)
    assert list(left) == ["reader"]
    assert Membership.objects.filter(project__slug="mixed").count() == 3


def test_account_marks_when_migrated_then_demo_accounts_are_marked_and_tokens_still_work(
    transactional_db: None,
) -> None:
    migrate("0018_sealed_opening")
    state = MigrationExecutor(connection).loader.project_state(
        ("annotation", "0018_sealed_opening")
    )
    users = state.apps.get_model("annotation", "User").objects
    users.create(username="reader", email="real@person.example", first_name="Demo reader")
    users.create(username="made-by-demo", email="x@DEMO.invalid")
    ann = users.create(username="ann", email="ann@example.org", password="hash")
    state.apps.get_model("annotation", "ApiToken").objects.create(
        user=ann, name="x", sha256=sha256(b"rt_text").hexdigest(), expires_at=FAR
    )
    migrate_to_today()
    marked = User.objects.filter(is_demo=True).values_list("username", flat=True)
    assert set(marked) == {"reader", "made-by-demo"}
    token = use_token("rt_text")
    assert token is not None
    assert token.user.username == "ann"


def test_audit_chain_when_rows_are_older_than_the_chain_then_they_are_chained_in_their_order(
    transactional_db: None,
) -> None:
    migrate("0019_account_marks")
    old = MigrationExecutor(connection).loader.project_state(("annotation", "0019_account_marks"))
    events = old.apps.get_model("annotation", "AuditEvent").objects
    project = old.apps.get_model("annotation", "Project").objects.create(slug="pilot", name="Old")
    for number in range(3):
        for project_id in (project.pk, None):
            events.create(project_id=project_id, verb="submit", target=number, facts={"n": 1.0})
    call_command("migrate", verbosity=0)
    call_command("verify_audit", stdout=StringIO())
    for project_id in (project.pk, None):
        chain = AuditEvent.objects.filter(project_id=project_id).order_by("sequence")
        assert [row.target for row in chain] == ["0", "1", "2"]
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.update(verb="forged")
    audit.record(project=None, actor=None, verb="sign_in")
    call_command("verify_audit", stdout=StringIO())


def test_old_picks_when_nothing_is_drawn_then_released_and_everything_else_stays(
    transactional_db: None,
) -> None:
    migrate("0023_shared_cache")
    project = create_project(slug="pilot", name="Pilot", actor=None)
    serving = factories.make_round(project)
    cases = {
        "old": ("pick", {}, {}),
        "saved for later": ("pick", {"is_saved_for_later": True}, {}),
        "drawn": ("pick", {"has_draft": True}, {}),
        "submitted": ("pick", {"state": "submitted"}, {}),
        "reopened": ("pick", {"state": "reopened"}, {}),
        "of today": ("pick", {}, {"area": 0.5}),
        "open read": ("read", {}, {}),
        "sealed": ("sealed", {}, None),
    }
    made = {}
    for name, (purpose, fields, features) in cases.items():
        image = factories.make_image(project)
        reader = User.objects.create(username=name)
        made[name] = factories.make_assignment(image, reader, purpose=purpose, **fields)
        if features is not None:
            Candidate.objects.create(
                assignment=made[name],
                label=label_of(project, "infection"),
                position=0,
                proposal=factories.make_proposal(serving, image),
                mask_key="x",
                features=features,
            )
    migrate_to_today()
    left = {name: Assignment.objects.get(pk=row.pk) for name, row in made.items()}
    changed = {name for name, row in left.items() if row.state != made[name].state}
    assert changed == {"old", "saved for later"}
    for name in changed:
        assert (left[name].state, left[name].closed_at is None) == ("released", False)
    assert Candidate.objects.filter(assignment=made["old"]).exists()
