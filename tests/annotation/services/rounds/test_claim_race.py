"""Real processes that claim the members of a round at once: each member is trained by one."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from annotation.bridge import loop
from annotation.models import EnsembleMember
from annotation.services.projects import create_project
from annotation.services.rounds.claiming import claim_member
from annotation.services.rounds.planning import plan_round
from tests.support.learning import fill_project, small_plan
from tests.support.racing import call_at_once

pytestmark = pytest.mark.postgres  # the engines lock differently


def claim_all() -> list[str]:
    """Claim every member; return those that this process won."""
    members = list(EnsembleMember.objects.values_list("pk", flat=True))
    return [str(pk) for pk in members if claim_member(pk)]


def test_members_when_eight_processes_claim_at_once_then_each_is_won_once(
    transactional_db: None, data_root: Path
) -> None:
    project = create_project(slug="race", name="Race", actor=None)
    fill_project(project)
    plan_round(project=project, actor=None, plan=small_plan())
    loop.sweep()
    won = list(chain(*call_at_once(claim_all, [()] * 8, data_root)))
    assert len(won) == len(set(won)) == EnsembleMember.objects.count() == 6
