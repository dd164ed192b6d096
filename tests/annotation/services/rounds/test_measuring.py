"""Out-of-fold figures use values fitted on the other folds; readers get values fitted on all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse

from annotation.bridge import loop, phases
from annotation.bridge.watch import NO_CALLBACKS
from annotation.models import Project, Round, User
from annotation.selectors.rounds.records import round_snapshot
from annotation.services.rounds import claiming
from annotation.services.rounds.planning import plan_round
from mlloop.contract.calibration import CrossedFit
from mlloop.figures.weights import equal_parts
from tests.support.database import unguarded
from tests.support.fake_child import FITTED_T8
from tests.support.learning import fake_learner, fill_project, small_plan

NONE = 201  # the fake child's maps reach 200, so a mask at this threshold is empty


def measured(project: Project, *, crossed: bool) -> Round:
    """A round whose crossed fit has a threshold that empties the masks of fold 0."""
    fill_project(project)
    round = plan_round(project=project, actor=None, plan=small_plan())
    while round.state != Round.State.EVALUATING:
        claiming.advance_round(round)
        loop._work_once(round, fake_learner(), NO_CALLBACKS)
        round.refresh_from_db()
    fits = tuple(
        CrossedFit(
            fold=fold,
            parts=equal_parts(2),
            temperature=1.0,
            t8s=(FITTED_T8, FITTED_T8, NONE if fold == 0 else FITTED_T8),
        )
        for fold in range(3)
    )
    figures = round.figures
    calibration = replace(figures.calibration, n_infected=12, crossed=fits if crossed else ())
    round.metrics = replace(figures, calibration=calibration).to_json()
    round.plan["thresholds"] = "out_of_fold"
    with unguarded():
        round.save()
    assert phases.evaluate_round(round.pk, learner=fake_learner())
    round.refresh_from_db()
    assert round.state == Round.State.AWAITING_DECISION, round.failure
    return round


@pytest.fixture
def engineer(member: Callable[..., User]) -> Client:
    client = Client()
    client.force_login(member("engineer"))
    return client


def test_figures_when_values_were_fitted_then_each_film_is_scored_by_the_other_folds(
    project: Project, engineer: Client
) -> None:
    done = measured(project, crossed=True)
    ensemble = done.figures.proposals["ensemble"].per_image
    alone = done.figures.proposals[small_plan().networks[0].key].per_image
    # The networks' thresholds are as served: of six films the three of fold 0 have none left.
    folds = [case.fold % 3 for case in round_snapshot(done).train if case.reference]
    assert (len(folds), folds.count(0)) == (6, 3)
    assert 0.3 * alone.value < ensemble.value < 0.7 * alone.value
    report = engineer.get(reverse("api:round-report", args=["pilot", 1])).json()
    assert min(line["dice"] for line in report["worst"]) > 0  # counted as proposed, as it is drawn
    words = "for each fold on the films of the other folds: thresholds"
    assert words in report["choice"]
    assert report["t8"] == FITTED_T8  # as served, and as the any-pixel rule uses it
    for page in ("round_report", "round"):
        assert words in engineer.get(reverse(page, args=["pilot", 1])).content.decode()


def test_figures_when_a_round_has_no_crossed_fit_then_the_pages_say_the_same_films(
    project: Project, engineer: Client
) -> None:
    done = measured(project, crossed=False)
    figures = done.figures.proposals
    ensemble, alone = figures["ensemble"], figures[small_plan().networks[0].key]
    assert ensemble.per_image.value == alone.per_image.value
    for page in ("round_report", "round"):
        text = engineer.get(reverse(page, args=["pilot", 1])).content.decode()
        assert "on these same films, which makes the figures a little too good" in text
