"""Counts for the home page, a project's overview and its side navigation."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum

from annotation.models import (
    Annotation,
    Image,
    Project,
    Reference,
    Release,
    Round,
    Split,
    Verdict,
)
from annotation.permissions import ROLES, Permission, Person, projects_of
from annotation.selectors.labels import READING_LABEL
from annotation.selectors.rounds.records import stage_name


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """One project on the home page."""

    project: Project
    roles: list[str]
    images: int
    references: int
    may_read: bool


def home_rows(user: Person) -> list[ProjectRow]:
    """Return the projects of `user` with their roles and counts; four queries in all."""
    projects = list(projects_of(user).order_by("name")[:200])
    roles: dict[UUID, list[str]] = {project.id: [] for project in projects}
    for project_id, role in (
        user.memberships.values_list("project_id", "role").order_by("role")
        if user.is_authenticated
        else ()
    ):
        roles[project_id].append(role)
    images = _count_by_project(Image.objects.filter(project__in=projects, withdrawn_at=None))
    references = _count_by_project(_current_references().filter(project__in=projects))
    return [
        ProjectRow(
            project=project,
            roles=roles[project.id],
            images=images.get(project.id, 0),
            references=references.get(project.id, 0),
            may_read=bool(set(roles[project.id]) & ROLES[Permission.READ_CASES]),
        )
        for project in projects
    ]


def _current_references() -> QuerySet[Reference]:
    """Return the current references of the label that readers draw, without lung masks."""
    return Reference.objects.filter(label__key=READING_LABEL, superseded_by=None)


def _count_by_project(rows) -> dict[UUID, int]:  # type: ignore[no-untyped-def]
    counted = rows.values_list("project_id").annotate(n=Count("id"))
    return dict(counted)


def nav_counts(*, project: Project) -> dict[str, int | str]:
    """Return the small figures of the side navigation, by the keys of its items."""
    release = Release.objects.filter(project=project, state="frozen").order_by("-frozen_at").first()
    return {
        "images": Image.objects.filter(project=project, withdrawn_at=None).count(),
        "rounds": Round.objects.filter(project=project).count(),
        "releases": release.version if release else "",
    }


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure on the overview, with its name."""

    name: str
    value: int | str


def headline_figures(project: Project) -> list[Figure]:
    """Return the figures at the top of a project's overview."""
    images = Image.objects.filter(project=project, withdrawn_at=None).aggregate(
        n=Count("id"),
        patients=Count("patient_id", distinct=True),
        sealed=Count("id", filter=Q(patient__split="sealed")),
    )
    current = _current_references().filter(project=project)
    serving = Round.objects.filter(project=project, state=Round.State.SERVING).first()
    return [
        Figure("images", images["n"]),
        Figure("patients", images["patients"]),
        Figure("sealed images, read without proposals", images["sealed"]),
        Figure("reference masks", current.exclude(verdict=Verdict.EXCLUDED).count()),
        Figure("excluded", current.filter(verdict=Verdict.EXCLUDED).count()),
        Figure("serving round", serving.number if serving else "none yet"),
    ]


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """How often readers gave a verdict, and how many pixels they changed in all."""

    name: str
    count: int
    changed: int


def verdict_rows(project: Project, *, with_sealed: bool) -> list[VerdictRow]:
    """Return the counts of the readers' verdicts; a case counts once, with its current verdict.

    Imported masks do not count. Without sealed images, two looks at the sums cannot tell the size
    of a sealed reference that was read in between.
    """
    counted = Annotation.objects.filter(project=project, reader__isnull=False, superseded_by=None)
    if not with_sealed:
        counted = counted.exclude(image__patient__split=Split.SEALED)
    rows = counted.values("verdict").annotate(
        n=Count("id"), changed=Sum(F("added_pixels") + F("removed_pixels"))
    )
    by_verdict = {row["verdict"]: row for row in rows}
    return [
        VerdictRow(name=verdict.label, count=row["n"], changed=row["changed"] or 0)
        for verdict in Verdict
        if (row := by_verdict.get(verdict.value))
    ]


def stage_sentence(project: Project) -> str:
    """Return one sentence that says which stage of the loop the project has reached."""
    serving = Round.objects.filter(project=project, state=Round.State.SERVING).first()
    if serving is None:
        seeds = _current_references().filter(project=project, image__patient__split="train")
        done = seeds.count()
        return f"Seed reads: {done} of {project.seed_size} masks drawn by hand."
    is_blind = serving.stage == Round.Stage.STAGE_1
    task = "pick the best mask, blind" if is_blind else "pick, correct or redraw"
    return f"Round {serving.number} ({stage_name(serving)}) is serving: readers {task}."
