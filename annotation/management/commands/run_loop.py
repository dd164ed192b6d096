"""Run the whole loop without people: import, simulated rounds, manual arm, release, check."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandParser

from annotation.formats.sealed_part import verify_sealed_part
from annotation.formats.verification import Trust, verify_folder
from annotation.management.console import ConsoleCommand, Outcome, UsageError
from annotation.management.loop_report import Facts, manual_arm_facts, proposals_arm_facts
from annotation.management.loop_table import table_lines
from annotation.management.sample_projects import choose_folder, create_sample_project
from annotation.management.simulation import simulate_by_hand, simulate_with_proposals
from annotation.models import Image, Project
from annotation.selectors.releases.parts import has_sealed_part
from annotation.selectors.rounds.against_truth import images_read_in_rounds
from annotation.services.releases.exporting import export_release
from annotation.services.releases.freezing import run_release
from annotation.services.releases.requesting import request_release
from mlloop.contract.presets import PRESETS, preset

PHANTOM_PATIENTS = 110
PROPOSALS, MANUAL = "loop", "loop-manual"  # the project slugs of the two arms


class Command(ConsoleCommand):
    help = "Run the whole loop on phantoms or a data folder, up to a verified release."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--data", metavar="DIR", help="folder with images and metadata.csv; default: phantoms"
        )
        parser.add_argument(
            "--limit", type=int, metavar="N", help="import at most N images, drawn with --seed"
        )
        parser.add_argument("--seed", type=int, default=0, help="random seed of everything")
        parser.add_argument("--rounds", type=int, default=3, metavar="N")
        parser.add_argument(
            "--preset",
            choices=sorted(PRESETS),
            help="default: tiny for phantoms, cpu for a data folder",
        )

    def run(self, options: Mapping[str, object]) -> Outcome:
        began = time.monotonic()
        if Project.objects.filter(slug__in=(PROPOSALS, MANUAL)).exists():
            raise UsageError(
                "This database already contains a loop. `make loop` starts with an empty database."
            )
        seed = int(str(options["seed"]))
        folder = choose_folder(
            self, options["data"], phantom_patients=PHANTOM_PATIENTS, phantom_seed=seed + 1
        )
        name = str(options["preset"] or ("cpu" if options["data"] else "tiny"))
        limit = int(str(options["limit"])) if options["limit"] else None
        project = self._create_project(PROPOSALS, folder, seed=seed, limit=limit, preset_name=name)
        plan = preset(name)
        simulation = simulate_with_proposals(
            project=project, rounds=int(str(options["rounds"])), seed=seed, plan=plan, say=self.say
        )
        facts = proposals_arm_facts(simulation)
        manual = self._create_project(MANUAL, folder, seed=seed, limit=limit, preset_name=name)
        by_hand = simulate_by_hand(project=manual, seed=seed, say=self.say)
        facts["manual_arm"] = manual_arm_facts(by_hand, images_read_in_rounds(project))
        facts["release"], problem = self._make_release(project)
        facts |= {"seed": seed, "preset": name, "limit": limit, "images": project.images.count()}
        facts["seconds"] = round(time.monotonic() - began, 1)
        path = settings.DATA_ROOT / "report.json"
        _write_report(path, facts)
        return Outcome(facts, [*table_lines(facts), *_summary(facts), f"Report: {path}"], problem)

    def _create_project(
        self, slug: str, folder: Path, *, seed: int, limit: int | None, preset_name: str
    ) -> Project:
        """Create a project with the images, and decide how many seed masks are drawn by hand."""
        project = create_sample_project(
            self,
            folder,
            slug=slug,
            name=slug.replace("-", " ").capitalize(),
            preset_name=preset_name,
            limit=limit,
            seed=seed,
        )
        train = Image.objects.filter(project=project, patient__split="train")
        cases = train.filter(group=Image.Group.COVID).count()
        # In the manual arm every case is drawn by hand. In the other arm at most a quarter of the
        # training images is, so that cases remain for the networks' proposals.
        project.seed_size = cases if slug == MANUAL else min(train.count() // 4, cases // 2)
        project.save(update_fields=["seed_size"])
        self.say(f"{slug}: {project.images.count()} images, {project.seed_size} to draw by hand.")
        return project

    def _make_release(self, project: Project) -> tuple[Facts, str]:
        """Make, export and verify a release. Return its facts, and a sentence if it is wrong."""
        release = request_release(project=project, version="1.0.0", actor=None)
        run_release(release_id=release.id)
        release.refresh_from_db()
        folder = settings.DATA_ROOT / "release"
        shutil.rmtree(folder, ignore_errors=True)
        export_release(release=release, folder=folder)
        verified = verify_folder(folder, trust=Trust(manifest_sha256=release.manifest_sha256))
        if verified.holds and has_sealed_part(release):
            sealed = settings.DATA_ROOT / "release-sealed"
            shutil.rmtree(sealed, ignore_errors=True)
            export_release(release=release, folder=sealed, part="sealed")
            verified = verify_sealed_part(folder, sealed)
        facts: Facts = {
            "path": str(folder),
            "version": release.version,
            "masks": release.total,
            "manifest_sha256": release.manifest_sha256,
            "verified": verified.holds,
        }
        return facts, "" if verified.holds else "The release does not verify."


def _summary(facts: Facts) -> list[str]:
    """Return the sentences below the table, about both arms, the leaks and the release."""
    manual: Facts = facts["manual_arm"]  # type: ignore[assignment]
    release: Facts = facts["release"]  # type: ignore[assignment]
    by_hand = int(str(manual["changed_pixels"]))
    changed = int(str(facts["changed_pixels"]))
    without_slider = int(str(facts["changed_pixels_without_slider"]))
    ratio, ratio_without_slider = (
        f"{n / by_hand:.2f}" if by_hand else "not known" for n in (changed, without_slider)
    )
    return [
        f"Sealed, pooled, last round minus first: {facts['sealed_pooled_last_less_first']}",
        f"Changed pixels on {facts['compared_images']} images: {changed} with proposals, "
        f"{by_hand} by hand (ratio {ratio}; {ratio_without_slider} without moving a threshold).",
        f"Final Dice to truth, per image: {facts['final_dice_to_truth']} with proposals, "
        f"{manual['final_dice_to_truth']} by hand.",
        f"Leaks: {facts['leaks']}. Release {release['version']}: {release['masks']} masks, "
        f"verified: {release['verified']}. Seconds: {facts['seconds']}",
    ]


def _write_report(path: Path, facts: Facts) -> None:
    """Write the report and rename it at the end: a killed process leaves no half-written file."""
    staging = path.with_suffix(".tmp")
    staging.write_text(json.dumps(facts, indent=2, default=str) + "\n")
    os.replace(staging, path)
