"""Writes the proposals of a run's members on a plain folder: maps, masks, overlays and an index.

Patients of the run get their out-of-fold proposal. All other patients get the mean of the folds. A
resumed call skips finished images. Refuses a folder that holds proposals on other images.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlloop.contract.errors import LearningError, Stop, Stopped
from mlloop.contract.events import Emit, Progress
from mlloop.contract.manifest import Case, ProposeManifest
from mlloop.contract.plan import Plan
from mlloop.contract.records import FieldError, from_plain, read_json, write_bytes, write_json
from mlloop.folders.cases import FolderCase
from mlloop.folders.run import ROUND, RunRecord, finished_members
from mlloop.networks.devices import Device
from mlloop.pixels.arrays import ByteArray
from mlloop.pixels.masks import decode_probability, encode_mask
from mlloop.pixels.overlays import (
    NETWORK_COLOUR,
    decode_film,
    encode_rgb,
    overlay_map,
    overlay_mask,
)
from mlloop.pixels.raster import threshold_mask
from mlloop.proposing.ensemble import propose
from mlloop.proposing.maps import Kind, kind_for


@dataclass(frozen=True, slots=True)
class _ProposedImages:
    """The images.json of a folder of proposals: its images, and the weights of the members."""

    images: tuple[tuple[str, str], ...]
    weights: tuple[str, ...]


def propose_on(
    cases: Sequence[FolderCase],
    record: RunRecord,
    *,
    run: Path,
    out: Path,
    device: Device,
    emit: Emit,
    stop: Stop,
) -> ProposeManifest:
    """Write `proposals/<image>/` for every case and return the manifest.

    Raises LearningError, or Stopped.
    """
    manifest = _make_manifest(cases, record, run)
    _claim_folder(out / "proposals", cases, manifest)
    propose(manifest, out / "proposals", device=device, emit=emit, stop=stop)
    return manifest


def draw_proposals(manifest: ProposeManifest, out: Path, *, emit: Emit, stop: Stop) -> None:
    """Write `masks/`, `overlays/` and `index.csv` from the ensemble's maps. Raises Stopped."""
    progress = Progress(emit, total=len(manifest.cases))
    for case in manifest.cases:
        if stop():
            raise Stopped
        if not (out / "overlays" / f"{case.image}.png").exists():
            _draw(case, manifest.plan, out)
        progress.add(1)
    write_bytes(out / "index.csv", _index_csv(manifest, out).encode())


def read_proposal(out: Path, case: Case, network: str, kind: Kind) -> ByteArray:
    """Return the p8 map of a network, or of the `ensemble`, on a case."""
    file_kind = "ensemble" if network == "ensemble" else kind
    path = out / "proposals" / case.image / f"{network}.{file_kind}.png"
    return decode_probability(path.read_bytes())


def _make_manifest(cases: Sequence[FolderCase], record: RunRecord, run: Path) -> ProposeManifest:
    return ProposeManifest(
        round=ROUND,
        plan=record.plan,
        k=record.k,
        members=finished_members(run, record.plan, record.k),
        cases=record.place_cases(cases),
        trained_patients=record.trained_patients("infection"),
        lung_patients=record.trained_patients("lung"),
    )


def _claim_folder(folder: Path, cases: Sequence[FolderCase], manifest: ProposeManifest) -> None:
    """Write images.json, or raise LearningError if it names other images or other members."""
    now = _ProposedImages(
        tuple((film.case.image, film.image_sha256) for film in cases),
        tuple(member.weights_sha256 for member in manifest.members),
    )
    path = folder / "images.json"
    if not path.exists():
        write_json(path, now)
        return
    try:
        before = from_plain(_ProposedImages, read_json(path))
    except FieldError:
        before = None
    if before != now:
        raise LearningError(
            "other_proposals",
            f"{folder} holds proposals on other images or from other members. Give another --out.",
        )


def _draw(case: Case, plan: Plan, out: Path) -> None:
    p8 = read_proposal(out, case, "ensemble", "ensemble")
    mask = threshold_mask(p8, shape=(case.height, case.width), t8=plan.threshold)
    write_bytes(out / "masks" / f"{case.image}.png", encode_mask(mask))
    shown = decode_film(Path(case.image_path).read_bytes())
    picture = overlay_mask(overlay_map(shown, p8), mask, NETWORK_COLOUR)
    write_bytes(out / "overlays" / f"{case.image}.png", encode_rgb(picture))


def _index_csv(manifest: ProposeManifest, out: Path) -> str:
    """Return one CSV line per image: how its mask was made, and the share of the film it covers."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "file", "made_by", "infected_share_of_film"])
    for case in manifest.cases:
        p8 = read_proposal(out, case, "ensemble", "ensemble")
        shape = (case.height, case.width)
        share = threshold_mask(p8, shape=shape, t8=manifest.plan.threshold).mean()
        name = Path(case.image_path).name
        writer.writerow([case.image, name, kind_for(case, manifest), f"{share:.6f}"])
    return text.getvalue()
