"""Sealed results are shown as aggregates over 20 images or more, wherever people look at them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.test import Client

from annotation.bridge import loop
from annotation.models import Project, Round, User
from annotation.selectors.rounds.sealed import sealed_history
from annotation.services import audit
from annotation.services.rounds.planning import plan_round
from annotation.web.plots.round_plots import sealed_plot
from tests.support.database import unguarded
from tests.support.factories import make_image, make_reference, make_round
from tests.support.learning import fake_learner, fill_project, small_plan

SENTENCE = "n = 12: figures over fewer than 20 sealed images are not shown"
SECRETS = ("0.512", "0.498", "0.534")


def figure(convention: str, n: int) -> dict[str, object]:
    return {
        "name": "dice",
        "convention": convention,
        "value": 0.5124,
        "ci_low": 0.4982,
        "ci_high": 0.5341,
        "n": n,
        "n_both_empty": 7,
    }


def measured(project: Project, *, per_image: int, pooled: int, number: int = 1) -> Round:
    row = make_round(project, number=number)
    row.metrics = {
        "sealed": {"per_image": figure("per_image", per_image), "pooled": figure("pooled", pooled)},
        "proposals": {},
        "leaks": 0,
        "look": {"infected": pooled, "empty": 0, "waiting": 3},
    }
    with unguarded():
        row.save()
    return row


@pytest.fixture
def engineer(member: Callable[..., User], client: Client) -> Client:
    client.force_login(member("engineer"))
    return client


@pytest.mark.parametrize("path", ["rounds/", "rounds/1/"])
def test_page_when_few_sealed_images_then_a_sentence_instead_of_figures(
    project: Project, engineer: Client, path: str
) -> None:
    measured(project, per_image=12, pooled=12)
    text = engineer.get(f"/p/pilot/{path}").content.decode()
    assert text.count(SENTENCE) == 3  # both conventions, and the list of all rounds
    assert not [secret for secret in SECRETS if secret in text]
    assert "Dice on the sealed set, per image" not in text


def test_page_when_enough_sealed_images_then_the_figures(
    project: Project, engineer: Client
) -> None:
    measured(project, per_image=20, pooled=31)
    text = engineer.get("/p/pilot/rounds/1/").content.decode()
    assert "not shown" not in text
    assert "0.512" in text
    assert "Dice on the sealed set, per image" in text


@pytest.mark.parametrize("path", ["rounds/", "rounds/1/"])
def test_api_when_few_sealed_images_then_the_same_sentence(
    project: Project, engineer: Client, path: str
) -> None:
    measured(project, per_image=12, pooled=12)
    body = engineer.get(f"/api/v1/projects/pilot/{path}").json()
    metrics = body.get("results", [body])[0]["metrics"]
    assert metrics["sealed_looks"] == 0
    for convention in ("per_image", "pooled"):
        assert metrics["sealed"][convention] == {
            "name": "dice",
            "convention": convention,
            "value": None,
            "ci_low": None,
            "ci_high": None,
            "n_both_empty": None,
            "n": 12,
            "hidden": SENTENCE,
        }


def test_each_figure_is_judged_by_its_own_images(project: Project, engineer: Client) -> None:
    measured(project, per_image=12, pooled=30)
    sealed = engineer.get("/api/v1/projects/pilot/rounds/1/").json()["metrics"]["sealed"]
    assert sealed["per_image"]["hidden"] == SENTENCE
    assert sealed["pooled"]["value"] == 0.512


def test_plot_leaves_out_rounds_with_few_sealed_images(project: Project) -> None:
    measured(project, per_image=12, pooled=12)
    assert sealed_plot(sealed_history(project)) is None
    Round.objects.update(state="superseded")
    measured(project, per_image=20, pooled=20, number=2)
    plot = sealed_plot(sealed_history(project))
    assert plot is not None
    assert [tick.text for tick in plot.x_axis.ticks] == ["2"]
    assert [point.css for point in plot.points] == ["series-ok"]  # round 2 is serving
    assert plot.note == "Round 2 is measured on 20 images."


def test_page_then_it_says_how_many_films_were_measured_and_how_many_wait(
    project: Project, engineer: Client
) -> None:
    measured(project, per_image=25, pooled=31)
    text = engineer.get("/p/pilot/rounds/1/").content.decode()
    assert "Sealed films measured: 31 infected, 0 without infection." in text
    assert "3 more are read and wait" in text


def test_round_of_an_older_version_then_neither_figures_nor_the_gates_sentence_are_shown(
    project: Project, engineer: Client
) -> None:
    row = measured(project, per_image=31, pooled=31)
    reason = "Refused by the gate. It may be worse: source west (dice, n = 21): -0.512."
    check = {"name": "source west", "metric": "dice", "n": 21, "difference": -0.5124}
    gate = {"outcome": "refused", "sentence": reason, "margin": 0.05, "compared_with": None}
    check |= {"ci_low": -0.5341, "ci_high": -0.4982, "holds": False}
    row.metrics |= {"gate": gate | {"checks": [check]}}
    del row.metrics["look"]
    row.state, row.decision_reason = "refused", reason
    with unguarded():
        row.save()
    facts = {"number": 1, "reason": reason}
    audit.record(project=project, actor=None, verb="refuse_round", target=row.id, facts=facts)
    for path in ("/p/pilot/rounds/", "/p/pilot/rounds/1/", "/api/v1/projects/pilot/rounds/1/"):
        text = engineer.get(path).content.decode()
        assert "measured by an older version" in text, path
        assert not [secret for secret in (*SECRETS, "source west") if secret in text], path


def test_admin_never_shows_the_stored_metrics(project: Project, client: Client) -> None:
    row = measured(project, per_image=12, pooled=12)
    client.force_login(User.objects.create_superuser("root", password="pass"))
    answer = client.get(f"/admin/annotation/round/{row.id}/change/")
    assert answer.status_code == 200
    assert not [secret for secret in SECRETS if secret in answer.content.decode()]


def test_run_round_on_a_terminal_then_the_sentence_and_the_number_of_looks(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_project(project, sealed=3)
    plan_round(project=project, actor=None, plan=small_plan(networks=1))
    learn = loop.run_until_decision
    monkeypatch.setattr(
        loop, "run_until_decision", lambda row, **say: learn(row, learner=fake_learner(), **say)
    )
    call_command("run_round", "--project", "pilot", "--wait", "--json")
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    assert metrics["sealed"]["pooled"]["value"] is None
    hidden = "3 sealed images are read: figures need 20 infected ones or more"
    assert metrics["sealed"]["pooled"]["hidden"] == hidden
    assert metrics["sealed_looks"] == 0  # nothing was measured


def test_run_round_when_sealed_images_are_of_one_patient_then_it_says_no_interval(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = fill_project(project, sealed=1)["sealed"][0].patient
    for i in range(19):
        make_reference(make_image(project, patient=patient, seed=400 + i))
    plan_round(project=project, actor=None, plan=small_plan(networks=1))
    learn = loop.run_until_decision
    monkeypatch.setattr(
        loop, "run_until_decision", lambda row, **say: learn(row, learner=fake_learner(), **say)
    )
    call_command("run_round", "--project", "pilot", "--wait")
    assert "Dice sealed pooled: 0.750 (no interval), n = 20" in capsys.readouterr().out
    plot = sealed_plot(sealed_history(project))
    assert plot is not None
    assert plot.points[0].title == "0.750 (no interval), n = 20"
