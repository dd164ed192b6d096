"""Closing a reopened case: the former submission counts, and a changed mask is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
import time_machine
from django.utils import timezone

from annotation.errors import Conflict, Invalid
from annotation.models import Annotation, Assignment, AuditEvent, Reference, User
from annotation.selectors.reading.last_cases import reopened_case_id
from annotation.services.reading import next_case, reassigning
from annotation.services.reading.reopening import leave_unchanged, reopen_case
from annotation.services.upkeep import withdrawal
from annotation.tasks import dispatch_due
from tests.support.reading import (
    FIRST,
    SECOND,
    current_reference,
    draft_mask,
    draw,
    refusal_code,
    store_mask,
    submit,
)

Member = Callable[..., User]


def test_leave_when_half_changed_then_nothing_changed_and_the_mask_is_kept(
    case: Assignment,
) -> None:
    draw(case, FIRST)
    first = submit(case)
    reopen_case(assignment=case, reader=case.reader)
    draw(case, SECOND)
    leave_unchanged(assignment=case, reader=case.reader)
    leave_unchanged(assignment=case, reader=case.reader)
    case.refresh_from_db()
    assert case.state == "submitted"
    assert Annotation.objects.get() == first
    assert current_reference(case).annotations.get() == first
    assert [row.mask_key for row in case.lost_drafts.all()] == [store_mask(case, SECOND)]
    put_back = AuditEvent.objects.get(verb="put_back")
    assert (put_back.actor, put_back.facts) == (case.reader, {"changed_mask": True})
    with pytest.raises(Conflict, match="closed again with what you had submitted before"):
        submit(case)
    reopen_case(assignment=case, reader=case.reader)
    np.testing.assert_array_equal(draft_mask(case), FIRST)
    submit(case)
    with pytest.raises(Conflict, match="already been submitted"):
        submit(case)


@pytest.mark.parametrize("by", ["next", "sweep"])
def test_reopened_when_its_lease_lapses_then_it_is_closed(
    case: Assignment, member: Member, by: str
) -> None:
    other = member("reader", name="bob")
    draw(case, FIRST)
    first = submit(case)
    reopen_case(assignment=case, reader=case.reader)
    with time_machine.travel(timezone.now() + timedelta(minutes=14)):
        assert next_case.lease_next_case(project=case.project, reader=other) is None
        case.refresh_from_db()
        assert case.state == "reopened"
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        if by == "next":
            assert next_case.lease_next_case(project=case.project, reader=other) is None
        else:
            dispatch_due([], Counter())
    case.refresh_from_db()
    assert case.state == "submitted"
    assert Annotation.objects.get() == first
    assert current_reference(case).annotations.get() == first
    assert case.lost_drafts.count() == 0
    assert AuditEvent.objects.get(verb="put_back").actor is None
    with pytest.raises(
        Conflict, match="closed again with what you had submitted before"
    ) as refused:
        submit(case)
    assert refused.value.code == "put_back"


def test_reopened_when_the_mask_was_changed_then_it_stays_open_until_a_curator_closes_it(
    case: Assignment, member: Member
) -> None:
    other, curator = member("reader", name="bob"), member("curator", name="cleo")
    draw(case, FIRST)
    first = submit(case)
    reopen_case(assignment=case, reader=case.reader)
    draw(case, SECOND)
    with time_machine.travel(timezone.now() + timedelta(hours=9)):
        assert next_case.lease_next_case(project=case.project, reader=other) is None
        dispatch_due([], Counter())
    case.refresh_from_db()
    assert case.state == "reopened"
    with pytest.raises(Invalid, match="cannot be given to somebody else"):
        reassigning.reassign_case(assignment=case, to=other, actor=curator)
    assert reassigning.reassign_case(assignment=case, to=None, actor=curator) is None
    case.refresh_from_db()
    assert case.state == "submitted"
    assert current_reference(case).annotations.get() == first
    assert case.lost_drafts.count() == 1
    assert AuditEvent.objects.get(verb="put_back").actor == curator


def test_reopened_when_changed_and_another_decision_counts_then_it_is_closed(
    case: Assignment,
) -> None:
    draw(case, FIRST)
    submit(case)
    reopen_case(assignment=case, reader=case.reader)
    draw(case, SECOND)
    assert reopened_case_id(project=case.project, reader=case.reader) == str(case.id)
    current = current_reference(case)
    Reference.objects.create(
        project=case.project,
        image=case.image,
        label=current.label,
        method=Reference.Method.ADJUDICATED,
        verdict=current.verdict,
        mask_key=current.mask_key,
        supersedes=current,
    )
    assert reopened_case_id(project=case.project, reader=case.reader) is None
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        dispatch_due([], Counter())
    case.refresh_from_db()
    assert case.state == "submitted"
    assert case.lost_drafts.count() == 1


def test_reopen_when_its_image_was_withdrawn_then_refused_and_closed(case: Assignment) -> None:
    draw(case, FIRST)
    first = submit(case)
    reopen_case(assignment=case, reader=case.reader)
    withdrawal.erase_image(image=case.image, actor=None, reason="asked for")
    case.refresh_from_db()
    assert case.state == "submitted"
    assert Annotation.objects.get() == first
    assert refusal_code(case) == "withdrawn"
