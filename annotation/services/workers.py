"""Name this process, so that a claim names its holder and a dead holder can be recognised.

A process of another machine is never called dead. Its claims end when they become stale.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


def identity() -> str:
    """Return a name that no other process ever has: machine, process id and start tick."""
    pid = os.getpid()
    return f"{machine()}{pid}/{_start_tick(pid)}"


@cache
def machine() -> str:
    """Return a name for this boot of this machine or container; `identity()` begins with it."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()[:8]
        namespace = os.readlink(_PROC / "self/ns/pid")
    except OSError:
        boot, namespace = "", ""
    return f"{socket.gethostname()[:80]}/{boot}/{namespace}/"


def is_dead(name: str) -> bool:
    """Say whether `name` is a process of this machine that has ended; False when unsure."""
    if not name.startswith(machine()) or not _start_tick(os.getpid()):
        return False
    pid, _, start_tick = name.removeprefix(machine()).partition("/")
    return pid.isdigit() and bool(start_tick) and _start_tick(int(pid)) != start_tick


def _start_tick(pid: int) -> str:
    """Return the start tick of a process; empty if there is no such process or it is a zombie."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
