from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse

from annotation.errors import Forbidden, Invalid
from annotation.models import Project, User
from annotation.services.rounds.decision_table import DECISIONS, decide_round
from tests.support.factories import make_round


@pytest.mark.parametrize("name", DECISIONS)
def test_every_decision_has_an_api_path_and_is_refused_without_the_permission(
    name: str, project: Project, member: Callable[..., User]
) -> None:
    round = make_round(project)
    assert reverse(f"api:round-{name}", args=["pilot", 1]).endswith(f"/rounds/1/{name}/")
    with pytest.raises(Forbidden):
        decide_round(name=name, round=round, actor=member("viewer"), reason="why")


def test_an_unknown_decision_is_invalid(project: Project, member: Callable[..., User]) -> None:
    with pytest.raises(Invalid, match="'start'"):
        decide_round(name="start", round=make_round(project), actor=member("engineer"), reason="")
