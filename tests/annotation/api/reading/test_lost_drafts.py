"""Lost drafts can be fetched: by their reader, and by a curator after the case is closed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from annotation import storage
from annotation.models import Assignment, LostDraft, Project, User
from annotation.selectors.labels import label_of
from annotation.services.members import open_project
from annotation.services.upkeep.withdrawal import erase_image
from mlloop.pixels.masks import decode_mask, encode_mask
from tests.support import factories
from tests.support.calls import signed_in

Member = Callable[..., User]


@pytest.fixture
def case(project: Project, member: Member) -> Assignment:
    return factories.make_assignment(
        factories.make_image(project), member("reader"), purpose="pick"
    )


def lose(case: Assignment, stroke: int, *, days_ago: float = 0.0) -> LostDraft:
    mask = factories.disc(radius=stroke)
    return LostDraft.objects.create(
        assignment=case,
        label=label_of(case.project, "infection"),
        mask_key=storage.put(case.project_id, encode_mask(mask)),
        etag=f"e{stroke}",
        stroke=stroke,
        created_at=timezone.now() - timedelta(days=days_ago),
    )


def close(case: Assignment, state: str = "submitted") -> None:
    Assignment.objects.filter(id=case.id).update(state=state)


def listing(case: Assignment) -> str:
    return f"/api/v1/assignments/{case.id}/lost-drafts/"


def page(case: Assignment) -> str:
    return reverse("image", args=["pilot", case.image_id])


def test_lost_drafts_when_the_reader_asks_then_newest_first_a_page_at_a_time(
    case: Assignment,
) -> None:
    for stroke, days in ((9, 31.0), (4, 3.0), (6, 1.0), (5, 2.0)):
        lose(case, stroke, days_ago=days)
    client = signed_in(case.reader)
    body = client.get(listing(case)).json()
    assert body["count"] == 3
    assert [row["stroke"] for row in body["results"]] == [6, 5, 4]
    assert set(body["results"][0]) == {
        "id",
        "stroke",
        "saved_at",
        "candidate",
        "threshold",
        "mask_url",
    }
    for row in body["results"]:
        mask = decode_mask(client.get(row["mask_url"]).content)
        np.testing.assert_array_equal(mask, factories.disc(radius=row["stroke"]))
    second = client.get(listing(case), {"page_size": "2", "page": "2"}).json()
    assert [row["stroke"] for row in second["results"]] == [4]


@pytest.mark.parametrize("state", ["submitted", "released"])
def test_lost_drafts_when_a_curator_asks_then_only_after_the_case_is_closed(
    case: Assignment, member: Member, state: str
) -> None:
    lost, curator = lose(case, 5), signed_in(member("curator"))
    mask = reverse("api:lost-draft", args=[case.id, lost.id])
    assert [curator.get(url).status_code for url in (listing(case), mask)] == [404, 404]
    assert b"whose save was refused" not in curator.get(page(case)).content
    close(case, state)
    assert [curator.get(url).status_code for url in (listing(case), mask)] == [200, 200]
    shown = curator.get(page(case)).content.decode()
    assert "Masks whose save was refused" in shown
    assert f'href="{mask}"' in shown


@pytest.mark.parametrize("roles", [("adjudicator",), ("engineer",), ("viewer",), ()])
def test_lost_drafts_when_anybody_else_asks_then_there_is_no_such_case(
    case: Assignment, member: Member, roles: tuple[str, ...]
) -> None:
    lost, client = lose(case, 5), signed_in(member(*roles))
    close(case)
    for url in (listing(case), reverse("api:lost-draft", args=[case.id, lost.id])):
        assert client.get(url).status_code == 404
    assert b"whose save was refused" not in client.get(page(case)).content


def test_lost_drafts_when_another_reader_asks_then_there_is_no_such_case(
    case: Assignment, member: Member
) -> None:
    lose(case, 5)
    close(case)
    assert signed_in(member("reader", name="second")).get(listing(case)).status_code == 404


def test_lost_drafts_when_the_curator_reads_the_same_image_then_none_until_their_case_is_closed(
    case: Assignment, member: Member
) -> None:
    """A second reader sees nothing of the first, whatever other roles they have."""
    open_project(project=case.project, actor=None)  # elsewhere nobody has both roles
    lost, both = lose(case, 5), member("curator", "reader", name="both")
    close(case)
    own = factories.make_assignment(case.image, both, purpose="double")
    client = signed_in(both)
    mask = reverse("api:lost-draft", args=[case.id, lost.id])
    assert [client.get(url).status_code for url in (listing(case), mask)] == [404, 404]
    assert b"whose save was refused" not in client.get(page(case)).content
    close(own)
    assert client.get(mask).status_code == 200


def test_image_page_when_the_mask_was_erased_then_it_is_not_offered(
    case: Assignment, member: Member
) -> None:
    lose(case, 5)
    erase_image(image=case.image, actor=None, reason="consent withdrawn")
    assert b"whose save was refused" not in signed_in(member("curator")).get(page(case)).content


def test_image_page_when_there_are_many_then_a_fixed_number_of_queries(
    case: Assignment, member: Member, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for stroke in range(1, 9):
        lose(case, stroke)
    close(case)
    client = signed_in(member("curator"))
    with django_assert_max_num_queries(18):
        assert client.get(page(case)).content.count(b"download=") == 8
