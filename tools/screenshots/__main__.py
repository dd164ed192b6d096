"""Make every picture, or those that are named: `python -m tools.screenshots reading-room`."""

from __future__ import annotations

import importlib
import sys

from bench.environment import start_environment

if __name__ == "__main__":
    with start_environment() as folder:
        # Only now: these modules import models, and Django has just been started.
        sys.exit(importlib.import_module("tools.screenshots.pictures").make(folder, sys.argv[1:]))
