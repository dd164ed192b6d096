"""Which reader gets which case, for how long, and when another reader gets it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from annotation.errors import Conflict, Invalid, LeaseLost
from annotation.models import Assignment, Image, Project, User
from annotation.selectors.labels import label_of
from annotation.selectors.reading import worklist
from annotation.services.reading import drafts, leases, next_case, submission
from annotation.services.reading.candidates import mask_at
from mlloop.pixels.masks import encode_wire_mask
from tests.support import factories

pytestmark = pytest.mark.postgres

Member = Callable[..., User]


@pytest.fixture
def readers(member: Member) -> tuple[User, User]:
    return member("reader", name="ann"), member("reader", name="bob")


def lease(project: Project, reader: User, **options: object) -> Assignment | None:
    return next_case.lease_next_case(project=project, reader=reader, **options)


def must_lease(project: Project, reader: User, **options: object) -> Assignment:
    assignment = lease(project, reader, **options)
    assert assignment is not None
    return assignment


def draw(assignment: Assignment) -> None:
    drafts.save_draft(
        assignment=assignment,
        reader=assignment.reader,
        label=label_of(assignment.project, "infection"),
        png=encode_wire_mask(factories.disc()),
        if_match=None,
        if_none_match="*",
    )


def submit_empty(assignment: Assignment) -> None:
    submission.submit_annotation(
        assignment=assignment,
        reader=assignment.reader,
        client_id=uuid.uuid4(),
        label=label_of(assignment.project, "infection"),
        decision="no_infection",
    )


def test_lease_when_asked_again_then_the_same_case(project: Project, readers) -> None:
    factories.make_image(project)
    factories.make_image(project)
    first = must_lease(project, readers[0])
    assert must_lease(project, readers[0]).id == first.id
    assert must_lease(project, readers[1]).image_id != first.image_id


@pytest.mark.parametrize(("is_prefetch", "minutes"), [(False, 15), (True, 5)])
def test_lease_when_it_lapses_then_another_takes_over(
    project: Project, readers, is_prefetch: bool, minutes: int
) -> None:
    factories.make_image(project)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        held = must_lease(project, readers[0], is_prefetch=is_prefetch)
        clock.shift(timedelta(minutes=minutes, seconds=-1))
        assert lease(project, readers[1]) is None
        clock.shift(timedelta(seconds=2))
        taken = must_lease(project, readers[1])
    assert taken.image_id == held.image_id
    with pytest.raises(LeaseLost):
        draw(held)
    with pytest.raises(LeaseLost):
        submit_empty(held)
    assert held.lost_drafts.count() == 1


def test_lease_when_lapsed_but_not_taken_then_resumed(project: Project, readers) -> None:
    factories.make_image(project)
    held = must_lease(project, readers[0])
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert must_lease(project, readers[0]).id == held.id
        assert lease(project, readers[1]) is None


def test_lease_when_given_while_its_image_was_withdrawn_then_freed(
    project: Project, readers
) -> None:
    gone, other = factories.make_image(project, seed=1), factories.make_image(project, seed=2)
    held = must_lease(project, readers[0])
    draw(held)
    # The withdrawal did not see the lease, because it was given at the same moment.
    Image.objects.filter(pk=held.image_id).update(withdrawn_at=timezone.now())
    following = must_lease(project, readers[0])
    assert following.image_id in {gone.id, other.id} - {held.image_id}
    held.refresh_from_db()
    assert held.state == Assignment.State.RELEASED


def test_lease_when_drawn_then_it_stays_for_days(project: Project, readers) -> None:
    factories.make_image(project)
    draw(must_lease(project, readers[0]))
    with time_machine.travel(timezone.now() + timedelta(days=9)):
        assert lease(project, readers[1]) is None
        assert lease(project, readers[0]) is not None


def test_lease_when_two_are_held_then_a_third_is_refused(project: Project, readers) -> None:
    for _ in range(4):
        factories.make_image(project)
    first = must_lease(project, readers[0])
    second = must_lease(project, readers[0], is_prefetch=True, exclude=[first.id])
    assert (first.is_prefetched, second.is_prefetched) == (False, True)
    for is_prefetch in (False, True):
        with pytest.raises(Conflict, match="two cases already"):
            lease(project, readers[0], is_prefetch=is_prefetch, exclude=[first.id, second.id])
    assert Assignment.objects.count() == 2


def test_prefetch_when_the_first_is_submitted_then_it_becomes_the_current_one(
    project: Project, readers
) -> None:
    for _ in range(3):
        factories.make_image(project)
    first = must_lease(project, readers[0])
    second = must_lease(project, readers[0], is_prefetch=True, exclude=[first.id])
    submit_empty(first)
    # The editor shows the prefetched case at once and only prefetches another.
    third = must_lease(project, readers[0], is_prefetch=True, exclude=[second.id])
    second.refresh_from_db()
    assert (second.is_prefetched, third.is_prefetched) == (False, True)
    assert must_lease(project, readers[0]).id == second.id


def test_saved_for_later_when_something_waits_then_it_comes_last(project: Project, readers) -> None:
    factories.make_image(project)
    factories.make_image(project)
    first = must_lease(project, readers[0])
    leases.update_assignment(assignment=first, reader=readers[0], is_saved_for_later=True, note="?")
    second = must_lease(project, readers[0])
    assert second.id != first.id
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert lease(project, readers[1], exclude=[]) is not None  # second had no draft
        assert must_lease(project, readers[0]).id == first.id


def test_order_then_seed_before_sealed_and_only_covid(project: Project, readers) -> None:
    factories.make_image(project, group="normal")
    factories.make_image(project, group="other")
    sealed = factories.make_image(project, split="sealed")
    withdrawn = factories.make_image(project)
    withdrawn.withdrawn_at = timezone.now()
    withdrawn.save()
    quarantined = factories.make_image(project)
    quarantined.patient.state = "quarantined"
    quarantined.patient.save()
    train = factories.make_image(project)
    for image, purpose in ((train, "seed"), (sealed, "sealed")):
        assignment = must_lease(project, readers[0])
        assert (assignment.image, assignment.purpose) == (image, purpose)
        submit_empty(assignment)
    assert lease(project, readers[0]) is None


def test_seed_when_enough_are_read_or_held_then_no_more(project: Project, readers) -> None:
    project.seed_size = 2
    project.save()
    for _ in range(4):
        factories.make_image(project)
    submit_empty(must_lease(project, readers[0]))
    assert worklist.waiting_counts(project=project, reader=readers[0])["seed"] == 1
    must_lease(project, readers[0])
    assert lease(project, readers[1]) is None


def test_seed_order_then_fixed_by_the_split_seed_and_the_key(project: Project, readers) -> None:
    keys = [f"p{number}" for number in range(6)]
    for key in keys:
        factories.make_image(project, patient=factories.make_patient(project, key))
    read = []
    while (assignment := lease(project, readers[0])) is not None:
        read.append(assignment.image.patient.key)
        submit_empty(assignment)
    order = sorted(keys, key=lambda key: worklist.reading_order(split_seed=0, key=key))
    assert read == order != keys


def test_read_then_the_most_disputed_first_and_only_what_is_proposed(
    project: Project, readers
) -> None:
    serving = factories.make_round(project, stage="stage_2")
    factories.make_image(project)  # no proposal
    images = [factories.make_image(project) for _ in range(3)]
    for image, spread in zip(images, (0.1, 0.3, 0.2), strict=True):
        factories.make_proposal(
            serving, image, network="ensemble", kind="ensemble", disagreement=spread
        )
    read = []
    while (assignment := lease(project, readers[0])) is not None:
        read.append(assignment.image)
        submit_empty(assignment)
    assert read == [images[1], images[2], images[0]]


def test_read_when_the_image_is_held_for_the_seed_then_not_offered(
    project: Project, readers
) -> None:
    image = factories.make_image(project)
    held = must_lease(project, readers[0])
    assert held.purpose == "seed"
    draw(held)
    serving = factories.make_round(project, stage="stage_2")
    factories.make_proposals(serving, image)
    assert lease(project, readers[1]) is None
    assert worklist.waiting_counts(project=project, reader=readers[1])["read"] == 0


def test_read_when_a_seed_lease_has_lapsed_then_offered(project: Project, readers) -> None:
    image = factories.make_image(project)
    must_lease(project, readers[0])
    factories.make_proposals(factories.make_round(project, stage="stage_2"), image)
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert must_lease(project, readers[1]).purpose == "read"


def test_read_when_leased_for_another_purpose_a_moment_before_then_refused(
    project: Project, readers
) -> None:
    """Both lists were made before the first insert: the database refuses the second insert."""
    image = factories.make_image(project)
    factories.make_proposals(factories.make_round(project, stage="stage_2"), image)
    scope = worklist.worklist_scope(project=project, reader=readers[1])
    factories.make_assignment(image, readers[1], purpose="read")
    assert worklist.still_waits(scope, "read", image.id)
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.make_assignment(image, readers[0], purpose="seed")


def test_read_when_somebody_reads_it_doubly_then_still_offered(project: Project, readers) -> None:
    image = factories.make_image(project)
    factories.make_proposals(factories.make_round(project, stage="stage_2"), image)
    factories.make_assignment(image, readers[0], purpose="double")
    assert must_lease(project, readers[1]).image == image


def test_pick_when_there_is_one_reader_then_they_judge_their_own(
    project: Project, member: Member
) -> None:
    alone = member("reader")
    image = factories.make_image(project)
    factories.make_reference(image, reader=alone)
    factories.make_proposals(factories.make_round(project), image, kind="out_of_fold")
    assert must_lease(project, alone).purpose == "pick"


def test_candidates_when_a_new_round_serves_then_the_frozen_ones_stay(
    project: Project, readers
) -> None:
    image = factories.make_image(project)
    old = factories.make_round(project, stage="stage_2")
    factories.make_proposals(old, image)
    held = must_lease(project, readers[0])
    before = [(row.id, mask_at(row).tobytes()) for row in held.candidates.all()]
    old.state = "superseded"
    old.save()
    factories.make_proposal(factories.make_round(project, number=2, stage="later"), image)
    again = must_lease(project, readers[0])
    assert [(row.id, mask_at(row).tobytes()) for row in again.candidates.all()] == before
    assert again.round == old


def test_purpose_when_unknown_then_refused(project: Project, readers) -> None:
    with pytest.raises(Invalid, match="The purposes are pick"):
        lease(project, readers[0], purpose="double")


def test_next_then_the_number_of_queries_is_fixed(
    project: Project, readers, django_assert_max_num_queries
) -> None:
    serving = factories.make_round(project, stage="stage_2")
    for _ in range(12):
        factories.make_proposals(serving, factories.make_image(project))
    with django_assert_max_num_queries(30):
        must_lease(project, readers[0])
    with django_assert_max_num_queries(5):
        must_lease(project, readers[0])
