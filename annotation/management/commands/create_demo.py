"""Create the demo project: its images, one account for each role, and a planned first round."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping

from django.conf import settings
from django.core.management.base import CommandParser

from annotation.errors import Refused
from annotation.management.console import ConsoleCommand, Outcome
from annotation.management.sample_projects import (
    choose_folder,
    create_sample_project,
    ensure_robot_engineer,
    ensure_robot_reader,
)
from annotation.models import Assignment, Membership, Project, User
from annotation.services.members import add_member
from annotation.services.reading.robot_reader import read_cases
from annotation.services.rounds.planning import plan_round

SLUG = "demo"
DEMO_EMAIL = "@demo.invalid"
PRESET = "tiny"
PHANTOM_PATIENTS = 80
PHANTOM_SEED = 7
# Sealed figures are shown from 20 images on. A third of the demo's patients is enough for that.
SEALED_FRACTION = 0.33
REAL_IMAGES = 160
SEED_SIZE = 28
LEFT_TO_READ = 4  # sealed cases that the robot leaves for a person
GUIDELINE = """Outline every area of infection: ground-glass opacity, consolidation, infiltrate.
Leave out ribs, vessels, the heart's border, lines and devices.
When unsure whether a faint haze is infection, leave it out and flag the case.
No infection at all: press 0."""


class Command(ConsoleCommand):
    help = "Create the demo project and its accounts if they do not exist; print the logins."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--data", metavar="DIR", help="folder with images and metadata.csv; default: phantoms"
        )

    def run(self, options: Mapping[str, object]) -> Outcome:
        if settings.IS_PUBLIC:
            raise Refused(
                "A demo runs on loopback only, and ROUNDTRUTH_HOSTS makes this server public."
            )
        if not Project.objects.filter(slug=SLUG).exists():
            self._create(options["data"])
        logins = _logins()
        url = f"http://{settings.BIND}/"
        width = max(map(len, logins))
        return Outcome(
            {"url": url, "project": SLUG, "logins": logins},
            [
                "",
                f"Roundtruth is at {url} with one login for each role:",
                *(f"  {name.ljust(width)}  {password}" for name, password in logins.items()),
                "To watch round 1, sign in as engineer and open Rounds.",
                "To read cases, sign in as reader.",
                "",
            ],
        )

    def _create(self, data: object) -> None:
        """Import the images, let the robot draw most of the masks, and plan a round."""
        folder = choose_folder(
            self, data, phantom_patients=PHANTOM_PATIENTS, phantom_seed=PHANTOM_SEED
        )
        project = create_sample_project(
            self,
            folder,
            slug=SLUG,
            name="COVID pilot",
            preset_name=PRESET,
            sealed_fraction=SEALED_FRACTION,
            limit=REAL_IMAGES if data else None,
        )
        project.guideline = GUIDELINE
        project.promotes_itself = True
        project.seed_size = SEED_SIZE
        project.save(update_fields=["guideline", "promotes_itself", "seed_size"])
        robot = ensure_robot_reader(project)
        for purpose, limit in (
            (Assignment.Purpose.SEED, SEED_SIZE),
            (Assignment.Purpose.SEALED, _count_sealed(project) - LEFT_TO_READ),
        ):
            read_cases(project=project, reader=robot, purpose=purpose, seed=0, limit=limit)
        plan_round(project=project, actor=ensure_robot_engineer(project))
        for role in Membership.Role.values:
            _add_demo_account(project, role)


def _count_sealed(project: Project) -> int:
    """Return the number of sealed covid images, but at least LEFT_TO_READ."""
    sealed = project.images.filter(patient__split="sealed", group="covid")
    return max(sealed.count(), LEFT_TO_READ)


def _add_demo_account(project: Project, role: str) -> None:
    user, _ = User.objects.get_or_create(
        username=role,
        defaults={
            "email": f"{role}{DEMO_EMAIL}",
            "first_name": f"Demo {role}",
            "is_demo": True,
        },
    )
    add_member(project=project, user=user, role=role, actor=None)


def _logins() -> dict[str, str]:
    """Return the passwords of the demo accounts.

    They are created once, and stored in a file that only this system user can read.
    """
    path = settings.DATA_ROOT / "demo-logins.json"
    try:
        # O_EXCL: only the first call creates the file, so passwords are set only once.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return dict(json.loads(path.read_text()))
    logins = {}
    for user in User.objects.filter(is_demo=True).order_by("username"):
        logins[user.username] = secrets.token_urlsafe(9)
        user.set_password(logins[user.username])
        user.save(update_fields=["password"])
    with os.fdopen(descriptor, "w") as out:
        json.dump(logins, out)
    return logins
