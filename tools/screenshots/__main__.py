"""Make every picture, or only the named pictures: `python -m tools.screenshots reading-room`."""

from __future__ import annotations

import importlib
import sys

from bench.environment import start_environment

if __name__ == "__main__":
    with start_environment() as folder:
        # Imported here, because these modules import models and Django must be started first.
        sys.exit(importlib.import_module("tools.screenshots.pictures").make(folder, sys.argv[1:]))
