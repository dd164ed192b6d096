"""The overview of a project shows sealed reads only to those who may see sealed images."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotation.models import Project, User
from tests.support import factories
from tests.support.calls import signed_in


@pytest.mark.parametrize(
    ("role", "sees_sealed"), [("curator", True), ("engineer", False), ("viewer", False)]
)
def test_verdicts_when_a_sealed_image_was_read_then_its_size_is_in_no_engineers_sum(
    project: Project, member: Callable[..., User], role: str, sees_sealed: bool
) -> None:
    patient = factories.make_patient(project, "sealed", split="sealed")
    image = factories.make_image(project, patient=patient)
    factories.make_reference(image, reader=member("reader", name="ann"), purpose="sealed")
    page = signed_in(member(role)).get("/p/pilot/").content.decode()
    assert ("Verdicts so far" in page) == sees_sealed
