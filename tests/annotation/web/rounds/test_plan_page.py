"""The plan page: presets, refused plans, the estimate, and starting a round."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import unescape
from pathlib import Path

import jsonschema
import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from annotation.bridge.timing import estimate_plan
from annotation.models import PlanEstimate, Project, Round, User
from annotation.selectors.rounds.manifests import train_manifest
from annotation.storage import Checkout
from mlloop.contract.presets import PRESETS, preset
from tests.support.learning import fake_learner, fill_project, small_plan

Wrong = tuple[dict[str, object], str, str]  # the change, and the field and reason in the answer


@pytest.fixture
def engineer(project: Project, member: Callable[..., User]) -> Client:
    client = Client()
    client.force_login(member("engineer"))
    return client


@pytest.fixture
def url(project: Project) -> str:
    return reverse("round_plan", args=[project.slug])


def written(page: str) -> dict[str, object]:
    """Return the plan in the page's text area."""
    text = page.split("<textarea", 1)[1].split(">", 1)[1].split("</textarea>", maxsplit=1)[0]
    return json.loads(unescape(text))


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_page_when_a_preset_is_chosen_shows_its_plan(engineer: Client, url: str, name: str) -> None:
    page = engineer.get(url, {"preset": name})
    assert page.status_code == 200
    assert written(page.content.decode()) == preset(name).to_json()
    assert "style=" not in page.content.decode()


def test_page_when_opened_shows_the_plan_of_the_projects_preset(
    engineer: Client, url: str, project: Project
) -> None:
    project.preset = "paper-stage-1"
    project.save()
    assert written(engineer.get(url).content.decode())["preset"] == "paper-stage-1"
    assert "is not one of" in engineer.get(url, {"preset": "odd"}).content.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        ({"grid": 100}, "grid", "multiple of 8 up to 2048"),
        ({"learning_rat": 1}, "learning_rat", "this field is not known"),
        ({"steps": "many"}, "steps", "a whole number is expected"),
        ({"loss": "odd"}, "loss", "is not one of bce_dice, focal_dice"),
        ({"networks": [{"key": "a"}]}, "networks[0].decoder", "this field is missing"),
        ({"version": 2}, "version", "only version 1"),
    ],
)
@pytest.mark.parametrize("verb", ["start", "estimate"])
def test_page_when_the_plan_is_wrong_names_field_and_reason_and_keeps_the_text(
    engineer: Client,
    url: str,
    project: Project,
    verb: str,
    wrong: Wrong,
) -> None:
    fill_project(project)
    change, field, reason = wrong
    plan = preset("tiny").to_json() | change
    answer = engineer.post(url, {"plan": json.dumps(plan), "verb": verb})
    page = unescape(answer.content.decode())
    assert answer.status_code == 422
    assert reason in page
    assert f"Field: {field}" in page
    assert written(answer.content.decode()) == plan
    assert not Round.objects.exists()
    assert not PlanEstimate.objects.exists()


@pytest.fixture
def weights(settings: LazySettings, tmp_path: Path) -> Path:
    settings.ENCODER_WEIGHTS = tmp_path / "weights"
    settings.ENCODER_WEIGHTS.mkdir()
    outside = tmp_path / "secret.safetensors"
    outside.touch()
    (settings.ENCODER_WEIGHTS / "link.safetensors").symlink_to(outside)
    circle = settings.ENCODER_WEIGHTS / "circle.safetensors"
    circle.symlink_to(circle)
    return settings.ENCODER_WEIGHTS


@pytest.mark.parametrize(
    "name",
    [
        "file:/etc/secret.safetensors",
        "/etc/secret.safetensors",
        "file:secret.safetensors",
        "file:{folder}/../secret.safetensors",
        "file:{folder}/link.safetensors",
        "file:{folder}-too/secret.safetensors",
        "file:{folder}/circle.safetensors",
    ],
)
def test_page_when_weights_are_outside_their_folder_then_refused_with_the_folder(
    engineer: Client, url: str, project: Project, weights: Path, name: str
) -> None:
    fill_project(project)
    answer = engineer.post(url, {"plan": plan_with(name.format(folder=weights)), "verb": "start"})
    assert answer.status_code == 422
    page = unescape(answer.content.decode())
    assert "Field: networks[0].encoder_weights" in page
    assert f"give file:{weights}/" in page
    assert not Round.objects.exists()


def test_page_when_weights_are_in_their_folder_then_the_round_starts(
    engineer: Client, url: str, project: Project, weights: Path
) -> None:
    fill_project(project)
    name = f"file:{weights}/chexnet.safetensors"
    engineer.post(url, {"plan": plan_with(name), "verb": "start"})
    assert Round.objects.get().plan["networks"][0]["encoder_weights"] == name


def test_page_when_a_plan_asks_for_a_download_then_refused_with_what_to_do(
    engineer: Client, url: str, project: Project, weights: Path
) -> None:
    fill_project(project)
    answer = engineer.post(url, {"plan": plan_with("imagenet"), "verb": "start"})
    assert answer.status_code == 422
    page = unescape(answer.content.decode())
    assert "this server does not download the ImageNet weights of " in page
    assert f"give file:{weights}/NAME.safetensors" in page
    assert "ROUNDTRUTH_DOWNLOADS" in page
    assert not Round.objects.exists()


def test_page_when_the_operator_allows_the_download_then_the_child_gets_its_hash(
    engineer: Client, url: str, project: Project, settings: LazySettings
) -> None:
    settings.DOWNLOADS = {network.encoder: "ab" * 32 for network in preset("tiny").networks}
    fill_project(project)
    engineer.post(url, {"plan": plan_with("imagenet"), "verb": "start"})
    member = Round.objects.get().members.first()
    files = Checkout(Path(settings.DATA_ROOT) / "files")
    assert train_manifest(member, files).download_sha256 == "ab" * 32
    settings.DOWNLOADS = {}  # the operator takes it back before the worker begins
    assert train_manifest(member, files).download_sha256 is None


def plan_with(weights: str) -> str:
    plan = preset("tiny").to_json()
    return json.dumps(
        plan
        | {"networks": [network | {"encoder_weights": weights} for network in plan["networks"]]}
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1,\n oops', "line 2, column 2"),
        ("", "line 1, column 1"),
        ("[]", "an object is expected"),
        ("[" * 40_000, "nested more than 64 levels"),
        ("[" * 900 + "]" * 900, "nested more than 64 levels"),
        (" " * 60_000, "at most 50000 characters"),
        ("<script>", "not valid JSON"),
        ('{"steps": ' + "9" * 5000 + "}", "more than 64 bits"),
        (r'{"preset": "\ud800"}', "a lone surrogate"),
        (r'{"preset": "\u0000"}', "the character NUL"),
    ],
)
def test_page_when_the_text_is_not_a_plan_names_the_place(
    engineer: Client, url: str, text: str, words: str
) -> None:
    answer = engineer.post(url, {"plan": text, "verb": "start"})
    assert answer.status_code == 422
    assert words in unescape(answer.content.decode())
    assert "<script>" not in answer.content.decode().split("<textarea", 1)[1]


def test_page_when_a_plan_is_started_trains_by_it(
    engineer: Client, url: str, project: Project
) -> None:
    fill_project(project)
    plan = small_plan().to_json() | {"learning_rate": 0.00123}
    answer = engineer.post(url, {"plan": json.dumps(plan), "verb": "start"})
    started = project.rounds.get()
    assert answer["Location"] == reverse("round", args=[project.slug, started.number])
    assert started.plan == plan
    # A round is open now: the page says so and has no start button, and a post is refused.
    assert "A round is open" in engineer.get(url).content.decode()
    assert engineer.post(url, {"plan": json.dumps(plan), "verb": "start"}).status_code == 422
    assert project.rounds.count() == 1


def test_estimate_when_requested_is_polled_until_it_is_done(
    engineer: Client, url: str, project: Project
) -> None:
    fill_project(project)
    text = json.dumps(small_plan().to_json())
    page = engineer.post(url, {"plan": text, "verb": "estimate"}).content.decode()
    asked = project.plan_estimates.get()
    poll = reverse("plan_estimate", args=[project.slug, asked.pk])
    assert f'hx-get="{poll}"' in page
    assert written(page) == small_plan().to_json()
    assert "Waiting for a worker" in engineer.get(poll).content.decode()
    estimate_plan(asked.pk, learner=fake_learner())
    done = unescape(engineer.get(poll).content.decode())
    assert "hx-get" not in done
    # 6 members of 600 s one at a time, and 120 s of proposing.
    assert "About 62 min and 3.0\xa0GB of memory" in done
    assert "6 members train for 60 min, 1 at a time; proposing takes 2 min" in done


def test_estimate_when_it_failed_shows_the_reason(
    engineer: Client, url: str, project: Project
) -> None:
    fill_project(project)
    engineer.post(url, {"plan": json.dumps(small_plan().to_json()), "verb": "estimate"})
    asked = project.plan_estimates.get()
    estimate_plan(asked.pk, learner=fake_learner("--fail"))
    poll = reverse("plan_estimate", args=[project.slug, asked.pk])
    failed = engineer.get(poll).content.decode()
    assert "This failure was planted." in failed
    assert "hx-get" not in failed


def test_estimate_when_there_is_nothing_to_train_on_is_refused(engineer: Client, url: str) -> None:
    answer = engineer.post(url, {"plan": json.dumps(small_plan().to_json()), "verb": "estimate"})
    assert answer.status_code == 422
    assert "nothing to train on" in answer.content.decode()


def test_rounds_page_when_an_engineer_may_start_leads_to_the_plan(
    engineer: Client, url: str, project: Project, member: Callable[..., User]
) -> None:
    rounds = reverse("rounds", args=[project.slug])
    assert url in engineer.get(rounds).content.decode()
    viewer = Client()
    viewer.force_login(member("viewer"))
    assert url not in viewer.get(rounds).content.decode()


def test_plan_schema_when_fetched_takes_every_preset(engineer: Client) -> None:
    schema = engineer.get(reverse("api:plan-schema")).json()
    for name in PRESETS:
        jsonschema.validate(preset(name).to_json(), schema)


def test_api_when_a_round_is_started_with_a_plan_trains_by_it(
    engineer: Client, project: Project
) -> None:
    fill_project(project)
    rounds = reverse("api:rounds", args=[project.slug])
    plan = small_plan().to_json()
    wrong = json.dumps({"plan": plan | {"grid": 100}})
    refused = engineer.post(rounds, wrong, content_type="application/json")
    assert (refused.status_code, refused.json()["field"]) == (422, "grid")
    answer = engineer.post(rounds, json.dumps({"plan": plan}), content_type="application/json")
    assert answer.status_code == 202
    assert answer.json()["plan"] == plan
