"""Check a release folder against its manifest and prove its origin, without a database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management.base import CommandParser

from annotation.formats.sealed_part import verify_sealed_part
from annotation.formats.signature import SignatureError, public_keys
from annotation.formats.verification import Trust, Verification, verify_folder
from annotation.management.console import ConsoleCommand, Outcome, UsageError

MAX_LISTED = 20
_KINDS = ("broken", "missing", "changed", "extra", "not_plain")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_MAX_KEY_BYTES = 1024**2
ONLY_CONSISTENT = (
    "Only consistency was checked. A person who changes a file can also write a new manifest and"
    " a new signature, so this does not prove where the release comes from."
)
HOW_TO_PROVE = (
    "To prove it, give --key FILE with the public key from the server's releases page, or"
    " --sha256 HASH with the hash that this page shows for the version."
)


class Command(ConsoleCommand):
    help = (
        "List everything that is missing, changed or extra in a release folder, and every link. "
        "Exit code 0 means that nothing differs. With --key or --sha256, it also proves the origin."
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DIR", help="the folder that holds manifest.json")
        parser.add_argument(
            "--key",
            metavar="FILE",
            help="the public keys of the server, in PEM form, from its releases page",
        )
        parser.add_argument(
            "--sha256", metavar="HASH", help="the sha256 of manifest.json, from the releases page"
        )
        parser.add_argument(
            "--sealed",
            metavar="DIR",
            help="the folder of the sealed part: check it too, and that it belongs to this release",
        )

    def run(self, options: Mapping[str, object]) -> Outcome:
        folder = Path(str(options["folder"]))
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder.")
        trust = Trust(
            keys=_keys(Path(str(options["key"])), folder) if options["key"] is not None else {},
            manifest_sha256=_hash(str(options["sha256"])) if options["sha256"] is not None else "",
        )
        with self.progress("Verifying", unit="file") as progress:
            verification = verify_folder(folder, trust=trust, progress=progress)
        facts = {"holds": verification.holds, **asdict(verification)}
        if verification.holds:
            lines = _good_lines(folder, verification, trust)
            if options["sealed"] is None:
                return Outcome(facts, lines)
            return self._with_sealed(folder, Path(str(options["sealed"])), facts, lines)
        return Outcome(facts, _lines(verification), refusal=_refusal(verification))

    def _with_sealed(
        self, folder: Path, sealed: Path, facts: dict[str, object], lines: list[str]
    ) -> Outcome:
        """Verify the sealed part of a release whose open part holds, as `lines` say."""
        if not sealed.is_dir():
            raise UsageError(f"{sealed} is not a folder.")
        with self.progress("Verifying the sealed part", unit="file") as progress:
            verified = verify_sealed_part(folder, sealed, progress=progress)
        facts |= {"holds": verified.holds, "sealed": asdict(verified)}
        if not verified.holds:
            return Outcome(facts, _lines(verified), refusal=_refusal(verified))
        files = f"all {verified.checked} files match its manifest, which {folder} names"
        return Outcome(facts, [*lines, f"{sealed} is the sealed part of it: {files}."])


def _keys(file: Path, folder: Path) -> Mapping[str, Ed25519PublicKey]:
    """Return the public keys of `--key`. A key that comes with the release proves nothing."""
    if file.resolve().is_relative_to(folder.resolve()):
        raise UsageError(
            f"{file} lies in the release itself, so it proves nothing. Take the key from the "
            "server's releases page."
        )
    try:
        with file.open("rb") as opened:
            return public_keys(opened.read(_MAX_KEY_BYTES))
    except OSError as error:
        raise UsageError(f"The key file {file} cannot be read: {error.strerror}.") from error
    except SignatureError as error:
        raise UsageError(f"The key file {file} cannot be used: {error}") from error


def _hash(text: str) -> str:
    if not _SHA256.fullmatch(text.strip()):
        raise UsageError(f"{text!r} is not a sha256: 64 digits from 0 to 9 and a to f are needed.")
    return text.strip().lower()


def _good_lines(folder: Path, verification: Verification, trust: Trust) -> list[str]:
    files = f"all {verification.checked} files match the manifest"
    signed = f"The manifest says that key {verification.signed_by} signed it."
    unsigned = "The release is not signed: it was made before releases were signed."
    if verification.origin != "proved":
        about = signed if verification.signed_by else unsigned
        return [f"{folder} is consistent: {files}.", ONLY_CONSISTENT, about, HOW_TO_PROVE]
    proofs = [f"key {verification.signed_by} signed it"] if trust.keys else []
    proofs += ["it has the given hash"] if trust.manifest_sha256 else []
    return [f"{folder} is the release: {files}, and {' and '.join(proofs)}."]


def _lines(verification: Verification) -> list[str]:
    """Return a line for each wrong file, at most MAX_LISTED of each kind."""
    lines = []
    for kind in _KINDS:
        paths: list[str] = getattr(verification, kind)
        name = kind.replace("_", " ")
        lines += [f"{name}: {path}" for path in paths[:MAX_LISTED]]
        if len(paths) > MAX_LISTED:
            lines.append(f"{name}: and {len(paths) - MAX_LISTED} more (--json lists all)")
    return lines


def _refusal(verification: Verification) -> str:
    parts = [
        f"{len(paths)} {kind.replace('_', ' ')}"
        for kind in _KINDS
        if (paths := getattr(verification, kind))
    ]
    return f"This is not the release: {', '.join(parts)}."
