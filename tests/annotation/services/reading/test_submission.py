"""The masks decide the verdict, the chain grows by one, and no mask is lost."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from annotation import storage
from annotation.errors import Conflict, DraftMoved, Invalid, NotFound, StaleDraft
from annotation.models import (
    Annotation,
    Assignment,
    Label,
    LostDraft,
    Project,
    Reference,
    User,
)
from annotation.selectors.labels import label_of
from annotation.selectors.reading.lost_drafts import lost_draft
from annotation.services.reading import drafts, lost_drafts, next_case, submission
from annotation.services.reading.candidates import mask_at
from annotation.services.reading.edits import derive_edit
from mlloop.figures.metrics import count_pixels, dice
from mlloop.pixels.masks import decode_mask, decode_probability, encode_wire_mask
from mlloop.pixels.raster import threshold_mask
from tests.support import factories

pytestmark = pytest.mark.postgres

Member = Callable[..., User]
masks = arrays(np.bool_, (6, 7))
slow_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture
def label(project: Project) -> Label:
    return label_of(project, "infection")


@pytest.fixture
def case(project: Project, member: Member) -> Assignment:
    """A stage II read with three candidates."""
    factories.make_proposals(
        factories.make_round(project, stage="stage_2"), factories.make_image(project)
    )
    assignment = next_case.lease_next_case(project=project, reader=member("reader"))
    assert assignment is not None
    return assignment


def save(case: Assignment, mask: factories.Mask, if_match: str | None = None) -> str:
    return drafts.save_draft(
        assignment=case,
        reader=case.reader,
        label=label_of(case.project, "infection"),
        png=encode_wire_mask(mask),
        if_match=if_match,
        if_none_match=None if if_match else "*",
    ).etag


def submit(case: Assignment, **options: object) -> Annotation:
    defaults: dict[str, object] = {"client_id": uuid.uuid4(), "decision": "accept"}
    return submission.submit_annotation(
        assignment=case,
        reader=case.reader,
        label=label_of(case.project, "infection"),
        **(defaults | options),
    ).annotation


def test_accept_when_untouched_then_picked_at_the_threshold_seen(case: Assignment) -> None:
    candidate = case.candidates.all()[1]
    row = submit(case, candidate=candidate.id, threshold=90)
    assert (row.verdict, row.provenance, row.threshold) == ("picked", "AUTOMATIC", 90)
    assert (row.agreement, row.added_pixels, row.removed_pixels) == (1.0, 0, 0)
    assert row.proposal == candidate.proposal
    p8 = decode_probability(storage.read(candidate.proposal.probability_key))
    np.testing.assert_array_equal(
        decode_mask(storage.read(row.mask_key)), threshold_mask(p8, shape=(80, 64), t8=90)
    )
    reference = Reference.objects.get()
    assert (reference.method, reference.mask_key) == ("single", row.mask_key)
    assert list(reference.annotations.all()) == [row]


def test_accept_when_drawn_over_then_corrected_with_its_cost(case: Assignment) -> None:
    candidate = case.candidates.all()[0]
    base = mask_at(candidate)
    mask = base.copy()
    mask[0:3, 0:4] ^= True
    row = submit(case, draft_etag=save(case, mask), candidate=candidate.id)
    assert (row.verdict, row.provenance) == ("corrected", "SEMIAUTOMATIC")
    assert (row.added_pixels, row.removed_pixels, row.redrawn_contour) == (12, 0, 14)
    assert row.agreement == pytest.approx(dice(count_pixels(mask, base)))


def test_accept_when_drawn_from_nothing_then_redrawn(case: Assignment) -> None:
    mask = factories.disc()
    row = submit(case, draft_etag=save(case, mask))
    assert (row.verdict, row.provenance, row.agreement) == ("redrawn", "MANUAL", None)
    assert row.added_pixels == mask.sum()


def test_accept_when_erased_to_nothing_then_no_infection(case: Assignment) -> None:
    candidate = case.candidates.all()[0]
    empty = np.zeros((80, 64), np.bool_)
    row = submit(case, draft_etag=save(case, empty), candidate=candidate.id)
    assert row.verdict == "no_infection"
    assert row.removed_pixels > 0


def test_accept_when_the_draft_moved_on_then_refused_and_open(case: Assignment) -> None:
    old = save(case, factories.disc())
    new = save(case, factories.disc(radius=4), if_match=old)
    candidate = case.candidates.all()[0].id
    for options in ({"draft_etag": old}, {"candidate": candidate}):
        with pytest.raises(DraftMoved, match="not the drawing you decided on") as moved:
            submit(case, **options)
        assert moved.value.current_etag == new
    assert submit(case, draft_etag=new).verdict == "redrawn"


DECISIONS: list[dict[str, object]] = [
    {"decision": "accept"},
    {"decision": "no_infection"},
    {"decision": "exclude", "exclusion_reason": "poor_quality"},
]
VERDICTS = {"no_infection": "no_infection", "exclude": "excluded"}


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision["decision"])
@pytest.mark.parametrize("seen", [None, "an older drawing"])
def test_decision_when_another_tab_drew_meanwhile_then_refused_and_the_drawing_is_kept(
    case: Assignment, decision: dict[str, object], seen: str | None
) -> None:
    drawn = save(case, factories.disc())
    with pytest.raises(DraftMoved, match="Look at it and decide again"):
        submit(case, draft_etag=seen, **decision)
    assert not Annotation.objects.exists()
    assert Assignment.objects.get().state == "open"
    assert LostDraft.objects.get().etag == drawn
    wanted = VERDICTS | {"accept": "redrawn"}
    row = submit(case, draft_etag=drawn, **decision)
    assert row.verdict == wanted[str(decision["decision"])]


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision["decision"])
def test_decision_when_a_first_save_slips_in_at_the_last_moment_then_refused(
    case: Assignment, decision: dict[str, object]
) -> None:
    """There is no draft when the decision is measured, and one when it is written."""
    slipped: list[str] = []

    def slip_in(execute, sql, params, many, context):
        if sql.startswith("SAVEPOINT") and not slipped:
            slipped.append("")
            slipped[0] = save(case, factories.disc())
        return execute(sql, params, many, context)

    candidate = case.candidates.all()[0].id
    with connection.execute_wrapper(slip_in), pytest.raises(DraftMoved) as moved:
        submit(case, candidate=candidate, **decision)
    assert moved.value.current_etag == slipped[0]
    assert Assignment.objects.get().state == "open"


@pytest.mark.parametrize("decision", DECISIONS[1:], ids=lambda decision: decision["decision"])
def test_decision_when_nothing_was_ever_saved_then_no_draft_needs_naming(
    case: Assignment, decision: dict[str, object]
) -> None:
    assert submit(case, **decision).verdict == VERDICTS[str(decision["decision"])]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "candidate"),
        ({"candidate": uuid.uuid4()}, "candidate"),
        ({"decision": "exclude"}, "exclusion_reason"),
        ({"decision": "exclude", "exclusion_reason": "ugly"}, "exclusion_reason"),
        ({"decision": "no_infection", "exclusion_reason": "other"}, "exclusion_reason"),
        ({"decision": "maybe"}, "decision"),
        ({"threshold": 0}, "threshold"),
        ({"active_seconds": float("nan")}, "active_seconds"),
        ({"strokes": -1}, "strokes"),
    ],
)
def test_submit_when_wrong_then_the_field_is_named(
    case: Assignment, options: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        submit(case, **options)
    assert refused.value.field == field
    assert not Annotation.objects.exists()


def test_submit_when_another_client_id_comes_after_then_conflict(case: Assignment) -> None:
    submit(case, decision="no_infection")
    with pytest.raises(Conflict, match="already been submitted"):
        submit(case, decision="no_infection")
    assert Annotation.objects.count() == 1


def test_submit_when_the_client_id_belongs_to_another_case_then_conflict(
    case: Assignment, project: Project, member: Member
) -> None:
    first = submit(case, decision="no_infection")
    other = factories.make_assignment(factories.make_image(project), member("reader", name="b"))
    with pytest.raises(Conflict, match="another case"):
        submit(other, decision="no_infection", client_id=first.client_id)


def test_pick_when_the_manual_mask_is_picked_then_the_mask_seen_becomes_the_reference(
    project: Project, member: Member
) -> None:
    author, judge = member("reader", name="a"), member("reader", name="b")
    image = factories.make_image(project, shape=(200, 160))
    drawn = factories.disc(shape=(200, 160), at=(90, 70), radius=31)
    seed = factories.make_reference(image, drawn, reader=author)
    factories.make_proposals(factories.make_round(project), image, kind="out_of_fold")
    case = next_case.lease_next_case(project=project, reader=judge)
    assert case is not None
    manual = case.candidates.get(annotation__isnull=False)
    row = submit(case, candidate=manual.id, threshold=33)  # a blind read has no threshold
    assert (row.verdict, row.provenance, row.threshold) == ("picked", "MANUAL", None)
    reference = Reference.objects.get(supersedes=seed)
    assert (reference.method, reference.mask_key) == ("pick", manual.mask_key)
    assert reference.mask_key != seed.mask_key


def test_draft_when_saved_over_a_newer_one_then_both_are_kept_thirty_days(
    case: Assignment, label: Label
) -> None:
    base = save(case, factories.disc(radius=3))
    won = save(case, factories.disc(radius=5), if_match=base)
    for _ in range(2):  # a client that repeats its save does not fill the storage
        with pytest.raises(StaleDraft) as stale:
            save(case, factories.disc(radius=7), if_match=base)
    assert stale.value.current_etag == won
    kept = LostDraft.objects.get(etag=stale.value.yours_etag)
    assert str(kept.id) == stale.value.lost_draft
    # The reader chooses the refused mask: the mask that it replaces is kept too.
    save(case, factories.disc(radius=7), if_match=won)
    replaced = LostDraft.objects.exclude(id=kept.id).get()
    np.testing.assert_array_equal(
        decode_mask(storage.read(replaced.mask_key)), factories.disc(radius=5)
    )
    for row in (kept, replaced):
        assert lost_draft(assignment=case, lost_id=row.id) == row
    with time_machine.travel(timezone.now() + timedelta(days=29)):
        assert lost_drafts.purge_lost_drafts() == 0
    with time_machine.travel(timezone.now() + timedelta(days=31)):
        with pytest.raises(NotFound):
            lost_draft(assignment=case, lost_id=kept.id)
        assert lost_drafts.purge_lost_drafts() == 2


@slow_machine
@given(mask=masks, base=masks)
def test_edit_then_the_changes_lead_from_the_base_to_the_mask(
    mask: factories.Mask, base: factories.Mask
) -> None:
    edit = derive_edit(mask=mask, base=base, is_base_proposed=True, decision="accept")
    assert base.sum() + edit.added_pixels - edit.removed_pixels == mask.sum()
    assert (edit.verdict == "picked") == np.array_equal(mask, base)
    assert (edit.agreement is None) == (not mask.any() and not base.any())
    assert (edit.redrawn_contour == 0) or edit.verdict != "picked"


@slow_machine
@given(mask=masks, decision=st.sampled_from(["accept", "no_infection"]))
def test_edit_without_a_base_then_everything_was_drawn(mask: factories.Mask, decision: str) -> None:
    mask = mask if decision == "accept" else np.zeros_like(mask)
    edit = derive_edit(mask=mask, base=None, is_base_proposed=False, decision=decision)
    assert edit.added_pixels == mask.sum()
    assert edit.verdict == ("redrawn" if mask.any() else "no_infection")
