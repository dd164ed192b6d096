"""Real processes at once on the database in use: no case twice, nothing counted double."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from annotation.errors import Conflict, RoundtruthError
from annotation.models import (
    Annotation,
    Assignment,
    Draft,
    Membership,
    Project,
    Reference,
    User,
)
from annotation.selectors.labels import label_of
from annotation.selectors.upkeep.invariants import breaches
from annotation.services.projects import create_project
from annotation.services.reading import next_case, reopening, submission
from tests.support import factories
from tests.support.racing import call_at_once

pytestmark = pytest.mark.postgres  # the engines lock differently

PROCESSES = 8
IMAGES = 40


def submit_empty(case: Assignment, client_id: UUID | None = None) -> Annotation:
    return submission.submit_annotation(
        assignment=case,
        reader=case.reader,
        client_id=client_id or uuid4(),
        label=label_of(case.project, "infection"),
        decision="no_infection",
    ).annotation


# ---- what one process does ------------------------------------------------------------------


def read_all(username: str) -> list[str]:
    """Read every case that this reader gets; return the images."""
    project, reader = Project.objects.get(), User.objects.get(username=username)
    images = []
    while (case := next_case.lease_next_case(project=project, reader=reader)) is not None:
        images.append(str(case.image_id))
        submit_empty(case)
    return images


def lease_four_times(username: str) -> None:
    project, reader = Project.objects.get(), User.objects.get(username=username)
    held = []
    for is_prefetch in (False, True, False, True):
        try:
            case = next_case.lease_next_case(
                project=project, reader=reader, is_prefetch=is_prefetch, exclude=held
            )
        except Conflict:
            continue
        held.append(case.id)


def submit_same(client_id: str) -> str:
    return str(submit_empty(Assignment.objects.get(), UUID(client_id)).id)


def reopen_or_lease(username: str, author: str) -> list[str]:
    """Reopen the seed as its author, or lease its image as somebody who judges it."""
    project, reader = Project.objects.get(), User.objects.get(username=username)
    try:
        if username == author:
            reopening.reopen_case(assignment=Assignment.objects.get(purpose="seed"), reader=reader)
            return ["reopened"]
        return (
            ["leased"]
            if next_case.lease_next_case(project=project, reader=reader, purpose="pick")
            else []
        )
    except Conflict as conflict:
        return [conflict.code]


def reopen_and_submit(case_id: str) -> list[str]:
    """Reopen a case and submit it again, three times; return each annotation id or error code."""
    made = []
    for _ in range(3):
        case = Assignment.objects.get(id=case_id)
        try:
            reopening.reopen_case(assignment=case, reader=case.reader)
            draft = Draft.objects.get(assignment=case)
            annotation = submission.submit_annotation(
                assignment=case,
                reader=case.reader,
                client_id=uuid4(),
                label=label_of(case.project, "infection"),
                decision="accept",
                draft_etag=draft.etag,
            ).annotation
        except RoundtruthError as refused:
            made.append(refused.code)
        else:
            made.append(str(annotation.id))
    return made


# ---- what all of them leave -----------------------------------------------------------------


@pytest.fixture
def readers(transactional_db: None) -> list[str]:
    project = create_project(slug="race", name="Race", actor=None)
    names = [f"reader-{number}" for number in range(PROCESSES)]
    for name in names:
        user = User.objects.create(username=name)
        Membership.objects.create(project=project, user=user, role="reader")
    for number in range(IMAGES):
        factories.make_image(project, shape=(40, 48), seed=number)
    return names


def test_reading_when_eight_processes_lease_at_once_then_no_case_twice(
    readers: list[str], data_root: Path
) -> None:
    taken = call_at_once(read_all, [(name,) for name in readers], data_root)
    counted = Counter(image for images in taken for image in images)
    assert len(counted) == IMAGES
    assert set(counted.values()) == {1}
    assert Annotation.objects.count() == Reference.objects.count() == IMAGES
    assert not Assignment.objects.filter(state="open").exists()


def test_leasing_when_one_reader_asks_from_eight_windows_then_at_most_two(
    readers: list[str], data_root: Path
) -> None:
    call_at_once(lease_four_times, [(readers[0],)] * PROCESSES, data_root)
    held = Assignment.objects.filter(reader__username=readers[0], state="open")
    assert held.count() == 2
    assert held.values("image").distinct().count() == 2


def test_submitting_when_the_same_client_id_comes_eight_times_then_one_annotation(
    readers: list[str], data_root: Path
) -> None:
    reader = User.objects.get(username=readers[0])
    image = factories.make_image(reader.memberships.get().project, shape=(40, 48))
    factories.make_assignment(image, reader)
    made = call_at_once(submit_same, [(str(uuid4()),)] * PROCESSES, data_root)
    assert len(set(made)) == 1
    assert Annotation.objects.count() == Reference.objects.count() == 1


def submitted_seed(reader: User) -> Assignment:
    image = factories.make_image(reader.memberships.get().project, shape=(40, 48), seed=99)
    seed = factories.make_assignment(image, reader)
    submit_empty(seed)
    return seed


def test_reopening_when_others_lease_the_image_at_once_then_one_reader_holds_it(
    readers: list[str], data_root: Path
) -> None:
    author, *judges = readers
    seed = submitted_seed(User.objects.get(username=author))
    serving = factories.make_round(seed.project)
    factories.make_proposals(serving, seed.image, kind="out_of_fold")
    people = [(author, author), (judges[0], author)] * (PROCESSES // 2)
    said = set(chain(*call_at_once(reopen_or_lease, people, data_root)))
    held = Assignment.objects.get(image=seed.image, state__in=Assignment.HELD)
    assert said == ({"reopened"} if held.pk == seed.pk else {"leased", "held"})


def test_reopening_when_eight_tabs_submit_again_then_one_chain(
    readers: list[str], data_root: Path
) -> None:
    seed = submitted_seed(User.objects.get(username=readers[0]))
    made = call_at_once(reopen_and_submit, [(str(seed.id),)] * PROCESSES, data_root)
    said = Counter(chain(*made))
    refused = sum(said.pop(code, 0) for code in ("already_submitted", "busy", "reopened"))
    assert len(said) + refused == 3 * PROCESSES, said
    count = 1 + Annotation.objects.filter(pk__in=said).count()
    assert count == 1 + len(said) > 1
    assert Annotation.objects.count() == Reference.objects.count() == count
    assert Annotation.objects.filter(supersedes=None).count() == 1
    current = Annotation.objects.get(superseded_by=None)
    assert Reference.objects.get(superseded_by=None).annotations.get() == current
    assert list(breaches(seed.project)) == []
