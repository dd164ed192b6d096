"""Code that the demo and the headless loop share: images, a project with images, and the robots.

The images come from a data folder or are phantoms. Their masks are imported as hidden truth, which
only the robot reader sees.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings

from annotation.management.console import ConsoleCommand, UsageError
from annotation.models import Membership, Project, User
from annotation.services import projects
from annotation.services.intake.importing import import_folder
from annotation.services.members import add_member
from fixtures.cohort import write_cohort
from mlloop.contract.presets import preset

ROBOT, ROBOT_ENGINEER = "robot", "robot-engineer"


def choose_folder(
    command: ConsoleCommand, data: object, *, phantom_patients: int, phantom_seed: int
) -> Path:
    """Return the folder that `--data` names, or a folder with new phantoms without `--data`."""
    if not data:
        return _draw_phantoms(command, patients=phantom_patients, seed=phantom_seed)
    folder = Path(str(data))
    if not (folder / "metadata.csv").is_file():
        raise UsageError(f"{folder} has no metadata.csv; see the README for its columns.")
    return folder


def create_sample_project(
    command: ConsoleCommand,
    folder: Path,
    *,
    slug: str,
    name: str,
    preset_name: str,
    sealed_fraction: float = 0.2,
    limit: int | None = None,
    seed: int = 0,
) -> Project:
    """Create a project and import the folder, with its infection masks as hidden truth.

    `seed` decides how patients are split, and which images are drawn if there is a `limit`.
    """
    project = projects.create_project(
        slug=slug,
        name=name,
        actor=None,
        folds=preset(preset_name).folds,
        sealed_fraction=sealed_fraction,
        split_seed=seed,
        preset=preset_name,
    )
    with command.progress(f"Importing into {slug}") as progress:
        import_folder(
            project=project,
            folder=folder,
            metadata=folder / "metadata.csv",
            masks_as="truth",
            actor=None,
            progress=progress,
            limit=limit,
            limit_seed=seed,
        )
    return project


def ensure_robot_reader(project: Project) -> User:
    """Return the service account `robot`, a reader of the project, without password."""
    return _ensure_robot(project, ROBOT, Membership.Role.READER)


def ensure_robot_engineer(project: Project) -> User:
    """Return the service account that plans and promotes rounds, without password.

    It is not the robot reader: nobody both reads and runs rounds in one project.
    """
    return _ensure_robot(project, ROBOT_ENGINEER, Membership.Role.ENGINEER)


def _ensure_robot(project: Project, name: str, role: str) -> User:
    user, is_new = User.objects.get_or_create(username=name)
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    add_member(project=project, user=user, role=role, actor=None)
    return user


def _draw_phantoms(command: ConsoleCommand, *, patients: int, seed: int) -> Path:
    folder = settings.DATA_ROOT / "phantoms"
    shutil.rmtree(folder, ignore_errors=True)
    command.say(f"Drawing phantom radiographs of {patients} patients ...")
    write_cohort(folder, patients=patients, seed=seed)
    return folder
