"""Makes a project with as many images as a hospital: only database rows, no file for each image.

Uses bulk inserts, because a query depends only on the rows and the indexes.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import connection, models
from django.utils import timezone

from annotation import storage
from annotation.models import (
    Image,
    Label,
    Membership,
    Patient,
    Project,
    Proposal,
    Reference,
    Round,
    Split,
    Study,
    User,
    Verdict,
)
from annotation.selectors.labels import READING_LABEL, label_of
from annotation.selectors.reading.worklist import reading_order
from annotation.services.projects import create_project
from mlloop.contract.presets import preset
from mlloop.pixels.masks import encode_probability

SIDE = 2048
_NETWORKS = ("network-a", "network-b", "network-c", "network-d")
_FILMS = 2  # of each patient
_BATCH = 500


@dataclass(frozen=True, slots=True)
class LargeProject:
    """A project with a serving round, and its readers and curator."""

    project: Project
    round: Round
    label: Label
    readers: list[User]
    curator: User


def make_large_project(*, slug: str, images: int, readers: int) -> LargeProject:
    """Make a project of `images` images of 2048x2048, with five proposals for each unsealed one."""
    project = create_project(slug=slug, name=slug, actor=None)
    round_ = serving_round(project)
    label = label_of(project, READING_LABEL)
    draw = random.Random(0)
    numbers = itertools.count()
    for start in range(0, images, _BATCH * _FILMS):
        patients = _insert_patients(project, min(_BATCH, (images - start + 1) // _FILMS), draw)
        rows = _insert_images(project, patients, draw, numbers)
        add_proposals(round_, label, rows, draw)
        _insert(_make_references(label, rows, draw))
    _analyze()
    people = [User(username=f"{slug}-{n}") for n in range(readers + 1)]
    _insert(people)
    roles = [Membership.Role.CURATOR, *[Membership.Role.READER] * readers]
    _insert(
        Membership(project=project, user=person, role=role)
        for person, role in zip(people, roles, strict=True)
    )
    return LargeProject(project, round_, label, people[1:], people[0])


def _insert(rows: Iterable[models.Model]) -> None:
    instances = list(rows)
    if instances:
        type(instances[0])._default_manager.bulk_create(instances, batch_size=_BATCH)


def _insert_patients(project: Project, count: int, draw: random.Random) -> list[Patient]:
    keys = [f"patient-{draw.getrandbits(64):016x}" for _ in range(count)]
    rows = [
        Patient(
            project=project,
            key=key,
            split=Split.SEALED if draw.random() < 0.2 else Split.TRAIN,
            fold=draw.randrange(project.folds),
            reading_order=reading_order(split_seed=project.split_seed, key=key),
        )
        for key in keys
    ]
    _insert(rows)
    return rows


def _insert_images(
    project: Project, patients: list[Patient], draw: random.Random, numbers: itertools.count[int]
) -> list[Image]:
    studies = [Study(patient=patient, day=day) for patient in patients for day in range(_FILMS)]
    _insert(studies)
    groups = [draw.choices(Image.Group.values, (4, 4, 2))[0] for _ in patients]
    rows = [
        _make_image(project, study, groups[i // _FILMS], next(numbers))
        for i, study in enumerate(studies)
    ]
    _insert(rows)
    return rows


def _make_image(project: Project, study: Study, group: str, number: int) -> Image:
    digest = hashlib.sha256(f"{project.slug} {number}".encode()).hexdigest()
    key = f"projects/{project.id}/sha256/{digest[:2]}/{digest}"
    return Image(
        created_at=timezone.now() + timedelta(milliseconds=number),
        project=project,
        study=study,
        patient=study.patient,
        group=group,
        view_position="AP",
        width=SIDE,
        height=SIDE,
        bits=16,
        window_center=32768.0,
        window_width=65536.0,
        pixel_sha256=digest,
        perceptual_hash=digest[:16],
        pixels_key=key,
        preview_key=key,
        thumbnail_key=key,
        file_name=f"{digest[:12]}.png",
        source="phantom",
    )


def serving_round(project: Project) -> Round:
    """Create and return the round that serves a project, without members."""
    return Round.objects.create(
        project=project,
        number=1,
        stage=Round.Stage.LATER,
        state=Round.State.SERVING,
        plan=preset("cpu").to_json(),
        folds=3,
        snapshot_key="",
    )


def add_proposals(round_: Round, label: Label, images: list[Image], draw: random.Random) -> None:
    """Add the proposals of four networks and their ensemble for each image that is not sealed."""
    probability_key = storage.put(round_.project_id, encode_probability(_draw_spots()))
    kinds = [(name, Proposal.Kind.MEAN) for name in _NETWORKS]
    _insert(
        Proposal(
            round=round_,
            image=image,
            label=label,
            network=network,
            kind=kind,
            members=[[network, fold] for fold in range(3)],
            probability_key=probability_key,
            disagreement=draw.random() if kind == Proposal.Kind.ENSEMBLE else None,
            threshold=128,
        )
        for image in images
        if image.patient.split == Split.TRAIN
        for network, kind in [*kinds, ("ensemble", Proposal.Kind.ENSEMBLE)]
    )


def _make_references(label: Label, rows: list[Image], draw: random.Random) -> list[Reference]:
    """Return references for a third of the covid images, as if readers had read them."""
    return [
        Reference(
            project=image.project,
            image=image,
            label=label,
            method=Reference.Method.SINGLE,
            verdict=Verdict.PICKED,
            mask_key=image.pixels_key,
        )
        for image in rows
        if image.group == Image.Group.COVID and draw.random() < 1 / 3
    ]


def _draw_spots() -> npt.NDArray[np.uint8]:
    """Return a p8 map `(128, 128)` with two soft spots, about as large as a typical infection."""
    y, x = np.mgrid[0:128, 0:128]
    left = np.exp(-((x - 38) ** 2 + (y - 80) ** 2) / 300)
    right = np.exp(-((x - 92) ** 2 + (y - 70) ** 2) / 500)
    spots: npt.NDArray[np.float64] = np.maximum(left, right)
    return np.floor(255 * spots + 0.5).astype(np.uint8)


def _analyze() -> None:
    # On a real server, autovacuum does this while the rows arrive.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def serving_query(project: LargeProject) -> tuple[str, tuple[UUID | str, ...]]:
    """Return SQL and parameters of the query that finds the image with the most disagreement."""
    query = (
        Image.objects.filter(proposals__round=project.round, proposals__kind=Proposal.Kind.ENSEMBLE)
        .order_by("-proposals__disagreement")[:1]
        .query.sql_with_params()
    )
    return query[0], tuple(query[1])
