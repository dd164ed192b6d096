"""Write the OpenAPI document that the editor's types are made from; `--check` finds drift."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from drf_spectacular.generators import SchemaGenerator


class Command(BaseCommand):
    """`manage.py export_schema [--check] [--stdout]`"""

    help = "Write frontend/schema.json, from which the TypeScript types are generated."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="Write nothing; fail on drift.")
        parser.add_argument("--stdout", action="store_true", help="Print it instead.")

    def handle(self, *, check: bool, stdout: bool, **_options: object) -> None:
        generator = SchemaGenerator()  # type: ignore[no-untyped-call]
        document = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        text = json.dumps(document, indent=2, sort_keys=True) + "\n"
        path = Path(settings.BASE_DIR) / "frontend" / "schema.json"
        if stdout:
            self.stdout.write(text, ending="")
        elif not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            raise CommandError("The API has changed: run export_schema and `npm run types`.")
