"""Load the demo project: phantoms or a data folder, one login per role, a first round due."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandParser

from annotation.errors import Refused
from annotation.management.console import Outcome, Usage, Verb
from annotation.management.simulation import robot_account
from annotation.models import Assignment, Membership, Project, User
from annotation.services.intake.importing import import_folder
from annotation.services.projects import add_member, create_project
from annotation.services.reading.simulated_reader import read_cases
from annotation.services.rounds.lifecycle import plan_round
from fixtures.cohort import write_cohort
from mlloop.contract.presets import preset

SLUG = "demo"
PRESET = "tiny"
PHANTOM_PATIENTS = 80
# A third is sealed, so that the demo's sealed figures are over 20 images and are shown.
SEALED_FRACTION = 0.33
REAL_IMAGES = 160
SEED_SIZE = 28
LEFT_TO_READ = 4
GUIDELINE = """Outline every area of infection: ground-glass opacity, consolidation, infiltrate.
Leave out ribs, vessels, the heart's border, lines and devices.
When unsure whether a faint haze is infection, leave it out and flag the case.
No infection at all: press 0."""


class Command(Verb):
    help = "Create the demo project with its accounts, once; print the logins every time."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--data", metavar="DIR", help="images and metadata.csv; else phantoms")

    def run(self, options: Mapping[str, object]) -> Outcome:
        if settings.IS_PUBLIC:
            raise Refused("ROUNDTRUTH_HOSTS makes this server public: a demo stays on loopback.")
        if not Project.objects.filter(slug=SLUG).exists():
            self._create(Path(str(options["data"])) if options["data"] else None)
        logins = _logins()
        url = f"http://{settings.BIND}/"
        width = max(map(len, logins))
        return Outcome(
            {"url": url, "project": SLUG, "logins": logins},
            [
                "",
                f"Roundtruth is at {url} with one login per role:",
                *(f"  {name.ljust(width)}  {password}" for name, password in logins.items()),
                "Watch round 1 train: sign in as engineer, page Rounds. Read cases: as reader.",
                "",
            ],
        )

    def _create(self, data: Path | None) -> None:
        """Import, let the robot draw most of the seed masks, and leave a round to the worker."""
        folder = data or self._phantoms()
        if not (folder / "metadata.csv").is_file():
            raise Usage(f"{folder} has no metadata.csv; see the README for its columns.")
        project = create_project(
            slug=SLUG,
            name="COVID pilot",
            actor=None,
            folds=preset(PRESET).folds,
            sealed_fraction=SEALED_FRACTION,
            seed_size=SEED_SIZE,
            preset=PRESET,
        )
        project.guideline = GUIDELINE
        project.promotes_itself = True
        project.save(update_fields=["guideline", "promotes_itself"])
        with self.progress("Importing") as progress:
            import_folder(
                project=project,
                folder=folder,
                metadata=folder / "metadata.csv",
                masks=None,
                lung_masks=None,
                masks_as="truth",
                actor=None,
                progress=progress,
                limit=REAL_IMAGES if data else None,
            )
        robot = robot_account(project)
        for purpose, limit in (
            (Assignment.Purpose.SEED, SEED_SIZE),
            (Assignment.Purpose.SEALED, self._sealed(project) - LEFT_TO_READ),
        ):
            read_cases(project=project, reader=robot, purpose=purpose, seed=0, limit=limit)
        plan_round(project=project, actor=robot)
        for role in Membership.Role.values:
            _account(project, role)

    def _sealed(self, project: Project) -> int:
        sealed = project.images.filter(patient__split="sealed", group="covid")
        return max(sealed.count(), LEFT_TO_READ)

    def _phantoms(self) -> Path:
        folder = settings.DATA_ROOT / "phantoms"
        shutil.rmtree(folder, ignore_errors=True)
        self.say(f"Drawing phantom radiographs of {PHANTOM_PATIENTS} patients ...")
        write_cohort(folder, patients=PHANTOM_PATIENTS, seed=7)
        return folder


def _account(project: Project, role: str) -> None:
    user, _ = User.objects.get_or_create(
        username=role,
        defaults={"email": f"{role}{settings.DEMO_EMAIL}", "first_name": f"Demo {role}"},
    )
    add_member(project=project, user=user, role=role, actor=None)


def _logins() -> dict[str, str]:
    """Return the demo's passwords, made once and kept readable for this account only."""
    path = settings.DATA_ROOT / "demo-logins.json"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return dict(json.loads(path.read_text()))
    logins = {}
    for user in User.objects.filter(email__endswith=settings.DEMO_EMAIL).order_by("username"):
        logins[user.username] = secrets.token_urlsafe(9)
        user.set_password(logins[user.username])
        user.save(update_fields=["password"])
    with os.fdopen(handle, "w") as out:
        json.dump(logins, out)
    return logins
