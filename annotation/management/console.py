"""The base of all commands: `--json`, a progress bar on a terminal, exit codes 0, 1 and 2.

A command returns an Outcome and does not print its result itself. Exit code 0 means done, and 1
means refused, with the reason. 2 means that the command line is wrong or names something that
does not exist.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from annotation.errors import RoundtruthError
from annotation.models import Project, User

Progress = Callable[[int, int], None]


class UsageError(CommandError):
    """The command line is wrong: exit code 2."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, returncode=2)


class CommandRefused(CommandError):
    """The command was understood and refused: exit code 1."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, returncode=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A command's result: `facts` for programs, `lines` for people. `refusal` gives exit code 1."""

    facts: Mapping[str, object]
    lines: Sequence[str]
    refusal: str = ""


class ConsoleCommand(BaseCommand):
    """The base of all commands. A subclass defines `add_options` and `run`."""

    # Commands need no URLs or templates; checking them would only slow the start.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--json` and the command's own options."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        self.add_options(parser)

    @abstractmethod
    def add_options(self, parser: CommandParser) -> None:
        """Add the command's own options to the parser."""

    @abstractmethod
    def run(self, options: Mapping[str, object]) -> Outcome:
        """Return the outcome. Raise UsageError (exit code 2) or a domain error (exit code 1)."""

    def handle(self, *args: object, **options: object) -> None:
        """Run the command and print its outcome, as JSON if `--json` was given."""
        del args
        as_json = bool(options["json"])
        try:
            outcome = self.run(options)
        except RoundtruthError as error:
            if as_json:
                self._print_json({"refused": _error_facts(error)})
            raise CommandRefused(error.sentence) from error
        if as_json:
            self._print_json(outcome.facts)
        else:
            self.stdout.write("\n".join(outcome.lines))
        if outcome.refusal:
            raise CommandRefused(outcome.refusal)

    @contextmanager
    def progress(self, title: str, *, unit: str = "image") -> Iterator[Progress]:
        """Yield a function (done, total) that draws a progress bar if stderr is a terminal."""
        stream = cast("TextIO", self.stderr._out)
        with tqdm(desc=title, unit=unit, file=stream, disable=not stream.isatty()) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield show

    def say(self, sentence: str) -> None:
        """Print a sentence about the progress to stderr; stdout is for the outcome alone."""
        self.stderr.write(sentence)

    def _print_json(self, facts: Mapping[str, object]) -> None:
        self.stdout.write(json.dumps(facts, indent=2, ensure_ascii=False, default=str))


def _error_facts(error: RoundtruthError) -> dict[str, object]:
    return {"code": error.code, "detail": error.sentence, "field": error.field}


def named_project(slug: object) -> Project:
    """Return the project that `--project` names. Raise UsageError with the known slugs."""
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        known = ", ".join(Project.objects.order_by("slug").values_list("slug", flat=True)[:20])
        raise UsageError(
            f"There is no project {str(slug)!r}. Known projects: {known or 'none yet'}."
        )
    return project


def named_account(username: object) -> User | None:
    """Return the account that `--as` names, for the audit; None if the option is not given."""
    if not username:
        return None
    user = User.objects.filter(username=username).first()
    if user is None:
        raise UsageError(f"There is no account {str(username)!r}.")
    return user
