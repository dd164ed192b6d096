"""Real processes at the same time on one database: no case twice, nothing counted double."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import chain
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection

from annotation.models import Annotation, Assignment, Membership, Reference, User
from annotation.selectors.labels import label_of
from annotation.selectors.upkeep.invariants import breaches
from annotation.services.projects import create_project
from annotation.services.reading import submission
from tests.annotation import factories

ROOT = Path(__file__).resolve().parents[4]
PROCESSES = 8
IMAGES = 40

_CHILD = """
import json, os, sys, uuid
import django
from django.conf import settings
django.setup()
settings.DATA_ROOT = sys.argv[1]
settings.DATABASES["default"]["NAME"] = sys.argv[2]
from django.db import connections
connections.databases["default"]["NAME"] = sys.argv[2]
connections["default"].settings_dict["NAME"] = sys.argv[2]
from annotation.models import Project, User
from annotation.selectors.labels import label_of
from annotation.services.reading import next_case, submission
project, reader = Project.objects.get(), User.objects.get(username=sys.argv[3])
label = label_of(project, "infection")
print("ready", flush=True)
sys.stdin.readline()
taken = []
"""

_READ_ALL = (
    _CHILD
    + """
while (case := next_case.lease_next_case(project=project, reader=reader)) is not None:
    taken.append(str(case.image_id))
    submission.submit_annotation(assignment=case, reader=reader, client_id=uuid.uuid4(),
                                 label=label, decision="no_infection")
print(json.dumps(taken))
"""
)

_LEASE_TWO = (
    _CHILD
    + """
from annotation.errors import Conflict
held = []
for is_prefetch in (False, True, False, True):
    try:
        case = next_case.lease_next_case(project=project, reader=reader, is_prefetch=is_prefetch,
                                 exclude=held)
    except Conflict as conflict:
        taken.append(conflict.code)
    else:
        held.append(case.id)
        taken.append("leased")
print(json.dumps(taken))
"""
)

_SUBMIT_SAME = (
    _CHILD
    + """
from annotation.models import Assignment
case = Assignment.objects.get()
result = submission.submit_annotation(assignment=case, reader=reader, label=label,
                                      client_id=uuid.UUID(sys.argv[4]), decision="no_infection")
print(json.dumps([str(result.annotation.id)]))
"""
)


_REOPEN_OR_LEASE = (
    _CHILD
    + """
from annotation.errors import Conflict
from annotation.models import Assignment
from annotation.services.reading import reopening
try:
    if sys.argv[3] == sys.argv[4]:
        reopening.reopen_case(assignment=Assignment.objects.get(purpose="seed"), reader=reader)
        taken.append("reopened")
    elif next_case.lease_next_case(project=project, reader=reader, purpose="pick"):
        taken.append("leased")
except Conflict as conflict:
    taken.append(conflict.code)
print(json.dumps(taken))
"""
)

_REOPEN_AND_SUBMIT = (
    _CHILD
    + """
from annotation.errors import RoundtruthError
from annotation.models import Assignment, Draft
from annotation.services.reading import reopening
for _ in range(3):
    case = Assignment.objects.get(id=sys.argv[4])
    try:
        reopening.reopen_case(assignment=case, reader=reader)
        draft = Draft.objects.get(assignment=case)
        made = submission.submit_annotation(assignment=case, reader=reader, client_id=uuid.uuid4(),
                                 label=label, decision="accept", draft_etag=draft.etag)
    except RoundtruthError as refused:
        assert refused.code in ("already_submitted", "busy"), refused.code
    else:
        taken.append(str(made.annotation.id))
print(json.dumps(taken))
"""
)


def run_at_once(script: str, data_root: Path, readers: list[str], *extra: str) -> list[list[str]]:
    """Start one process a reader, release all at once, and return the output of each."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "annotation.config.settings",
        "ROUNDTRUTH_VAR": str(data_root),
        "PYTHONPATH": str(ROOT),
    }
    name = str(connection.settings_dict["NAME"])
    children = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(data_root), name, reader, *extra],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        for reader in readers
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "ready", child.stderr and child.stderr.read()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    outputs = [child.communicate(timeout=240) for child in children]
    assert [child.returncode for child in children] == [0] * len(children), outputs
    return [json.loads(out.strip().splitlines()[-1]) for out, _ in outputs]


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


@pytest.mark.slow
def test_reading_when_eight_processes_lease_at_once_then_no_case_twice(
    readers: list[str], data_root: Path
) -> None:
    taken = run_at_once(_READ_ALL, data_root, readers)
    counted = Counter(image for images in taken for image in images)
    assert len(counted) == IMAGES
    assert set(counted.values()) == {1}
    assert Annotation.objects.count() == Reference.objects.count() == IMAGES
    assert not Assignment.objects.filter(state="open").exists()


@pytest.mark.slow
def test_leasing_when_one_reader_asks_from_eight_windows_then_at_most_two(
    readers: list[str], data_root: Path
) -> None:
    run_at_once(_LEASE_TWO, data_root, [readers[0]] * PROCESSES)
    held = Assignment.objects.filter(reader__username=readers[0], state="open")
    assert held.count() == 2
    assert held.values("image").distinct().count() == 2


@pytest.mark.slow
def test_submitting_when_the_same_client_id_comes_eight_times_then_one_annotation(
    readers: list[str], data_root: Path
) -> None:
    reader = User.objects.get(username=readers[0])
    image = factories.make_image(reader.memberships.get().project, shape=(40, 48))
    factories.make_assignment(image, reader)
    answers = run_at_once(_SUBMIT_SAME, data_root, [readers[0]] * PROCESSES, str(uuid4()))
    assert len({answer[0] for answer in answers}) == 1
    assert Annotation.objects.count() == Reference.objects.count() == 1


def submitted_seed(reader: User) -> Assignment:
    image = factories.make_image(reader.memberships.get().project, shape=(40, 48), seed=99)
    seed = factories.make_assignment(image, reader)
    label = label_of(seed.project, "infection")
    decided = {"client_id": uuid4(), "label": label, "decision": "no_infection"}
    submission.submit_annotation(assignment=seed, reader=reader, **decided)
    return seed


@pytest.mark.slow
def test_reopening_when_others_lease_the_image_at_once_then_one_reader_holds_it(
    readers: list[str], data_root: Path
) -> None:
    author, *judges = readers
    seed = submitted_seed(User.objects.get(username=author))
    serving = factories.make_round(seed.project)
    factories.make_proposals(serving, seed.image, kind="out_of_fold")
    people = [author, judges[0]] * (PROCESSES // 2)
    said = set(chain(*run_at_once(_REOPEN_OR_LEASE, data_root, people, author)))
    held = Assignment.objects.get(image=seed.image, state__in=Assignment.HELD)
    assert said == ({"reopened"} if held.pk == seed.pk else {"leased", "held"})


@pytest.mark.slow
def test_reopening_when_eight_tabs_submit_anew_then_one_chain(
    readers: list[str], data_root: Path
) -> None:
    seed = submitted_seed(User.objects.get(username=readers[0]))
    made = run_at_once(_REOPEN_AND_SUBMIT, data_root, [readers[0]] * PROCESSES, str(seed.id))
    count = 1 + sum(len(some) for some in made)
    assert count > 1
    assert Annotation.objects.count() == Reference.objects.count() == count
    assert Annotation.objects.filter(supersedes=None).count() == 1
    standing = Annotation.objects.get(superseded_by=None)
    assert Reference.objects.get(superseded_by=None).annotations.get() == standing
    assert list(breaches(seed.project)) == []
