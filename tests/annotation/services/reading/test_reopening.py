"""Reopening a submitted case: as it was, nothing overwritten, nothing counted twice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from annotation.errors import Conflict
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
from annotation.selectors import overview
from annotation.selectors.reading import worklist
from annotation.selectors.reading.cases import case_of
from annotation.selectors.releases.selection import select_for_release
from annotation.selectors.rounds import against_truth, verdicts
from annotation.selectors.upkeep.invariants import breaches
from annotation.services.reading import leases, next_case
from annotation.services.reading.candidates import mask_at
from annotation.services.reading.reopening import reopen_case
from tests.support import factories
from tests.support.reading import (
    FIRST,
    SECOND,
    current_reference,
    draft_mask,
    draw,
    must_lease,
    refusal_code,
    store_mask,
    submit,
)

pytestmark = pytest.mark.postgres

Member = Callable[..., User]


def test_reopen_when_submitted_again_then_both_stay_and_the_new_one_counts(
    case: Assignment,
) -> None:
    draw(case, FIRST)
    first = submit(case, active_seconds=40.0)
    reopened = reopen_case(assignment=case, reader=case.reader)
    assert reopened.state == "reopened"
    np.testing.assert_array_equal(draft_mask(case), FIRST)
    draw(case, SECOND)
    second = submit(case, active_seconds=3.0)
    assert list(Annotation.objects.order_by("created_at")) == [first, second]
    assert second.supersedes == first
    references = list(Reference.objects.order_by("created_at"))
    assert [reference.annotations.get() for reference in references] == [first, second]
    assert references[1].supersedes == references[0]
    assert (first.active_seconds, second.active_seconds) == (40.0, 3.0)
    case.refresh_from_db()
    assert case.state == "submitted"
    events = AuditEvent.objects.filter(verb__in=("submit", "reopen")).order_by("created_at")
    assert [event.verb for event in events] == ["submit", "reopen", "submit"]
    assert events[2].facts["supersedes"] == str(first.id)


def test_reopen_when_a_candidate_was_corrected_then_it_is_the_base_again(case: Assignment) -> None:
    chosen = case.candidates.all()[1]
    mask = mask_at(chosen, threshold=90) | factories.disc(at=(6, 6), radius=3)
    draw(case, mask, candidate=chosen.id, threshold=90)
    submit(case, candidate=chosen.id, threshold=90, note="two lesions", is_flagged=True)
    before = [(row.id, row.letter) for row in case.candidates.all()]
    shown = case_of(reopen_case(assignment=case, reader=case.reader))
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
        shown = case_of(reopen_case(assignment=pick, reader=judge))
        assert shown.assignment.is_blind
        assert shown.ensemble is None
        assert shown.draft is not None
        assert (shown.draft.candidate, shown.draft.threshold) == (chosen, None)
    assert current_reference(pick).method == Reference.Method.PICK


def test_reopen_when_blind_and_no_infection_then_no_candidate_tells_which_was_drawn(
    project: Project, member: Member
) -> None:
    author, judge = member("reader", name="author"), member("reader", name="judge")
    image = factories.make_image(project)
    nothing = np.zeros((image.height, image.width), np.bool_)
    factories.make_reference(image, nothing, reader=author, verdict="no_infection")
    factories.make_proposals(factories.make_round(project), image, kind="out_of_fold")
    pick = must_lease(project, judge)
    shown = []
    for chosen in pick.candidates.all():  # one of them is the manual mask
        submit(pick, candidate=chosen.id, decision="no_infection")
        draft = case_of(reopen_case(assignment=pick, reader=judge)).draft
        shown.append(draft.candidate if draft else None)
    assert len(shown) > 1
    assert set(shown) == {None}


def test_reopen_when_no_infection_was_decided_then_empty_and_the_drawing_is_kept(
    case: Assignment,
) -> None:
    draw(case, FIRST)
    submit(case, decision="no_infection")
    reopen_case(assignment=case, reader=case.reader)
    assert not draft_mask(case).any()
    assert [row.mask_key for row in case.lost_drafts.all()] == [store_mask(case, FIRST)]


def test_reopen_when_excluded_then_its_drawing_is_there_and_it_can_be_read(
    case: Assignment,
) -> None:
    draw(case, FIRST)
    submit(case, decision="exclude", exclusion_reason="poor_quality")
    reopen_case(assignment=case, reader=case.reader)
    np.testing.assert_array_equal(draft_mask(case), FIRST)
    assert submit(case).verdict == Verdict.REDRAWN
    assert current_reference(case).mask_key


def test_reopen_when_picked_without_a_drawing_then_the_mask_is_one(case: Assignment) -> None:
    chosen = case.candidates.all()[0]
    submit(case, candidate=chosen.id)
    reopen_case(assignment=case, reader=case.reader)
    np.testing.assert_array_equal(draft_mask(case), mask_at(chosen))


def test_reopened_when_opened_in_a_second_tab_then_it_goes_on(case: Assignment) -> None:
    draw(case, FIRST)
    submit(case)
    reopen_case(assignment=case, reader=case.reader)
    draw(case, SECOND)
    reopen_case(assignment=case, reader=case.reader)
    np.testing.assert_array_equal(draft_mask(case), SECOND)
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
    reopen_case(assignment=done, reader=reader)
    assert must_lease(project, reader).id == current.id
    with pytest.raises(Conflict, match="two cases already"):
        must_lease(project, reader, exclude=[current.id, ahead.id])
    submit(done, decision="no_infection", draft_etag=Draft.objects.get(assignment=done).etag)
    assert must_lease(project, reader).id == current.id


def test_reopened_when_to_be_saved_for_later_or_given_back_then_not(case: Assignment) -> None:
    draw(case, FIRST)
    submit(case)
    reopen_case(assignment=case, reader=case.reader)
    with pytest.raises(Conflict, match="cannot be saved for later"):
        leases.update_assignment(assignment=case, reader=case.reader, is_saved_for_later=True)
    leases.give_back_case(assignment=case, reader=case.reader)
    case.refresh_from_db()
    assert case.state == "reopened"
    noted = leases.update_assignment(assignment=case, reader=case.reader, note="look again")
    assert noted.note == "look again"


def test_double_read_when_submitted_again_then_it_has_no_reference(
    project: Project, reader: User, member: Member
) -> None:
    image = factories.make_image(project)
    factories.make_assignment(image, member("reader", name="other"), purpose="read")
    double = factories.make_assignment(image, reader, purpose="double")
    draw(double, FIRST)
    first = submit(double)
    reopen_case(assignment=double, reader=reader)
    assert submit(double).supersedes == first
    assert not Reference.objects.exists()
    Assignment.objects.filter(purpose="read").update(state="submitted")
    factories.make_assignment(image, member("adjudicator"), purpose="adjudicate")
    assert refusal_code(double) == "held"


def test_counts_when_a_case_has_two_annotations_then_it_is_counted_once(case: Assignment) -> None:
    chosen = case.candidates.all()[0]
    submit(case, candidate=chosen.id)
    reopen_case(assignment=case, reader=case.reader)
    position = case_of(case).position
    draw(case, SECOND)
    submit(case)
    project = case.project
    assert Annotation.objects.count() == Reference.objects.count() == 2
    (row,) = overview.verdict_rows(project, with_sealed=False)
    assert (row.name, row.count, row.changed) == ("Redrawn", 1, int(SECOND.sum()))
    assert verdicts.verdict_history(project) == {1: {"redrawn": 1}}
    hashes = against_truth.images_read_in_rounds(project)
    assert against_truth.changed_pixels(project, hashes) == int(SECOND.sum())
    assert {figure.name: figure.value for figure in overview.headline_figures(project)}[
        "reference masks"
    ] == 1
    assert select_for_release(project)["references"] == [str(current_reference(case).id)]
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
    reopen_case(assignment=first, reader=reader)
    scope = worklist.worklist_scope(project=project, reader=reader)
    assert worklist.waiting_count(scope, "seed") == 1
    submit(must_lease(project, reader), decision="no_infection")
    assert next_case.lease_next_case(project=project, reader=reader) is None
    submit(first, decision="no_infection")
    assert list(breaches(project)) == []
