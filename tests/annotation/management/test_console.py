"""The base of all commands: output, exit codes, progress, named projects and accounts."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

import pytest
from django.core.management.base import CommandError, CommandParser

from annotation.errors import Conflict
from annotation.management.console import (
    CommandRefused,
    ConsoleCommand,
    Outcome,
    UsageError,
    named_account,
    named_project,
)
from annotation.models import Project


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Count(ConsoleCommand):
    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--fail", default="")

    def run(self, options: Mapping[str, object]) -> Outcome:
        if options["fail"] == "raise":
            raise Conflict("The round is running.", code="round_running", field="round")
        with self.progress("counting") as show:
            for done in (1, 2, 3):
                show(done, 3)
        refusal = "Nothing was imported." if options["fail"] == "refuse" else ""
        return Outcome(facts={"n": 3}, lines=["three", "images"], refusal=refusal)


def _call(
    out: io.StringIO | None = None, stderr: io.StringIO | None = None, **options: object
) -> str:
    out = out or io.StringIO()
    command = _Count(stdout=out, stderr=stderr or io.StringIO())
    command.handle(**{"json": False, "fail": "", **options})
    return out.getvalue()


def test_command_when_done_then_prints_lines_for_people() -> None:
    assert _call() == "three\nimages\n"


def test_command_when_json_then_prints_one_object() -> None:
    assert json.loads(_call(json=True)) == {"n": 3}


def test_command_when_a_domain_error_is_raised_then_exit_1_with_its_sentence() -> None:
    out = io.StringIO()
    with pytest.raises(CommandRefused, match="The round is running") as caught:
        _call(out, fail="raise", json=True)
    assert caught.value.returncode == 1
    assert json.loads(out.getvalue())["refused"]["code"] == "round_running"


def test_command_when_the_outcome_is_a_refusal_then_prints_it_and_exit_1() -> None:
    out = io.StringIO()
    with pytest.raises(CommandRefused, match="Nothing was imported"):
        _call(out, fail="refuse")
    assert out.getvalue() == "three\nimages\n"


def test_progress_when_no_terminal_then_silent() -> None:
    stderr = io.StringIO()
    _call(stderr=stderr)
    assert stderr.getvalue() == ""


def test_progress_when_terminal_then_draws_a_bar() -> None:
    stderr = _Terminal()
    _call(stderr=stderr)
    assert "counting" in stderr.getvalue()
    assert "3/3" in stderr.getvalue()


def test_named_project_when_unknown_then_usage_names_the_known(project: Project) -> None:
    with pytest.raises(UsageError, match=r"'nowhere'\. Known projects: pilot") as caught:
        named_project("nowhere")
    assert caught.value.returncode == 2
    assert named_project("pilot") == project


@pytest.mark.django_db
def test_named_account_when_unknown_then_usage() -> None:
    assert named_account("") is None
    with pytest.raises(CommandError, match="no account 'ghost'"):
        named_account("ghost")
