"""`make audit` never calls a lock sound that no registry was asked about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import audit
from tools.audit import Audit, exit_code, lines_of, read_npm_audit, read_pip_audit

WEAK = {"name": "weak", "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}
SOUND = {"name": "sound", "version": "2.0", "vulns": []}
SKIPPED = {"name": "unknown", "skip_reason": "not found"}


def pip_says(*packages: dict) -> Audit:
    return read_pip_audit("x.lock", json.dumps({"dependencies": packages, "fixes": []}), "")


def test_audit_when_all_is_checked_and_sound_then_0() -> None:
    assert exit_code([pip_says(SOUND)]) == 0
    assert lines_of(pip_says(SOUND)) == ["x.lock: 1 packages checked, none is known weak"]


def test_audit_when_a_weakness_is_known_then_1_and_it_is_named() -> None:
    found = pip_says(SOUND, WEAK, SKIPPED)
    assert exit_code([pip_says(SOUND), found]) == 1
    assert "  weak: weak 1.0: CVE-1, fixed in 1.1" in lines_of(found)


def test_audit_when_a_package_was_skipped_then_2() -> None:
    # pip-audit itself exits with 0 here and says that nothing was found.
    assert exit_code([pip_says(SOUND, SKIPPED)]) == 2
    assert "  not checked: unknown: not found" in lines_of(pip_says(SOUND, SKIPPED))


@pytest.mark.parametrize("output", ["", "null", "[]", "{}", "Traceback", '{"dependencies": 1}'])
def test_audit_when_the_tool_says_no_json_then_2_with_its_last_words(output: str) -> None:
    found = read_pip_audit("x.lock", output, "Traceback\n  ConnectionError: refused\n")
    assert (exit_code([found]), found.unchecked) == (2, ["ConnectionError: refused"])
    assert lines_of(found)[0] == "x.lock: NOT CHECKED"


def test_audit_when_npm_has_no_registry_then_2() -> None:
    refused = json.dumps({"message": "audit endpoint returned an error", "error": {"summary": ""}})
    found = read_npm_audit("x", refused, "")
    assert (exit_code([found]), found.unchecked) == (2, ["audit endpoint returned an error"])


def test_audit_when_npm_answers_then_its_packages_count() -> None:
    report = {"vulnerabilities": {}, "metadata": {"dependencies": {"total": 31}}}
    assert exit_code([read_npm_audit("x", json.dumps(report), "")]) == 0
    report["vulnerabilities"] = {"weak": {"severity": "high", "range": "<2"}}
    assert exit_code([read_npm_audit("x", json.dumps(report), "")]) == 1


@pytest.mark.slow
def test_audit_when_nothing_answers_then_the_real_tools_are_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run pip-audit and npm with a proxy that nobody serves."""
    lock = tmp_path / "requirements.lock"
    lock.write_text("packaging==26.0 --hash=sha256:" + "0" * 64 + "\n")
    (tmp_path / "package-lock.json").write_text(
        json.dumps(
            {
                "name": "x",
                "lockfileVersion": 3,
                "packages": {"node_modules/y": {"version": "1.0.0"}},
            }
        )
    )
    (tmp_path / "package.json").write_text(
        json.dumps({"name": "x", "dependencies": {"y": "1.0.0"}})
    )
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name, value in {
        "NO_PROXY": "",
        "no_proxy": "",
        "npm_config_fetch_retries": "0",
        "npm_config_registry": "http://127.0.0.1:9",
        "PIP_AUDIT_CACHE_DIR": str(tmp_path / "cache"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(audit, "PYTHON_LOCKS", (lock,))
    monkeypatch.setattr(audit, "NODE_FOLDER", tmp_path)
    assert audit.main() == 2
    said = capsys.readouterr().out
    assert said.count("NOT CHECKED") == 3  # each lock, and the closing sentence
