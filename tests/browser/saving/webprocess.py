"""The web process as the Procfile starts it, on the test's database and files, to be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connection

START_SECONDS = 30.0
PROCFILE = Path(settings.BASE_DIR) / "Procfile"


def web_command() -> str:
    """Return the Procfile's web command without its keeper: the test says when it starts."""
    line = next(line for line in PROCFILE.read_text().splitlines() if line.startswith("web:"))
    return line.replace("web: exec tools/keep-running", "exec")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class WebProcess:
    """A server that is somebody else's process: it shares the database file, and can be killed."""

    log: IO[bytes]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        """Start it on its port and wait until it answers."""
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
            "ROUNDTRUTH_VAR": str(settings.DATA_ROOT),
            "ROUNDTRUTH_SECRET_KEY": settings.SECRET_KEY,
            "ROUNDTRUTH_BIND": f"127.0.0.1:{self.port}",
            "ROUNDTRUTH_TEST_HANDLE": "1",
        }
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", web_command()],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        end = time.monotonic() + START_SECONDS
        while not self.answers():
            assert self.process.poll() is None, "the web process ended"
            assert time.monotonic() < end, "the web process does not answer"
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """End it and its children as running out of memory would: no handler of theirs runs."""
        if self.process is None:
            return
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
