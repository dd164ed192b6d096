"""Checks of the container files that need no container engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

DOCKER = Path(__file__).resolve().parents[2] / "docker"
ROOT = DOCKER.parent
STAGES = {
    text.split("\n", 1)[0].split(" AS ")[1]: text
    for text in (DOCKER / "Dockerfile").read_text().split("\nFROM ")[1:]
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


def test_images_run_as_a_user_without_rights() -> None:
    for stage in ("web", "worker"):
        assert re.search(r"^USER roundtruth$", STAGES[stage], re.MULTILINE)
        assert STAGES[stage].index("USER ") > STAGES[stage].index("RUN ")


def test_web_image_installs_the_lock_without_torch() -> None:
    assert "--require-hashes --requirement web.lock" in STAGES["web"]
    assert "requirements.lock" not in STAGES["web"]
    assert "--require-hashes --requirement requirements.lock" in STAGES["worker"]


def test_images_copy_only_what_exists() -> None:
    for line in re.findall(
        r"^COPY (?!--from)(.+)$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE
    ):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_compose_publishes_the_web_only_and_on_loopback(compose: dict[str, Any]) -> None:
    published = {name: s["ports"] for name, s in compose["services"].items() if "ports" in s}
    assert published == {"web": ["127.0.0.1:8000:8000"]}
    assert compose["networks"]["inside"]["internal"] is True
    assert all("inside" in service["networks"] for service in compose["services"].values())


def test_compose_takes_every_secret_from_the_environment(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for key, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD|DATABASE_URL", key):
                assert re.search(r"\$\{[A-Z_]+:\?", value), key


def test_compose_settings_are_settings(compose: dict[str, Any]) -> None:
    text = (ROOT / "annotation" / "config" / "settings.py").read_text()
    names = set(compose["services"]["web"]["environment"]) - {"DATABASE_URL"}
    assert [name for name in names if name not in text] == []


def test_every_setting_of_a_public_server_reaches_web_and_worker(compose: dict[str, Any]) -> None:
    text = (ROOT / "annotation" / "config" / "settings.py").read_text()
    read = set(re.findall(r'environ\.get\(\s*"(ROUNDTRUTH_\w+)"', text))
    assert {"ROUNDTRUTH_SMTP", "ROUNDTRUTH_SIGN_ON", "ROUNDTRUTH_BIND"} <= read
    refused = {"ROUNDTRUTH_DEBUG", "ROUNDTRUTH_TEST_HANDLE"}
    set_by_the_image = {"ROUNDTRUTH_BIND"}
    for service in ("web", "worker", "migrate"):
        given = compose["services"][service]["environment"]
        assert sorted(read - refused - set_by_the_image - set(given)) == []
    passed_on = {name for name, value in given.items() if value is None}
    assert passed_on <= read  # a value that is not set must stay unset, not become an empty text
    example = (DOCKER / "example.env").read_text()
    assert [name for name in sorted(passed_on) if f"\n#{name}=" not in example] == []
    assert "ENV ROUNDTRUTH_BIND=" in STAGES["web"]


def test_every_image_can_be_given_by_digest(compose: dict[str, Any]) -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text()
    variables = dict(re.findall(r"^ARG ([A-Z]+_IMAGE)=(\S+)$", dockerfile, re.MULTILINE))
    built_on = set(re.findall(r"^FROM (\S+) AS", dockerfile, re.MULTILINE)) - set(STAGES)
    assert (
        built_on == {f"${{{name}}}" for name in variables} == {"${NODE_IMAGE}", "${PYTHON_IMAGE}"}
    )
    arguments = compose["x-build"]["args"]
    assert arguments == {name: f"${{{name}:-{tag}}}" for name, tag in variables.items()}
    services = compose["services"].values()
    run = [service["image"] for service in services if "image" in service]
    named = [re.fullmatch(r"\$\{([A-Z]+_IMAGE):-\S+\}", image) for image in run]
    assert all(named)
    example = (DOCKER / "example.env").read_text()
    assert all(f"\n{name}=\n" in example for name in (*variables, *(m[1] for m in named if m)))


def test_compose_worker_takes_every_queue() -> None:
    for text in (STAGES["worker"], (ROOT / "Procfile").read_text()):
        assert "train,propose,io" in text


def test_container_files_say_that_they_were_not_run() -> None:
    for name in ("Dockerfile", "compose.yaml"):
        assert "NOT RUN" in (DOCKER / name).read_text()
