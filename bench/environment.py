"""The environment of one run: an empty data folder and database, both deleted at the end.

Call `start_environment` before any model is imported. A run never writes to another database.
"""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import django
from django.conf import settings
from django.db import connection

from mlloop.networks.devices import DeviceChoice

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "var" / "bench"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run: its folder, the number of images, and the device of the networks."""

    folder: Path
    images: int
    device: DeviceChoice


@contextlib.contextmanager
def start_environment() -> Iterator[Path]:
    """Start Django on an empty database in an empty folder, and yield the folder.

    The folder is on the same disk as the report. If DATABASE_URL names a server, the run creates a
    new database there and drops it at the end.
    """
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=OUT) as name:
        os.environ["ROUNDTRUTH_VAR"] = name
        os.environ["DJANGO_SETTINGS_MODULE"] = "annotation.config.settings"
        os.environ.setdefault("ROUNDTRUTH_LOG_LEVEL", "WARNING")
        django.setup()
        is_sqlite = connection.vendor == "sqlite"
        database = str(Path(name) / "bench.sqlite3") if is_sqlite else f"bench_{os.getpid()}"
        connection.settings_dict["TEST"]["NAME"] = database
        before = str(settings.DATABASES["default"]["NAME"])
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        try:
            yield Path(name)
        finally:
            connection.creation.destroy_test_db(before, verbosity=0)


def machine() -> str:
    """Return the name of the processor and its number of cores."""
    return f"{_processor()}, {os.cpu_count()} cores"


def machine_and_database() -> str:
    """Return the name of the processor, its number of cores and the kind of database."""
    return f"{machine()}, {connection.vendor}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
