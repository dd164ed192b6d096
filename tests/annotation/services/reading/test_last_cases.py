"""Which of a reader's last cases may be reopened: the newest that no other reading used since."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotation.errors import Conflict
from annotation.models import Annotation, Assignment, Project, User
from annotation.selectors.reading.last_cases import last_case, last_cases
from annotation.services.reading import next_case
from annotation.services.reading.reopening import leave_unchanged, reopen_case
from tests.support import factories
from tests.support.reading import (
    FIRST,
    SECOND,
    current_reference,
    draw,
    must_lease,
    refusal_code,
    submit,
)

Member = Callable[..., User]


def test_reopen_when_somebody_judged_it_since_then_refused(
    project: Project, reader: User, member: Member
) -> None:
    seed, other = seed_and_judge(project, reader, member)
    pick = must_lease(project, other)
    assert refusal_code(seed) == "held"
    submit(pick, candidate=pick.candidates.all()[0].id)
    assert refusal_code(seed) == "superseded"
    assert current_reference(seed).annotations.get().reader == other


def test_reopened_seed_when_somebody_asks_then_not_offered_to_judge(
    project: Project, reader: User, member: Member
) -> None:
    seed, other = seed_and_judge(project, reader, member)
    reopen_case(assignment=seed, reader=reader)
    assert next_case.lease_next_case(project=project, reader=other) is None
    draw(seed, SECOND)
    submit(seed)
    pick = must_lease(project, other)
    manual = pick.candidates.get(annotation__isnull=False)
    assert manual.annotation == Annotation.objects.get(superseded_by=None, assignment=seed)


def seed_and_judge(project: Project, reader: User, member: Member) -> tuple[Assignment, User]:
    """A seed that `reader` drew and for which a round has proposals, and the second reader."""
    image = factories.make_image(project)
    seed = must_lease(project, reader)
    draw(seed, FIRST)
    submit(seed)
    factories.make_proposals(factories.make_round(project), image, kind="out_of_fold")
    return seed, member("reader", name="judge")


def test_last_cases_when_the_author_judges_alone_then_the_seed_is_not_shown(
    project: Project, reader: User
) -> None:
    image = factories.make_image(project)
    seed = must_lease(project, reader)
    draw(seed, FIRST)
    submit(seed)
    assert [row.is_shown for row in last_cases(project=project, reader=reader)] == [True]
    factories.make_proposals(factories.make_round(project), image, kind="out_of_fold")
    pick = must_lease(project, reader)
    assert [row.is_shown for row in last_cases(project=project, reader=reader)] == [False]
    submit(pick, candidate=pick.candidates.all()[0].id)
    shown = [(row.assignment, row.is_shown) for row in last_cases(project=project, reader=reader)]
    assert shown == [(pick, True), (seed, False)]


@pytest.mark.parametrize("purpose", ["double", "adjudicate"])
def test_reopen_when_a_second_reading_used_it_then_refused(
    case: Assignment, member: Member, purpose: str
) -> None:
    draw(case, FIRST)
    submit(case)
    second = factories.make_assignment(
        case.image, member("reader", name="second"), purpose=purpose, of_round=case.round
    )
    if purpose == "double":  # the second reader sees nothing of the first, so it may still change
        leave_unchanged(
            assignment=reopen_case(assignment=case, reader=case.reader), reader=case.reader
        )
    submit(second, decision="no_infection")
    assert refusal_code(case) == "compared"


def test_last_cases_then_the_ten_newest_and_older_ones_are_refused(
    project: Project, reader: User, django_assert_max_num_queries: Callable[..., object]
) -> None:
    done = []
    for seed in range(12):
        factories.make_image(project, seed=seed)
        done.append(must_lease(project, reader))
        submit(done[-1], decision="no_infection")
    with django_assert_max_num_queries(5):
        listed = [row.assignment for row in last_cases(project=project, reader=reader)]
    assert listed == done[:1:-1]
    assert refusal_code(done[1]) == "not_recent"
    reopen_case(assignment=done[2], reader=reader)
    assert last_cases(project=project, reader=reader)[0].assignment == done[2]
    assert refusal_code(done[5]) == "another_reopened"
    leave_unchanged(assignment=done[2], reader=reader)
    assert last_case(done[5]) is not None


def test_reopen_when_open_still_then_there_is_nothing_to_reopen(case: Assignment) -> None:
    with pytest.raises(Conflict, match="Only the last 10 cases"):
        reopen_case(assignment=case, reader=case.reader)
