"""Compares an import with a loop that only reads, decodes and hashes the same files."""

from __future__ import annotations

import itertools
import os
import statistics
from concurrent.futures import ThreadPoolExecutor

from annotation.services.intake.importing import import_folder
from annotation.services.projects import create_project
from bench import bare
from bench.environment import Options, machine_and_database
from bench.measure import Bar, Row, alternate, ratio, row, seconds
from bench.phantom_cases import film_files, write_phantoms

BAR = Bar(">=", 0.8)
_numbers = itertools.count()


def measure(options: Options) -> list[Row]:
    """Import the phantoms with their masks, each time into a new project, and return the rows."""
    folder = write_phantoms(options.folder)
    cohort_films = film_files(folder)
    files = [path for film in cohort_films for path in film]

    def import_all() -> float:
        slug = f"intake-{next(_numbers)}"
        project = create_project(slug=slug, name=slug, actor=None)
        return seconds(lambda: import_folder(project=project, folder=folder))

    def decode_all() -> float:
        return seconds(lambda: [bare.decode_and_hash(path) for path in files])

    def decode_in_threads() -> float:
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            return seconds(lambda: list(threads.map(bare.decode_and_hash, files)))

    imported, one_thread, all_cores = alternate(import_all, decode_all, decode_in_threads)
    device = machine_and_database()
    per_second = len(cohort_films) / statistics.median(imported)
    bare_per_second = len(cohort_films) / statistics.median(one_thread)
    return [
        row("import.ratio", ratio(one_thread, imported), "x bare", bar=BAR, device=device),
        row("import.ratio_all_cores", ratio(all_cores, imported), "x bare", device=device),
        row("import.images_per_s", per_second, "images/s", device=device),
        row("import.bare_images_per_s", bare_per_second, "images/s", device=device),
    ]
