"""Ask the registries for known weaknesses of the locked packages, and say what was not checked.

Exit code 0: every package was checked, and no weakness is known. 1: a weakness is known. 2:
something was not checked, because no registry answered or the registry does not know the package. A
registry that does not answer never looks like a pass.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PYTHON_LOCKS = (ROOT / "requirements.lock",)  # docker/web.lock is a part of it
NODE_FOLDER = ROOT / "frontend"
TIMEOUT_SECONDS = 600
_SHOWN = 300  # characters of a tool's complaint


@dataclass(slots=True)
class Audit:
    """What one tool found about one lock."""

    lock: str
    n_checked: int = 0
    weaknesses: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def audit_python(lock: Path) -> Audit:
    """Ask about every pin of a Python lock, without installing anything."""
    options = ("--require-hashes", "--disable-pip", "--format", "json", "--timeout", "15")
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", *options]
    return read_pip_audit(lock.name, *_run([*command, "--requirement", str(lock)], lock.parent))


def audit_node(folder: Path) -> Audit:
    """Ask about every package of a folder's package-lock.json."""
    lock = f"{folder.name}/package-lock.json"
    if (npm := shutil.which("npm")) is None:
        return Audit(lock, unchecked=["npm is not on the path"])
    return read_npm_audit(lock, *_run([npm, "audit", "--package-lock-only", "--json"], folder))


def read_pip_audit(lock: str, output: str, complaint: str) -> Audit:
    """Read the JSON of pip-audit. Without JSON nothing was checked, whatever its exit code."""
    report = _object_in(output)
    if not isinstance(report.get("dependencies"), list):
        return Audit(lock, unchecked=[_reason(complaint or output)])
    audit = Audit(lock)
    for package in report["dependencies"]:
        if "skip_reason" in package:  # pip-audit itself counts this as a success
            audit.unchecked.append(f"{package['name']}: {package['skip_reason']}")
            continue
        audit.n_checked += 1
        for weakness in package.get("vulns", ()):
            fixed = ", ".join(weakness.get("fix_versions", ())) or "no version yet"
            audit.weaknesses.append(
                f"{package['name']} {package['version']}: {weakness['id']}, fixed in {fixed}"
            )
    return audit


def read_npm_audit(lock: str, output: str, complaint: str) -> Audit:
    """Read the JSON of `npm audit`. An answer without a list of weaknesses checked nothing."""
    report = _object_in(output)
    if not isinstance(report.get("vulnerabilities"), dict):
        words = report.get("message") or (report.get("error") or {}).get("summary") or complaint
        return Audit(lock, unchecked=[_reason(str(words or output))])
    total = report.get("metadata", {}).get("dependencies", {}).get("total", 0)
    audit = Audit(lock, n_checked=int(total))
    for name, weakness in report["vulnerabilities"].items():
        audit.weaknesses.append(f"{name} {weakness.get('range', '')}: {weakness.get('severity')}")
    return audit


def lines_of(audit: Audit) -> list[str]:
    """Return what a person reads about one lock."""
    known = (
        f"{len(audit.weaknesses)} known weaknesses" if audit.weaknesses else "none is known weak"
    )
    lines = [f"{audit.lock}: {audit.n_checked} packages checked, {known}"]
    if not audit.n_checked:
        lines = [f"{audit.lock}: NOT CHECKED"]
    lines += [f"  weak: {weakness}" for weakness in audit.weaknesses]
    return lines + [f"  not checked: {reason}" for reason in audit.unchecked]


def exit_code(audits: Sequence[Audit]) -> int:
    """Return 1 for a known weakness, 2 if something was not checked, otherwise 0."""
    if any(audit.weaknesses for audit in audits):
        return 1
    return 2 if any(audit.unchecked or not audit.n_checked for audit in audits) else 0


def _run(command: Sequence[str], folder: Path) -> tuple[str, str]:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            check=False,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return "", f"no answer within {TIMEOUT_SECONDS} s"
    return done.stdout, done.stderr


def _object_in(output: str) -> dict[str, Any]:
    try:
        report = json.loads(output)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def _reason(complaint: str) -> str:
    """Return the last line of a complaint, which names the cause in a traceback too."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return (lines[-1] if lines else "the tool said nothing")[:_SHOWN]


def main() -> int:
    """Audit every lock, print what was found, and return the exit code."""
    audits = [audit_python(lock) for lock in PYTHON_LOCKS] + [audit_node(NODE_FOLDER)]
    for audit in audits:
        print("\n".join(lines_of(audit)))
    code = exit_code(audits)
    if code == 2:
        print("Part of this was NOT CHECKED. Run it again where the registries answer.")
    return code


if __name__ == "__main__":
    sys.exit(main())
