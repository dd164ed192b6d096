"""What every command shares: `--json`, a progress bar on a terminal only, exit codes 0, 1 and 2.

A command returns an Outcome and prints nothing itself. Exit 0: done; 1: refused, with the reason;
2: the command line names something that is wrong or not there.
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


class Usage(CommandError):
    """The command line is wrong: exit code 2."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, returncode=2)


class Refused(CommandError):
    """The command was understood and refused: exit code 1."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, returncode=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command found: `facts` for programs, `lines` for people, `refusal` for exit code 1."""

    facts: Mapping[str, object]
    lines: Sequence[str]
    refusal: str = ""


class Verb(BaseCommand):
    """Parse, call one service, say what came of it. Subclasses give `add_options` and `run`."""

    # These run headless: checking every URL and template first would only cost start-up time.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--json` to what the command itself asks for."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        self.add_options(parser)

    @abstractmethod
    def add_options(self, parser: CommandParser) -> None:
        """Name the command's own arguments."""

    @abstractmethod
    def run(self, options: Mapping[str, object]) -> Outcome:
        """Do it; raise Usage, or any domain error, which becomes exit code 1 with its sentence."""

    def handle(self, *args: object, **options: object) -> None:
        """Run the verb and print its outcome in the form that was asked for."""
        del args
        as_json = bool(options["json"])
        try:
            outcome = self.run(options)
        except RoundtruthError as error:
            if as_json:
                self._print_json(
                    {
                        "refused": {
                            "code": error.code,
                            "detail": error.sentence,
                            "field": error.field,
                        }
                    }
                )
            raise Refused(error.sentence) from error
        if as_json:
            self._print_json(outcome.facts)
        else:
            self.stdout.write("\n".join(outcome.lines))
        if outcome.refusal:
            raise Refused(outcome.refusal)

    @contextmanager
    def progress(self, what: str, *, unit: str = "image") -> Iterator[Progress]:
        """Yield a function (done, total) that draws a bar on a terminal and is silent elsewhere."""
        stream = cast("TextIO", self.stderr._out)
        with tqdm(desc=what, unit=unit, file=stream, disable=not stream.isatty()) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield show

    def say(self, sentence: str) -> None:
        """Tell a person what is happening now; on the error stream, so that --json stays whole."""
        self.stderr.write(sentence)

    def _print_json(self, facts: Mapping[str, object]) -> None:
        self.stdout.write(json.dumps(facts, indent=2, ensure_ascii=False, default=str))


def named_project(slug: object) -> Project:
    """Return the project that `--project` names; raise Usage with the slugs there are."""
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        known = ", ".join(Project.objects.order_by("slug").values_list("slug", flat=True)[:20])
        raise Usage(f"There is no project {str(slug)!r}; there is {known or 'none yet'}.")
    return project


def named_account(username: object) -> User | None:
    """Return the account that `--as` names, for the audit row; None where it was not given."""
    if not username:
        return None
    user = User.objects.filter(username=username).first()
    if user is None:
        raise Usage(f"There is no account {str(username)!r}.")
    return user
