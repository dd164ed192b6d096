"""Follow the hash chain of the audit, and hold a release's copy of its head against it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from django.core.management.base import CommandParser

from annotation.audit_chain import SERVER, Head
from annotation.formats.manifest import MANIFEST
from annotation.management.console import ConsoleCommand, Outcome, UsageError, named_project
from annotation.models import Project
from annotation.selectors.audit import Break, disagreement, first_break, head_of


class Command(ConsoleCommand):
    help = "Check that no row of the audit was changed or removed; name the first broken row."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--project", metavar="SLUG", help="check one project; default: all")
        parser.add_argument(
            "--release", metavar="DIR", help="a release of the project, downloaded earlier"
        )

    def run(self, options: Mapping[str, object]) -> Outcome:
        slug, folder = options["project"], options["release"]
        if folder and not slug:
            raise UsageError("--release needs --project: a release names one project's audit.")
        printed = _head_of_release(Path(str(folder))) if folder else None
        projects: list[Project | None] = [named_project(slug)] if slug else []
        if not slug:
            projects = [None, *Project.objects.order_by("slug")]
        facts, lines, n_broken = {}, [], 0
        for project in projects:
            name = project.slug if project else SERVER
            broken = first_break(project)
            head = head_of(project.id if project else None)
            facts[name] = {**head.as_json(), "broken": _facts(broken)}
            lines.append(f"{name}: {broken.sentence if broken else _whole(head)}")
            n_broken += broken is not None
            if project and printed and (sentence := disagreement(project, printed)):
                facts[name]["release"] = sentence
                lines.append(f"{name}: {sentence}")
                n_broken += 1
        refusal = f"{n_broken} chain(s) of the audit are broken." if n_broken else ""
        return Outcome({"chains": facts}, lines, refusal)


def _whole(head: Head) -> str:
    return f"the {head.length} row(s) of the audit are whole; the last hash is {head.sha256}."


def _facts(broken: Break | None) -> dict[str, object] | None:
    if broken is None:
        return None
    return {
        "sequence": broken.sequence,
        "row": str(broken.row) if broken.row else None,
        "sentence": broken.sentence,
    }


def _head_of_release(folder: Path) -> Head:
    """Return the head that a release's manifest names; raise UsageError if it names none."""
    try:
        head = json.loads((folder / MANIFEST).read_bytes())["audit"]
        return Head(int(head["length"]), str(head["sha256"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{folder / MANIFEST} is not a manifest that names the head of an audit."
        ) from None
