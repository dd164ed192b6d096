"""How well picks hide the drawn mask: on the round's page, for curators only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from django.urls import reverse

from annotation.models import Assignment, Candidate, Membership, Project, Round, User
from annotation.selectors.labels import label_of
from annotation.selectors.rounds.blindness import MIN_PICKS, blindness_of
from mlloop.figures.distinguishing import FEATURES
from tests.support import factories
from tests.support.calls import signed_in

Member = Callable[..., User]


def submitted_pick(
    served: Round, reader: User, *, tells: bool, random: np.random.Generator, **features: object
) -> Assignment:
    """Create a submitted pick of three masks; if `tells`, the drawn one has many corners."""
    image = factories.make_image(served.project, shape=(48, 48))
    manual = factories.make_reference(image).annotations.get()
    networks = [
        factories.make_proposal(served, image, network=name, kind="out_of_fold")
        for name in ("unet", "linknet")
    ]
    pick = factories.make_assignment(
        image, reader, purpose="pick", of_round=served, state=Assignment.State.SUBMITTED
    )
    for position, origin in enumerate(random.permutation([0, 1, 2]).tolist()):
        shape = dict(zip(FEATURES, random.normal(size=len(FEATURES)).tolist(), strict=True))
        shape["corners"] += 9.0 * (tells and origin == 2)
        Candidate.objects.create(
            assignment=pick,
            label=label_of(served.project, "infection"),
            position=position,
            proposal=None if origin == 2 else networks[origin],
            annotation=manual if origin == 2 else None,
            mask_key="projects/x",
            features=features.get("features", shape),
        )
    return pick


@pytest.fixture
def served(project: Project, member: Member) -> Round:
    served = factories.make_round(project)
    reader, random = member("reader", name="picks"), np.random.default_rng(0)
    for _ in range(MIN_PICKS):
        submitted_pick(served, reader, tells=True, random=random)
    return served


def test_blindness_when_the_drawn_masks_have_more_corners_then_all_are_found(served: Round) -> None:
    blindness = blindness_of(served)
    assert blindness is not None
    assert blindness.found is not None
    assert (blindness.found.hits, blindness.found.n) == (MIN_PICKS, MIN_PICKS)
    assert blindness.found.chance == pytest.approx(1 / 3)
    assert blindness.found.is_beyond_chance


@pytest.mark.parametrize(
    ("roles", "sees"),
    [
        (["curator"], True),
        (["engineer"], False),
        (["viewer"], False),
        (["curator", "reader"], False),
        (["curator", "adjudicator"], False),
    ],
)
def test_page_when_picks_were_read_then_only_a_curator_who_never_reads_sees_the_figure(
    project: Project, served: Round, member: Member, roles: list[str], sees: bool
) -> None:
    user = member(*roles[:1], name="somebody")
    for role in roles[1:]:
        Membership.objects.create(project=project, user=user, role=role)
    page = signed_in(user).get(reverse("round", args=["pilot", served.number])).content.decode()
    shown = f"{MIN_PICKS} of {MIN_PICKS} picks"
    assert (shown in page) is sees
    assert ("Blind picks" in page) is sees
    assert "style=" not in page


def test_api_when_an_engineer_asks_then_no_answer_has_the_figure(
    served: Round, member: Member
) -> None:
    client = signed_in(member("engineer"))
    for name, args in (("round", ["pilot", 1]), ("rounds", ["pilot"])):
        answer = client.get(reverse(f"api:{name}", args=args))
        assert answer.status_code == 200
        for secret in ("corners", "features", "blindness"):
            assert secret not in answer.content.decode()


def test_page_when_few_picks_or_picks_of_an_older_version_then_it_says_how_many_count(
    project: Project, member: Member
) -> None:
    served, reader = factories.make_round(project), member("reader", name="picks")
    client = signed_in(member("curator"))
    url = reverse("round", args=["pilot", 1])
    assert "Blind picks" not in client.get(url).content.decode()
    random = np.random.default_rng(0)
    submitted_pick(served, reader, tells=True, random=random)
    submitted_pick(served, reader, tells=True, random=random, features={})  # an older version
    page = client.get(url).content.decode()
    assert "1 pick can be measured so far" in page
    assert "picks</b>" not in page


def test_blindness_when_the_round_is_of_a_later_stage_then_none(project: Project) -> None:
    assert blindness_of(factories.make_round(project, stage="stage_2")) is None
