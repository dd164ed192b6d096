"""Become a child process that cannot outlive its parent: `launch.py PARENT_PID NICE COMMAND...`.

This is a script that runs before the real program. Doing the same between fork and exec could
deadlock, because the server has threads. It imports nothing of the project.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, niceness: int, command: list[str]) -> None:
    """Ask the kernel to kill this process when the parent ends, then become `command`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the request reached the kernel.
    if os.getppid() != parent:
        sys.exit("the parent process has ended")
    os.nice(niceness)
    os.execvp(command[0], command)  # noqa: S606 - no shell, and learner.py makes the list


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
