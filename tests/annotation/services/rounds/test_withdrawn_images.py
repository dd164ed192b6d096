"""A patient withdrawn or erased while a round runs is in none of its figures and maps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from django.db import connection, connections, transaction

from annotation import storage
from annotation.bridge import loop
from annotation.models import Image, Project, Proposal, Round
from annotation.selectors.labels import label_of
from annotation.services.projects import create_project
from annotation.services.rounds import claiming, proposals
from annotation.services.rounds.planning import plan_round
from annotation.services.rounds.proposals import ProposedImage, ProposedMask
from annotation.services.upkeep.withdrawal import erase_patient, withdraw_image
from mlloop.contract.manifest import EvaluateManifest, Manifest, ProposeManifest, write_manifest
from mlloop.pixels.masks import encode_probability
from tests.support.factories import disc, make_reference, make_round
from tests.support.learning import (
    CLASSIFIER,
    fake_learner,
    fill_project,
    plan_with_lung,
    read_sealed,
)

KEY = CLASSIFIER.key


@pytest.fixture
def cohort(project: Project) -> dict[str, list[Image]]:
    made = fill_project(project)
    read_sealed(project)
    for image in made["read"]:
        make_reference(image, disc(radius=25), label="lung")
    return made


@pytest.fixture
def round(project: Project, cohort: dict[str, list[Image]]) -> Round:
    """A planned round of six references, with a lung network and a classifier."""
    plan = plan_with_lung()
    return plan_round(
        project=project, actor=None, plan=replace(plan, networks=(*plan.networks, CLASSIFIER))
    )


def finish_without(image: Image, round: Round, *, is_erased: bool, at: type[Manifest]) -> Round:
    """Run the round, and withdraw the image when the manifest of that kind is handed over."""

    def write(path: Path, manifest: Manifest) -> str:
        if isinstance(manifest, at):
            if is_erased:
                erase_patient(patient=image.patient, actor=None, reason="consent")
            else:
                withdraw_image(image=image, actor=None, reason="consent")
        return write_manifest(path, manifest)

    return loop.run_until_decision(round, learner=replace(fake_learner(), write=write))


@pytest.mark.parametrize("is_erased", [False, True])
def test_round_when_a_film_goes_after_it_was_proposed_on_then_it_is_measured_without_it(
    round: Round, cohort: dict[str, list[Image]], is_erased: bool
) -> None:
    gone = cohort["read"][0]
    done = finish_without(gone, round, is_erased=is_erased, at=EvaluateManifest)
    assert done.state == Round.State.AWAITING_DECISION, done.failure
    assert Proposal.objects.filter(round=done, image=gone).exists()
    figures = [
        *done.figures.proposals.values(),
        done.figures.lung["ensemble"],
        done.figures.activation[KEY],
    ]
    assert [figure.pooled.n for figure in figures] == [5, 5, 5, 5]


@pytest.mark.parametrize("is_erased", [False, True])
def test_round_when_a_film_goes_while_its_child_proposes_then_no_map_of_it_is_kept(
    round: Round, cohort: dict[str, list[Image]], is_erased: bool
) -> None:
    gone = cohort["read"][0]
    done = finish_without(gone, round, is_erased=is_erased, at=ProposeManifest)
    assert done.state == Round.State.AWAITING_DECISION, done.failure
    assert not Proposal.objects.filter(round=done, image=gone).exists()
    assert done.proposals.values("image").distinct().count() == 7
    assert done.figures.activation[KEY].auc.n == 7


def test_proposals_when_the_film_was_withdrawn_then_neither_row_nor_file_is_made(
    project: Project, cohort: dict[str, list[Image]]
) -> None:
    gone, kept = cohort["unread"]
    withdraw_image(image=gone, actor=None, reason="consent")
    row = make_round(project, number=1, state="proposing")
    claim = claiming.claim_round(row.pk, Round.State.PROPOSING)
    assert claim
    maps = {
        image.pk: encode_probability(np.full((8, 8), 9 * i, np.uint8))
        for i, image in enumerate((gone, kept), 1)
    }
    images = [
        ProposedImage(pk, (ProposedMask("ensemble", "ensemble", (), png, 128),), 0.1, png)
        for pk, png in maps.items()
    ]
    label = label_of(project, "infection")
    for _ in range(2):
        proposals.record_proposals(claim, row, {"infection": label.id}, images)
    assert list(row.proposals.values_list("image_id", flat=True)) == [kept.pk]
    keys = {pk: storage.key_of(project.id, sha256(png).hexdigest()) for pk, png in maps.items()}
    assert storage.is_stored(keys[kept.pk])
    assert not storage.is_stored(keys[gone.pk])


@pytest.mark.postgres
@pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite lets one transaction write at a time"
)
def test_proposals_when_a_withdrawal_is_not_yet_committed_then_they_wait_for_it(
    transactional_db: None,
) -> None:
    project = create_project(slug="race", name="Race", actor=None)
    gone, kept = fill_project(project)["unread"]
    row = make_round(project, number=1, state="proposing")
    claim = claiming.claim_round(row.pk, Round.State.PROPOSING)
    assert claim
    png = encode_probability(np.full((8, 8), 9, np.uint8))
    images = [
        ProposedImage(image.pk, (ProposedMask("ensemble", "ensemble", (), png, 128),), 0.1, png)
        for image in (gone, kept)
    ]
    label = label_of(project, "infection")

    def record() -> None:
        try:
            proposals.record_proposals(claim, row, {"infection": label.id}, images)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            withdraw_image(image=gone, actor=None, reason="consent")
            recorded = pool.submit(record)
            assert not wait([recorded], timeout=1.0).done
        recorded.result(timeout=30)
    assert list(row.proposals.values_list("image_id", flat=True)) == [kept.pk]
