"""A child process that speaks mlloop's manifests, events and files, and learns nothing.

`python fake_child.py [--fail N_TIMES_FILE] [--slow SECONDS] VERB --manifest M --out DIR`

`--counts` names a JSON file of sealed counts (tp, fp, fn, peak) by image and size of its mask.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from mlloop.contract.manifest import (
    Case,
    EstimateManifest,
    EvaluateManifest,
    ProposeManifest,
    TrainManifest,
    read_manifest,
)
from mlloop.contract.proposals import PROPOSALS_SCHEMA
from mlloop.contract.records import write_bytes, write_json
from mlloop.figures.fitting import unfitted_calibration
from mlloop.figures.reliability import measure_reliability
from mlloop.pixels.masks import decode_mask, encode_probability

FITTED_T8 = 120  # not the plan's: it must reach the rows and the sealed set


def say(event: str, **values: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


def train(options: argparse.Namespace) -> None:
    manifest = read_manifest(TrainManifest, options.manifest)
    if (options.out / "card.json").exists():
        return
    for epoch in range(1, manifest.plan.epochs + 1):
        time.sleep(options.slow)
        say(
            "epoch",
            network=manifest.network.key,
            fold=manifest.fold,
            epoch=epoch,
            epochs=manifest.plan.epochs,
            loss=1.0 / epoch,
            inner_dice=0.5,
            seconds=1.0,
            eta_seconds=1.0,
        )
    patients = sorted({case.patient for case in manifest.cases})
    inner = [case.patient for case in manifest.cases[:1]]
    weights = json.dumps([manifest.network.key, manifest.fold, patients]).encode()
    write_bytes(options.out / "weights.safetensors", weights)
    write_json(options.out / "history.json", {"schema": 1, "epochs": [{"epoch": 1, "loss": 1.0}]})
    card = {
        "network": manifest.network.key,
        "fold": manifest.fold,
        "k": manifest.k,
        "plan_sha256": manifest.plan.sha256,
        "loaded_patients": patients,
        "inner_patients": inner,
        "parent": manifest.parent.weights_sha256 if manifest.parent else None,
        "parent_patients": list(manifest.parent.patients) if manifest.parent else [],
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "seconds": 1.0,
    }
    write_json(options.out / "card.json", card)


def propose(options: argparse.Namespace) -> None:
    manifest = read_manifest(ProposeManifest, options.manifest)
    for done, case in enumerate(manifest.cases, 1):
        folder = options.out / case.image
        if not (folder / "proposals.json").exists():
            time.sleep(options.slow)
            records = [
                *label_records(manifest, case, "infection", folder),
                *label_records(manifest, case, "lung", folder),
                *label_records(manifest, case, "activation", folder),
            ]
            p8 = np.full((manifest.plan.grid,) * 2, 20, np.uint8)
            write_bytes(folder / "disagreement.png", encode_probability(p8))
            has_lung = bool(manifest.plan.networks_of("lung"))
            findings = {"schema": 1, "grade": "mild" if has_lung else None}
            write_json(
                folder / "proposals.json",
                {
                    "schema": PROPOSALS_SCHEMA,
                    "mean_disagreement": 0.01,
                    "findings": findings,
                    "proposals": records,
                },
            )
        say("progress", done=done, total=len(manifest.cases), eta_seconds=0.0)
    scores = {case.image: 0.9 if case.group == "covid" else 0.2 for case in manifest.scored}
    keys = [network.key for network in manifest.plan.networks_of("activation")]
    document = {"schema": 1, "networks": dict.fromkeys(keys, scores)}
    write_json(options.out / "scores.json", document)
    plain = unfitted_calibration(manifest.plan)
    thresholds = tuple(replace(one, t8=FITTED_T8) for one in plain.thresholds)
    write_json(options.out / "calibration.json", replace(plain, thresholds=thresholds))


def label_records(manifest, case, label, folder) -> list[dict[str, object]]:
    """Write one label's maps: a block in the middle, wider for lung and activation maps."""
    is_trained = case.patient in manifest.patients_of(label)
    folds = [case.fold] if is_trained else list(range(manifest.k))
    kind = "out_of_fold" if is_trained else "mean"
    names = [(network.key, kind) for network in manifest.plan.networks_of(label)]
    p8 = np.zeros((manifest.plan.grid,) * 2, np.uint8)
    edge = 16 if label == "infection" else 8
    p8[edge:48, edge:48] = 200
    records = []
    for name, one in [*names, ("ensemble", "ensemble")] if names else []:
        keys = [name] if name != "ensemble" else [key for key, _ in names]
        file = f"{label}-{name}.{one}.png"
        write_bytes(folder / file, encode_probability(p8))
        records.append(
            {
                "network": name,
                "kind": one,
                "label": label,
                "members": [[key, fold] for key in keys for fold in folds],
                "file": file,
                "p8_sha256": hashlib.sha256(p8.tobytes()).hexdigest(),
                "t8": FITTED_T8 if label == "infection" else manifest.plan.threshold,
            }
        )
    return records


def named(case: Case) -> str:
    size = decode_mask(Path(case.mask_path).read_bytes()).sum() if case.mask_path else 0
    return f"{case.image} {size}"


def evaluate(options: argparse.Namespace) -> None:
    manifest = read_manifest(EvaluateManifest, options.manifest)
    known = json.loads(options.counts.read_text()) if options.counts else {}
    usual = {"tp": 30, "fp": 10, "fn": 10, "peak": 200}
    images = [
        {"image": case.image, "patient": case.patient, **(known.get(named(case)) or usual)}
        for case in manifest.cases
    ]
    pixels = np.zeros((2, 256), np.int64)
    pixels[1, 200] = pixels[0, 20] = 8
    write_json(
        options.out / "evaluation.json",
        {"schema": 1, "images": images, "reliability": measure_reliability(pixels)},
    )


def estimate(options: argparse.Namespace) -> None:
    manifest = read_manifest(EstimateManifest, options.manifest)
    time.sleep(options.slow)
    keys = [network.key for network in manifest.plan.networks]
    cost = {"parameters": 9, "seconds_step": 0.5, "seconds_image": 0.1, "bytes": 3 * 2**30}
    estimate = {
        "device": "CPU, 1 thread(s), float32",
        "networks": [{"network": key, **cost} for key in keys],
        "seconds_members": dict.fromkeys(keys, 600.0),
        "seconds_training": 600.0 * len(keys) * manifest.k,
        "seconds_proposing": 120.0,
        "bytes": 3 * 2**30,
    }
    write_json(options.out / "estimate.json", estimate)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--slow", type=float, default=0.0)
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--crash-once", type=Path)
    parser.add_argument("--counts", type=Path)
    parser.add_argument("verb")
    parser.add_argument("--manifest", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.fail:
        say("error", code="planted", message="This failure was planted.")
        sys.exit(1)
    if options.crash_once and not options.crash_once.exists():
        options.crash_once.touch()
        sys.exit(3)
    verbs = {"train": train, "propose": propose, "evaluate": evaluate, "estimate": estimate}
    verbs[options.verb](options)


if __name__ == "__main__":
    main()
