"""What a killed worker left on disk goes, and what a round may still need stays."""

from __future__ import annotations

import pytest

from annotation.bridge import phases
from annotation.bridge.leftovers import clear_left_folders
from annotation.models import Project, Round
from tests.support.factories import make_round


def killed_round(project: Project, state: str, number: int) -> Round:
    """A round whose worker was killed while a child read stored films and wrote checkpoints."""
    round = make_round(project, state=state, number=number)
    member = phases.work_folder(round) / "unet-0"
    (member / phases.CHECKOUT).mkdir(parents=True)
    (member / phases.CHECKOUT / "film").write_bytes(b"pixels of a patient")
    (member / "checkpoint.safetensors").write_bytes(b"weights")
    return round


def files_of(round: Round) -> list[str]:
    folder = phases.work_folder(round)
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("state", "left"),
    [
        ("training", ["checkpoint.safetensors", "film"]),
        ("cancelled", ["checkpoint.safetensors"]),
        ("failed", ["checkpoint.safetensors"]),
        ("refused", []),
        ("superseded", []),
    ],
)
def test_left_films_when_nobody_works_on_the_round_then_they_go_and_checkpoints_to_resume_stay(
    project: Project, state: str, left: list[str]
) -> None:
    round = killed_round(project, state, 1)
    assert clear_left_folders() == (state != "training")
    assert files_of(round) == left
    assert clear_left_folders() == 0
    assert files_of(round) == left


def test_left_folder_when_the_stopped_round_is_closed_then_it_goes(project: Project) -> None:
    round = killed_round(project, "cancelled", 1)
    Round.objects.filter(pk=round.pk).update(decided_at=round.created_at)
    assert clear_left_folders() == 1
    assert not phases.work_folder(round).exists()


def test_folders_when_they_are_of_no_round_then_other_work_stays_and_unknown_rounds_go(
    project: Project,
) -> None:
    work = phases.work_folder(killed_round(project, "training", 1)).parent
    estimate = work / "estimate-3f2b"
    unknown = work / "8c5a7c2e-0000-4000-8000-000000000000"
    estimate.mkdir()
    unknown.mkdir()
    assert clear_left_folders() == 1
    assert estimate.exists()
    assert not unknown.exists()
