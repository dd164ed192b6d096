"""The command import_images: its output, its JSON and its exit codes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command

from annotation.management.console import CommandRefused, UsageError
from annotation.models import Image, Project
from tests.support import intake_files as files


def call(*arguments: object) -> str:
    out = io.StringIO()
    call_command("import_images", *map(str, arguments), stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_command_when_something_is_refused_then_listed_and_still_done(
    project: Project, tmp_path: Path
) -> None:
    folder = files.write(tmp_path, {"a.png": files.png(files.film(0)), "b.png": b"no"})
    text = call(folder, "--project", project.slug)
    assert "1 images added (1 covid), 0 known, 0 offered twice, 1 refused." in text
    assert "refused b.png: This is not a PNG, JPEG or TIFF file." in text


def test_command_when_json_then_the_whole_report(project: Project, tmp_path: Path) -> None:
    folder = files.cohort(tmp_path / "in")
    facts = json.loads(call(folder, "--project", "pilot", "--masks-as", "truth", "--json"))
    assert (facts["added"], facts["masks"]) == (9, {"infection": 9, "lung": 9})
    again = json.loads(call(folder, "--project", "pilot", "--masks-as", "truth", "--json"))
    assert (again["added"], again["known"], again["masks_known"]) == (0, 9, 18)


def test_command_when_nothing_is_imported_then_refused_with_exit_1(
    project: Project, tmp_path: Path
) -> None:
    folder = files.write(tmp_path, {"b.png": b"no"})
    with pytest.raises(CommandRefused, match=r"Nothing was imported\.") as caught:
        call(folder, "--project", project.slug)
    assert caught.value.returncode == 1


@pytest.mark.parametrize("extra", [["nowhere"], [".", "--masks", "nowhere"]])
def test_command_when_a_folder_is_missing_then_usage(project: Project, extra: list[str]) -> None:
    with pytest.raises(UsageError, match="There is no folder nowhere") as caught:
        call(*extra, "--project", project.slug)
    assert caught.value.returncode == 2
    assert not Image.objects.exists()
