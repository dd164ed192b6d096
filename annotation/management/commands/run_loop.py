"""The whole loop headless: import, rounds with the robot reader, manual arm, release, verify."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandParser

from annotation.formats.qata import verify_folder
from annotation.management.console import Outcome, Usage, Verb
from annotation.management.loop_report import Facts, manual_facts, play_facts, table
from annotation.management.simulation import play_manual, play_proposals
from annotation.models import Image, Project
from annotation.selectors.rounds.simulated import images_read_in_rounds
from annotation.services.intake.importing import import_folder
from annotation.services.projects import create_project
from annotation.services.releases.freezing import run_release
from annotation.services.releases.requesting import export_release, request_release
from fixtures.cohort import write_cohort
from mlloop.contract.presets import PRESETS, preset

PHANTOM_PATIENTS = 110


class Command(Verb):
    help = "Play the whole loop on phantoms or a data folder; ends with a verified release."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--data", metavar="DIR", help="images and metadata.csv; else phantoms")
        parser.add_argument("--limit", type=int, metavar="N", help="a seeded draw of N images")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--rounds", type=int, default=3, metavar="N")
        parser.add_argument("--preset", choices=sorted(PRESETS), help="tiny for phantoms, else cpu")

    def run(self, options: Mapping[str, object]) -> Outcome:
        began = time.monotonic()
        if Project.objects.filter(slug__in=("loop", "loop-manual")).exists():
            raise Usage(
                "A loop was played in this database already. `make loop` starts from an empty one."
            )
        seed, limit = int(str(options["seed"])), options["limit"]
        folder = self._data(options["data"], seed)
        name = str(options["preset"] or ("cpu" if options["data"] else "tiny"))
        take = int(str(limit)) if limit else None
        project = self._project("loop", folder, seed=seed, limit=take, preset_name=name)
        plan = preset(name)
        played = play_proposals(
            project=project, rounds=int(str(options["rounds"])), seed=seed, plan=plan, say=self.say
        )
        facts = play_facts(played)
        manual = self._project("loop-manual", folder, seed=seed, limit=take, preset_name=name)
        by_hand = play_manual(project=manual, seed=seed, say=self.say)
        facts["manual_arm"] = manual_facts(by_hand, images_read_in_rounds(project))
        facts["release"], problem = self._release(project)
        facts |= {"seed": seed, "preset": name, "limit": take, "images": project.images.count()}
        facts["seconds"] = round(time.monotonic() - began, 1)
        path = settings.DATA_ROOT / "report.json"
        _write(path, facts)
        return Outcome(facts, [*table(facts), *_summary(facts), f"Report: {path}"], problem)

    def _data(self, given: object, seed: int) -> Path:
        """Return the folder to import: the one given, or phantoms made now."""
        if given:
            folder = Path(str(given))
            if not (folder / "metadata.csv").is_file():
                raise Usage(f"{folder} has no metadata.csv; see the README for its columns.")
            return folder
        folder = settings.DATA_ROOT / "phantoms"
        shutil.rmtree(folder, ignore_errors=True)
        write_cohort(folder, patients=PHANTOM_PATIENTS, seed=seed + 1)
        self.say(f"Phantoms of {PHANTOM_PATIENTS} patients drawn.")
        return folder

    def _project(
        self, slug: str, folder: Path, *, seed: int, limit: int | None, preset_name: str
    ) -> Project:
        """Make a project and import the folder, its masks as truth; size the seed reads."""
        project = create_project(
            slug=slug,
            name=slug.replace("-", " ").capitalize(),
            actor=None,
            folds=preset(preset_name).folds,
            split_seed=seed,
            preset=preset_name,
        )
        with self.progress(f"Importing into {slug}") as progress:
            import_folder(
                project=project,
                folder=folder,
                metadata=folder / "metadata.csv",
                masks=None,
                lung_masks=None,
                masks_as="truth",
                actor=None,
                progress=progress,
                limit=limit,
                limit_seed=seed,
            )
        train = Image.objects.filter(project=project, patient__split="train")
        cases = train.filter(group=Image.Group.COVID).count()
        # The manual arm draws every case; the other at most a quarter of the training images.
        project.seed_size = cases if slug == "loop-manual" else min(train.count() // 4, cases // 2)
        project.save(update_fields=["seed_size"])
        self.say(f"{slug}: {project.images.count()} images, {project.seed_size} to draw by hand.")
        return project

    def _release(self, project: Project) -> tuple[Facts, str]:
        """Release, export and verify; return the facts, and what is wrong with it if anything."""
        release = request_release(project=project, version="1.0.0", actor=None)
        run_release(release_id=release.id)
        release.refresh_from_db()
        folder = settings.DATA_ROOT / "release"
        shutil.rmtree(folder, ignore_errors=True)
        export_release(release=release, folder=folder)
        verified = verify_folder(folder)
        facts: Facts = {
            "path": str(folder),
            "version": release.version,
            "masks": release.n_masks,
            "manifest_sha256": release.manifest_sha256,
            "verified": verified.holds,
        }
        return facts, "" if verified.holds else "The release does not verify."


def _summary(facts: Facts) -> list[str]:
    """Say in sentences what the table cannot: both arms, leaks, release."""
    manual: Facts = facts["manual_arm"]  # type: ignore[assignment]
    release: Facts = facts["release"]  # type: ignore[assignment]
    mine, theirs = int(str(facts["changed_pixels"])), int(str(manual["changed_pixels"]))
    unmoved = int(str(facts["changed_pixels_without_slider"]))
    share, still = (f"{n / theirs:.2f}" if theirs else "not known" for n in (mine, unmoved))
    return [
        f"Sealed, pooled, last round less first: {facts['sealed_pooled_last_less_first']}",
        f"Changed pixels on {facts['compared_images']} images: {mine} with proposals, "
        f"{theirs} by hand (ratio {share}; {still} had no threshold been moved).",
        f"Final Dice to truth, per image: {facts['final_dice_to_truth']} with proposals, "
        f"{manual['final_dice_to_truth']} by hand.",
        f"Leaks: {facts['leaks']}. Release {release['version']}: {release['masks']} masks, "
        f"verified: {release['verified']}. Seconds: {facts['seconds']}",
    ]


def _write(path: Path, facts: Facts) -> None:
    """Replace the report in one rename."""
    staging = path.with_suffix(".tmp")
    staging.write_text(json.dumps(facts, indent=2, default=str) + "\n")
    os.replace(staging, path)
