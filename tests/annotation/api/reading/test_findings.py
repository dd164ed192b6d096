"""Severity and layers of a case: only in an open read, and only for its reader."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from annotation.models import Assignment, Image, Project, Proposal, User
from mlloop.pixels.masks import decode_mask, decode_probability
from mlloop.pixels.raster import threshold_mask
from tests.support import factories
from tests.support.calls import lease, signed_in
from tests.support.database import unguarded

Member = Callable[..., User]


@pytest.fixture
def image(project: Project) -> Image:
    """An image that waits for an open read, with lungs and findings."""
    image = factories.make_image(project, shape=(200, 160))
    factories.make_proposals(factories.make_round(project, stage="stage_2"), image)
    return image


def test_case_when_open_then_the_findings_are_the_ensembles(image: Image, member: Member) -> None:
    case = lease(signed_in(member("reader")))
    ensemble = Proposal.objects.get(kind="ensemble", label__key="infection")
    assert case["findings"] == ensemble.findings
    assert case["findings"]["grade"] == "moderate"
    assert [lung["name"] for lung in case["findings"]["lungs"]] == ["right", "left"]
    lung = threshold_mask(factories.lungs_p8(), shape=(200, 160), t8=128)
    for findings, side in zip(case["findings"]["lungs"], np.hsplit(lung, 2), strict=True):
        first, second = (border["row"] for border in findings["borders"])
        rows = (slice(0, first), slice(first, second), slice(second, 200))
        assert [int(side[part].sum()) for part in rows] == [
            zone["pixels"] for zone in findings["zones"]
        ]
    assert case["findings"]["n_lesions"] == len(case["findings"]["lesions"]) == 1


def test_layers_when_open_then_the_lung_mask_and_the_disagreement(
    image: Image, member: Member
) -> None:
    client = signed_in(member("reader"))
    layers = lease(client)["layers"]
    lung = decode_mask(client.get(layers["lung_url"]).content, shape=(200, 160))
    expected = threshold_mask(factories.lungs_p8(), shape=(200, 160), t8=128)
    np.testing.assert_array_equal(lung, expected)
    spread = decode_probability(client.get(layers["disagreement_url"]).content)
    assert set(np.unique(spread)) == {40}
    again = client.get(layers["lung_url"], headers={"If-None-Match": "x"})
    assert again.status_code == 200


def test_activation_layer_when_open_then_the_classifiers_map_and_no_candidate(
    image: Image, member: Member
) -> None:
    client = signed_in(member("reader"))
    case = lease(client)
    activation = decode_probability(client.get(case["layers"]["activation_url"]).content)
    np.testing.assert_array_equal(activation, factories.activation_p8())
    assert "gradcam" not in {row["name"] for row in case["candidates"]}
    assert len(case["candidates"]) == 3


def test_layers_when_the_case_is_another_readers_or_closed_then_404(
    image: Image, member: Member
) -> None:
    client, other = signed_in(member("reader", name="a")), signed_in(member("reader", name="b"))
    urls = list(lease(client)["layers"].values())
    assert [other.get(url).status_code for url in urls] == [404, 404, 404]
    Assignment.objects.update(state=Assignment.State.SUBMITTED)
    assert [client.get(url).status_code for url in urls] == [404, 404, 404]


def test_case_when_a_round_has_no_lung_network_then_lesions_but_no_lung_layer(
    image: Image, member: Member
) -> None:
    with unguarded():
        Proposal.objects.exclude(label__key="infection").delete()
    row = Proposal.objects.get(kind="ensemble")
    row.findings["both"]["pixels"] = 0
    row.disagreement_key = ""
    with unguarded():
        row.save()
    client = signed_in(member("reader"))
    case = lease(client)
    assert set(case["layers"]) == {"lung_url", "disagreement_url", "activation_url"}
    assert set(case["layers"].values()) == {None}
    for layer in ("lung", "disagreement", "activation"):
        url = f"/api/v1/assignments/{case['assignment']}/{layer}/"
        assert client.get(url).status_code == 404


def test_case_when_the_round_is_older_than_findings_then_there_are_none(
    image: Image, member: Member
) -> None:
    with unguarded():
        Proposal.objects.update(findings={})
    assert {"findings", "layers"}.isdisjoint(lease(signed_in(member("reader"))))
