"""Taking up a submitted case again: as it was, nothing overwritten, nothing counted twice."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
import time_machine
from django.utils import timezone

from annotation import storage
from annotation.errors import Conflict, Invalid
from annotation.models import (
    Annotation,
    Assignment,
    AuditEvent,
    Draft,
    Project,
    Reference,
    User,
    Verdict,
)
from annotation.selectors import overview, rounds, simulated, worklist
from annotation.selectors.cases import case_of
from annotation.selectors.invariants import breaches
from annotation.selectors.labels import label_of
from annotation.selectors.last_cases import last_case, last_cases, reopened_case
from annotation.selectors.release_selection import select_for_release
from annotation.services import drafts, leases, reassigning, submission, withdrawal
from annotation.services.candidates import mask_at
from annotation.services.reopening import leave, reopen
from annotation.tasks import dispatch_due
from mlloop.masks import decode_mask, encode_mask, encode_wire_mask
from tests.annotation import factories

Member = Callable[..., User]
FIRST, SECOND = factories.disc(radius=9), factories.disc(radius=5)


@pytest.fixture
def reader(member: Member) -> User:
    return member("reader", name="ann")


@pytest.fixture
def case(project: Project, reader: User) -> Assignment:
    """A stage II read with three candidates."""
    serving = factories.make_round(project, stage="stage_2")
    factories.make_proposals(serving, factories.make_image(project))
    return must_lease(project, reader)


def must_lease(project: Project, reader: User, **options: object) -> Assignment:
    assignment = leases.lease_next(project=project, reader=reader, **options)
    assert assignment is not None
    return assignment


def draw(case: Assignment, mask: factories.Mask, **basis: object) -> str:
    label = label_of(case.project, "infection")
    draft = Draft.objects.filter(assignment=case, label=label).first()
    return drafts.save_draft(
        assignment=case,
        reader=case.reader,
        label=label,
        png=encode_wire_mask(mask),
        if_match=draft.etag if draft else None,
        if_none_match=None if draft else "*",
        **basis,
    ).etag


def submit(case: Assignment, **given: object) -> Annotation:
    label = label_of(case.project, "infection")
    draft = Draft.objects.filter(assignment=case, label=label).first()
    decided = {"decision": "accept", "draft_etag": draft.etag if draft else None} | given
    return submission.submit(
        assignment=case, reader=case.reader, client_id=uuid.uuid4(), label=label, **decided
    )


def drawn(case: Assignment) -> factories.Mask:
    return decode_mask(storage.read(Draft.objects.get(assignment=case).mask_key))


def head(case: Assignment) -> Reference:
    return Reference.objects.get(image=case.image, superseded_by=None)


def refused(case: Assignment) -> str:
    with pytest.raises(Conflict) as refusal:
        reopen(assignment=case, reader=case.reader)
    case.refresh_from_db()
    assert case.state == "submitted"
    return refusal.value.code


def test_reopen_when_submitted_anew_then_both_stay_and_the_new_one_counts(case: Assignment) -> None:
    draw(case, FIRST)
    first = submit(case, active_seconds=40.0)
    reopened = reopen(assignment=case, reader=case.reader)
    assert reopened.state == "reopened"
    np.testing.assert_array_equal(drawn(case), FIRST)
    draw(case, SECOND)
    second = submit(case, active_seconds=3.0)
    assert list(Annotation.objects.order_by("created_at")) == [first, second]
    assert second.supersedes == first
    references = list(Reference.objects.order_by("created_at"))
    assert [one.annotations.get() for one in references] == [first, second]
    assert references[1].supersedes == references[0]
    assert (first.active_seconds, second.active_seconds) == (40.0, 3.0)
    case.refresh_from_db()
    assert case.state == "submitted"
    told = AuditEvent.objects.filter(verb__in=("submit", "reopen")).order_by("created_at")
    assert [event.verb for event in told] == ["submit", "reopen", "submit"]
    assert told[2].facts["supersedes"] == str(first.id)


def test_reopen_when_a_candidate_was_corrected_then_it_is_the_base_again(case: Assignment) -> None:
    chosen = case.candidates.all()[1]
    mask = mask_at(chosen, threshold=90) | factories.disc(at=(6, 6), radius=3)
    draw(case, mask, candidate=chosen.id, threshold=90)
    submit(case, candidate=chosen.id, threshold=90, note="two lesions", is_flagged=True)
    before = [(row.id, row.letter) for row in case.candidates.all()]
    shown = case_of(reopen(assignment=case, reader=case.reader))
    assert [(row.id, row.letter) for row in shown.candidates] == before
    assert shown.draft is not None
    assert (shown.draft.candidate, shown.draft.threshold) == (chosen, 90)
    assert (shown.assignment.note, shown.assignment.is_flagged) == ("two lesions", True)
    assert shown.times_submitted == 1
    again = submit(case, candidate=chosen.id, threshold=90)
    assert again.verdict == Verdict.CORRECTED


def test_reopen_when_blind_then_as_blind_as_before(project: Project, member: Member) -> None:
    author, judge = member("reader", name="author"), member("reader", name="judge")
    image = factories.make_image(project)
    factories.make_reference(image, reader=author)
    factories.make_proposals(factories.make_round(project), image, kind="out_of_fold")
    pick = must_lease(project, judge)
    for chosen in pick.candidates.all():  # one of them is the manual mask
        draw(pick, mask_at(chosen), candidate=chosen.id)
        submit(pick, candidate=chosen.id)
        shown = case_of(reopen(assignment=pick, reader=judge))
        assert shown.assignment.is_blind
        assert shown.ensemble is None
        assert shown.draft is not None
        assert (shown.draft.candidate, shown.draft.threshold) == (chosen, None)
    assert head(pick).method == Reference.Method.PICK


def test_reopen_when_no_infection_was_said_then_empty_and_the_drawing_is_kept(
    case: Assignment,
) -> None:
    draw(case, FIRST)
    submit(case, decision="no_infection")
    reopen(assignment=case, reader=case.reader)
    assert not drawn(case).any()
    assert [row.mask_key for row in case.lost_drafts.all()] == [storage_key(case, FIRST)]


def storage_key(case: Assignment, mask: factories.Mask) -> str:
    return storage.put(case.project_id, encode_mask(mask))


def test_reopen_when_excluded_then_its_drawing_is_there_and_it_can_be_read(
    case: Assignment,
) -> None:
    draw(case, FIRST)
    submit(case, decision="exclude", exclusion_reason="poor_quality")
    reopen(assignment=case, reader=case.reader)
    np.testing.assert_array_equal(drawn(case), FIRST)
    assert submit(case).verdict == Verdict.REDRAWN
    assert head(case).mask_key


def test_reopen_when_picked_without_a_drawing_then_the_mask_is_one(case: Assignment) -> None:
    chosen = case.candidates.all()[0]
    submit(case, candidate=chosen.id)
    reopen(assignment=case, reader=case.reader)
    np.testing.assert_array_equal(drawn(case), mask_at(chosen))


def test_leave_when_half_changed_then_nothing_changed_and_the_mask_is_kept(
    case: Assignment,
) -> None:
    draw(case, FIRST)
    first = submit(case)
    reopen(assignment=case, reader=case.reader)
    draw(case, SECOND)
    leave(assignment=case, reader=case.reader)
    leave(assignment=case, reader=case.reader)
    case.refresh_from_db()
    assert case.state == "submitted"
    assert Annotation.objects.get() == first
    assert head(case).annotations.get() == first
    assert [row.mask_key for row in case.lost_drafts.all()] == [storage_key(case, SECOND)]
    put_back = AuditEvent.objects.get(verb="put_back")
    assert (put_back.actor, put_back.facts) == (case.reader, {"changed_mask": True})
    with pytest.raises(Conflict, match="went back to what you had submitted"):
        submit(case)
    reopen(assignment=case, reader=case.reader)
    np.testing.assert_array_equal(drawn(case), FIRST)
    submit(case)
    with pytest.raises(Conflict, match="already been submitted"):
        submit(case)


@pytest.mark.parametrize("by", ["next", "sweep"])
def test_reopened_when_nobody_touches_it_then_it_goes_back_by_itself(
    case: Assignment, member: Member, by: str
) -> None:
    other = member("reader", name="bob")
    draw(case, FIRST)
    first = submit(case)
    reopen(assignment=case, reader=case.reader)
    with time_machine.travel(timezone.now() + timedelta(minutes=14)):
        assert leases.lease_next(project=case.project, reader=other) is None
        case.refresh_from_db()
        assert case.state == "reopened"
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        if by == "next":
            assert leases.lease_next(project=case.project, reader=other) is None
        else:
            dispatch_due([], Counter())
    case.refresh_from_db()
    assert case.state == "submitted"
    assert Annotation.objects.get() == first
    assert head(case).annotations.get() == first
    assert case.lost_drafts.count() == 0
    assert AuditEvent.objects.get(verb="put_back").actor is None
    with pytest.raises(Conflict, match="went back to what you had submitted") as refused:
        submit(case)
    assert refused.value.code == "put_back"


def test_reopened_when_the_mask_was_changed_then_it_stays_until_a_curator_puts_it_back(
    case: Assignment, member: Member
) -> None:
    other, curator = member("reader", name="bob"), member("curator", name="cleo")
    draw(case, FIRST)
    first = submit(case)
    reopen(assignment=case, reader=case.reader)
    draw(case, SECOND)
    with time_machine.travel(timezone.now() + timedelta(hours=9)):
        assert leases.lease_next(project=case.project, reader=other) is None
        dispatch_due([], Counter())
    case.refresh_from_db()
    assert case.state == "reopened"
    with pytest.raises(Invalid, match="not given to somebody else"):
        reassigning.reassign(assignment=case, to=other, actor=curator)
    assert reassigning.reassign(assignment=case, to=None, actor=curator) is None
    case.refresh_from_db()
    assert case.state == "submitted"
    assert head(case).annotations.get() == first
    assert case.lost_drafts.count() == 1
    assert AuditEvent.objects.get(verb="put_back").actor == curator


def test_reopened_when_changed_and_another_decision_counts_then_it_goes_back(
    case: Assignment,
) -> None:
    draw(case, FIRST)
    submit(case)
    reopen(assignment=case, reader=case.reader)
    draw(case, SECOND)
    assert reopened_case(project=case.project, reader=case.reader) == str(case.id)
    current = head(case)
    Reference.objects.create(
        project=case.project,
        image=case.image,
        label=current.label,
        method=Reference.Method.ADJUDICATED,
        verdict=current.verdict,
        mask_key=current.mask_key,
        supersedes=current,
    )
    assert reopened_case(project=case.project, reader=case.reader) is None
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        dispatch_due([], Counter())
    case.refresh_from_db()
    assert case.state == "submitted"
    assert case.lost_drafts.count() == 1


def test_reopened_when_opened_in_a_second_tab_then_it_goes_on(case: Assignment) -> None:
    draw(case, FIRST)
    submit(case)
    reopen(assignment=case, reader=case.reader)
    draw(case, SECOND)
    reopen(assignment=case, reader=case.reader)
    np.testing.assert_array_equal(drawn(case), SECOND)
    assert AuditEvent.objects.filter(verb="reopen").count() == 1


def test_reopen_when_two_leases_are_held_then_it_is_neither(project: Project, reader: User) -> None:
    factories.make_round(project, stage="stage_2")
    serving = project.rounds.get()
    for seed in range(4):
        factories.make_proposals(serving, factories.make_image(project, seed=seed))
    done = must_lease(project, reader)
    draw(done, FIRST)
    submit(done)
    current = must_lease(project, reader)
    ahead = must_lease(project, reader, is_prefetch=True, exclude=[current.id])
    reopen(assignment=done, reader=reader)
    assert must_lease(project, reader).id == current.id
    with pytest.raises(Conflict, match="two cases already"):
        must_lease(project, reader, exclude=[current.id, ahead.id])
    submit(done, decision="no_infection", draft_etag=Draft.objects.get(assignment=done).etag)
    assert must_lease(project, reader).id == current.id


def test_reopened_when_to_be_saved_for_later_or_given_back_then_not(case: Assignment) -> None:
    draw(case, FIRST)
    submit(case)
    reopen(assignment=case, reader=case.reader)
    with pytest.raises(Conflict, match="not saved for later"):
        leases.annotate_lease(assignment=case, reader=case.reader, is_saved_for_later=True)
    leases.give_back(assignment=case, reader=case.reader)
    case.refresh_from_db()
    assert case.state == "reopened"
    noted = leases.annotate_lease(assignment=case, reader=case.reader, note="look again")
    assert noted.note == "look again"


def test_reopen_when_its_image_was_withdrawn_then_refused_and_put_back(case: Assignment) -> None:
    draw(case, FIRST)
    first = submit(case)
    reopen(assignment=case, reader=case.reader)
    withdrawal.erase_image(image=case.image, actor=None, reason="asked for")
    case.refresh_from_db()
    assert case.state == "submitted"
    assert Annotation.objects.get() == first
    assert refused(case) == "withdrawn"


def test_reopen_when_somebody_judged_it_since_then_refused(
    project: Project, reader: User, member: Member
) -> None:
    seed, other = seed_and_judge(project, reader, member)
    pick = must_lease(project, other)
    assert refused(seed) == "held"
    submit(pick, candidate=pick.candidates.all()[0].id)
    assert refused(seed) == "superseded"
    assert head(seed).annotations.get().reader == other


def test_reopened_seed_when_somebody_asks_then_not_offered_to_judge(
    project: Project, reader: User, member: Member
) -> None:
    seed, other = seed_and_judge(project, reader, member)
    reopen(assignment=seed, reader=reader)
    assert leases.lease_next(project=project, reader=other) is None
    draw(seed, SECOND)
    submit(seed)
    pick = must_lease(project, other)
    manual = pick.candidates.get(annotation__isnull=False)
    assert manual.annotation == Annotation.objects.get(superseded_by=None, assignment=seed)


def seed_and_judge(project: Project, reader: User, member: Member) -> tuple[Assignment, User]:
    """A seed that `reader` drew and a round proposed against, and the one who is to judge it."""
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
    if purpose == "double":  # the second reader sees nothing of the first, so it may change yet
        leave(assignment=reopen(assignment=case, reader=case.reader), reader=case.reader)
    submit(second, decision="no_infection")
    assert refused(case) == "compared"


def test_double_read_when_submitted_anew_then_it_has_no_reference(
    project: Project, reader: User, member: Member
) -> None:
    image = factories.make_image(project)
    factories.make_assignment(image, member("reader", name="other"), purpose="read")
    double = factories.make_assignment(image, reader, purpose="double")
    draw(double, FIRST)
    first = submit(double)
    reopen(assignment=double, reader=reader)
    assert submit(double).supersedes == first
    assert not Reference.objects.exists()
    Assignment.objects.filter(purpose="read").update(state="submitted")
    factories.make_assignment(image, member("adjudicator"), purpose="adjudicate")
    assert refused(double) == "held"


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
    assert refused(done[1]) == "not_recent"
    reopen(assignment=done[2], reader=reader)
    assert last_cases(project=project, reader=reader)[0].assignment == done[2]
    assert refused(done[5]) == "another_reopened"
    leave(assignment=done[2], reader=reader)
    assert last_case(done[5]) is not None


def test_reopen_when_open_still_then_there_is_nothing_to_reopen(case: Assignment) -> None:
    with pytest.raises(Conflict, match="Only the last 10 cases"):
        reopen(assignment=case, reader=case.reader)


def test_counts_when_a_case_has_two_annotations_then_it_is_counted_once(case: Assignment) -> None:
    chosen = case.candidates.all()[0]
    submit(case, candidate=chosen.id)
    reopen(assignment=case, reader=case.reader)
    position = case_of(case).position
    draw(case, SECOND)
    submit(case)
    project = case.project
    assert Annotation.objects.count() == Reference.objects.count() == 2
    (row,) = overview.verdict_rows(project)
    assert (row.name, row.count, row.changed) == ("Redrawn", 1, int(SECOND.sum()))
    assert rounds.verdict_history(project) == {1: {"redrawn": 1}}
    hashes = simulated.images_read_in_rounds(project)
    assert simulated.changed_pixels(project, hashes) == int(SECOND.sum())
    assert {figure.name: figure.value for figure in overview.figures(project)}[
        "reference masks"
    ] == 1
    assert select_for_release(project)["references"] == [str(head(case).id)]
    assert (position.n, position.of) == (1, 1)
    factories.make_proposals(project.rounds.get(), factories.make_image(project))
    following = case_of(must_lease(project, case.reader)).position
    assert (following.n, following.of) == (2, 2)


def test_seeds_to_draw_when_one_is_open_again_then_it_is_counted_once(
    project: Project, reader: User
) -> None:
    project.seed_size = 2
    project.save()
    for seed in range(3):
        factories.make_image(project, seed=seed)
    first = must_lease(project, reader)
    submit(first, decision="no_infection")
    reopen(assignment=first, reader=reader)
    desk = worklist.desk_of(project=project, reader=reader)
    assert worklist.waiting_count(desk, "seed") == 1
    submit(must_lease(project, reader), decision="no_infection")
    assert leases.lease_next(project=project, reader=reader) is None
    submit(first, decision="no_infection")
    assert list(breaches(project)) == []
