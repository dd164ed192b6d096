"""The repository holds no download address and no large file, and its locks fit together."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.lock", "docker/web.lock"]
MAX_BYTES = 1_000_000


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text()
    return dict(re.findall(r"^([a-zA-Z0-9._-]+)==([^\s;]+)", text, re.MULTILINE))


def requirement_names(lines: list[str]) -> set[str]:
    return {re.split(r"[\[><=~! ]", line)[0].lower().replace("_", "-") for line in lines}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|--index-url|--find-links|--extra-index", text)


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_hashes_every_pin(lock: str) -> None:
    blocks = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    bare = [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block]
    assert bare == []


def test_lock_of_the_editor_names_no_download() -> None:
    packages = json.loads((ROOT / "frontend" / "package-lock.json").read_text())["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert all("integrity" in package for name, package in packages.items() if name)


def test_lock_covers_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    assert requirement_names(wanted) <= {name.lower() for name in pins("requirements.lock")}
    web = {name.lower() for name in pins("docker/web.lock")}
    assert requirement_names(project["dependencies"]) <= web


def test_lock_of_the_web_is_part_of_the_whole_and_has_no_torch() -> None:
    web = pins("docker/web.lock")
    assert web.items() <= pins("requirements.lock").items()
    heavy = {"torch", "torchvision", "timm", "triton", "segmentation-models-pytorch"}
    assert [name for name in web if name in heavy or name.startswith("nvidia-")] == []


def test_files_name_no_download_host() -> None:
    # The halves are joined here, so that this file itself does not contain the host names.
    halves = [
        ("files.python", "hosted"),
        ("pypi", ".org"),
        ("registry.npm", "js"),
        ("download.py", "torch"),
        ("huggingface", ".co/"),
        ("conda.ana", "conda"),
        ("deb.deb", "ian"),
        ("ghcr", ".io"),
    ]
    hosts = [first + second for first, second in halves]
    named = [
        (path.relative_to(ROOT).as_posix(), host)
        for path in tracked()
        if path.stat().st_size < MAX_BYTES
        for host in hosts
        if host.encode() in path.read_bytes()
    ]
    assert named == []


def test_files_are_small() -> None:
    assert [path.name for path in tracked() if path.stat().st_size > MAX_BYTES] == []


def test_files_hold_no_weights_or_pickles() -> None:
    banned = {".pt", ".pth", ".pkl", ".ckpt", ".safetensors", ".sqlite3"}
    assert [path.name for path in tracked() if path.suffix in banned] == []
