"""A folder of real films, if there is one, is imported; the memory of an import stays flat."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from annotation.models import Image, Project, Truth
from annotation.services.intake.importing import import_folder
from tests.support import intake_files as files

DATA = os.environ.get("ROUNDTRUTH_DATA", "")


@pytest.mark.skipif(not DATA, reason="ROUNDTRUTH_DATA is not set")
def test_real_folder_when_imported_then_only_dicom_is_refused(project: Project) -> None:
    report = import_folder(project=project, folder=Path(DATA), masks_as="truth", limit=150)
    assert 140 <= report.added <= 150
    assert {item.code for item in report.refused} <= {"dicom"}
    assert Truth.objects.filter(label__key="infection").count() == report.masks["infection"]
    assert {"covid", "normal", "other"} == set(report.groups)


@pytest.mark.slow
def test_memory_when_four_times_as_many_images_then_the_same_peak(
    project: Project, tmp_path: Path
) -> None:
    peaks = []
    for n in (100, 400):
        folder = tmp_path / str(n)
        films = {
            f"{n}-{i}.png": files.png(files.film(n * 1000 + i, size=(256, 256))) for i in range(n)
        }
        files.write(folder, films)
        del films
        tracemalloc.start()
        import_folder(project=project, folder=folder)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert Image.objects.count() == 500
    # 300 more decoded films of 64 kB would be 20 MB more.
    assert peaks[1] < peaks[0] + 3_000_000
