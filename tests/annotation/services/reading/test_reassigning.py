"""A curator reassigns a case: never a pick to the mask's author, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotation.errors import Conflict, Invalid
from annotation.models import Assignment, AuditEvent, Membership, Project, User
from annotation.services.reading import leases, next_case
from annotation.services.reading.reassigning import reassign_case
from tests.support import factories

Member = Callable[..., User]
Readers = tuple[User, User]


@pytest.fixture
def readers(member: Member) -> Readers:
    return member("reader", name="ann"), member("reader", name="bob")


def must_lease(project: Project, reader: User) -> Assignment:
    assignment = next_case.lease_next_case(project=project, reader=reader)
    assert assignment is not None
    return assignment


@pytest.fixture
def pick(project: Project, readers: Readers) -> Assignment:
    """A pick of ann's mask, held by bob."""
    image = factories.make_image(project)
    factories.make_reference(image, reader=readers[0])
    factories.make_proposals(factories.make_round(project), image, kind="out_of_fold")
    held = must_lease(project, readers[1])
    assert held.purpose == "pick"
    return held


def test_reassign_when_a_pick_then_never_to_the_author_of_the_manual_mask(
    pick: Assignment, readers: Readers, member: Member
) -> None:
    curator = member("curator")
    with pytest.raises(Invalid, match="ann drew the manual mask of this case, so another reader"):
        reassign_case(assignment=pick, to=readers[0], actor=curator)
    pick.refresh_from_db()
    assert (pick.state, pick.reader) == ("open", readers[1])
    other = member("adjudicator", name="eve")
    given = reassign_case(assignment=pick, to=other, actor=curator)
    assert given is not None
    assert must_lease(pick.project, other).id == given.id


def test_reassign_when_the_author_is_the_only_reader_then_they_judge_it(
    pick: Assignment, readers: Readers, member: Member
) -> None:
    Membership.objects.filter(user=readers[1]).delete()
    given = reassign_case(assignment=pick, to=readers[0], actor=member("curator"))
    assert given is not None
    assert given.reader == readers[0]


def test_reassign_then_the_second_reader_sees_nothing_of_the_first(
    project: Project, readers: Readers, member: Member
) -> None:
    factories.make_image(project)
    held = must_lease(project, readers[0])
    leases.update_assignment(
        assignment=held, reader=readers[0], note="Is this a shadow?", is_flagged=True
    )
    given = reassign_case(assignment=held, to=readers[1], actor=member("curator"))
    assert given is not None
    shown = must_lease(project, readers[1])
    assert (shown.id, shown.note, shown.is_flagged) == (given.id, "", False)
    event = AuditEvent.objects.get(verb="reassign")
    assert (event.facts["flagged"], event.facts["has_note"]) == (True, True)


def test_reassign_when_another_curator_was_first_says_so(
    project: Project, readers: Readers, member: Member
) -> None:
    factories.make_image(project)
    held = must_lease(project, readers[0])
    reassign_case(assignment=held, to=None, actor=member("curator"))
    with pytest.raises(Conflict, match="not open any more"):
        reassign_case(assignment=held, to=None, actor=member("curator", name="second"))


def test_reassign_when_blind_then_note_and_flag_stay_with_the_first_reader(
    pick: Assignment, readers: Readers, member: Member
) -> None:
    leases.update_assignment(
        assignment=pick, reader=readers[1], note="B looks drawn by hand", is_flagged=True
    )
    other = member("reader", name="eve")
    reassign_case(assignment=pick, to=other, actor=member("curator"))
    shown = must_lease(pick.project, other)
    assert (shown.note, shown.is_flagged) == ("", False)
    pick.refresh_from_db()
    assert (pick.state, pick.note, pick.is_flagged) == ("released", "B looks drawn by hand", True)
