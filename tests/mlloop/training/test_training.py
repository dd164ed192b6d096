from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from mlloop.contract.errors import LearningError, Stopped
from mlloop.contract.manifest import Case, Parent, TrainManifest
from mlloop.contract.network_plan import NetworkPlan
from mlloop.folders.run import read_card
from mlloop.networks.devices import prepare_device
from mlloop.networks.predicting import predict
from mlloop.training.case_reader import CaseReader
from mlloop.training.checkpoint import StateFolder, TrainingState
from mlloop.training.finished_member import is_finished
from mlloop.training.schedule import epoch_ends, learning_rate
from mlloop.training.tasks import load_member
from tests.mlloop.conftest import STILL, Events, card, member, small_plan, train, training


def without_clock(out: Path) -> dict[str, object]:
    return {key: value for key, value in card(out).items() if key != "seconds"}


def stop_after(calls: int) -> Callable[[], bool]:
    counter = itertools.count(1)
    return lambda: next(counter) > calls


def test_training_when_given_four_images_overfits_them(
    make_case: Callable[..., Case], tmp_path: Path
) -> None:
    cases = tuple(make_case(n, fold=1) for n in range(4))
    plan = small_plan(steps=80, augment=STILL, learning_rate=1e-2, ema_decay=0.9)
    # Four images and one more patient: the last one is the inner split.
    manifest = training(plan, (*cases, make_case(4, fold=1)))
    train(manifest, tmp_path / "m")
    device = prepare_device(plan, choice="cpu")
    network = load_member(member(manifest, tmp_path / "m"), plan, device)
    reader = CaseReader(grid=32)
    dices = []
    for case in cases:
        predicted = predict(network, reader.read_image(case)[None], plan, device)[0] >= 0.5
        truth = reader.read_target(case) >= 0.5
        dices.append(2 * (predicted & truth).sum() / (predicted.sum() + truth.sum()))
    assert sorted(dices)[1] > 0.9, dices


def test_training_when_finished_writes_card_weights_and_history(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    manifest = training(small_plan(), cases)
    events = train(manifest, tmp_path)
    written = card(tmp_path)
    weights = (tmp_path / "weights.safetensors").read_bytes()
    assert written["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    assert written["loaded_patients"] == sorted(case.patient for case in manifest.cases)
    assert written["schema"] == 1
    assert written["fold"] == 0
    assert written["parent"] is None
    assert set(written["versions"]) == {"torch", "smp"}  # type: ignore[call-overload]
    history = json.loads((tmp_path / "history.json").read_text())["epochs"]
    assert [line["step"] for line in history] == [2, 4, 6, 8]
    assert [events["epoch"] for events in events.of("epoch")] == [1, 2, 3, 4]
    assert events.sent[-1]["event"] == "done"
    assert not (tmp_path / "state").exists()


def test_training_when_an_in_fold_patient_is_planted_shows_it_on_the_card(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    manifest = training(small_plan(), cases)
    held_out = next(case for case in cases if case.fold == 0)
    train(manifest, tmp_path / "clean")
    assert held_out.patient not in card(tmp_path / "clean")["loaded_patients"]
    planted = dataclasses.replace(manifest, cases=(*manifest.cases, held_out))
    train(planted, tmp_path / "leak")
    assert held_out.patient in card(tmp_path / "leak")["loaded_patients"]


def test_training_when_run_twice_changes_nothing(cases: tuple[Case, ...], tmp_path: Path) -> None:
    manifest = training(small_plan(), cases)
    out = tmp_path / "member"
    train(manifest, out)
    before = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in out.iterdir()}
    events = train(manifest, out)
    assert before == {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in out.iterdir()}
    assert events.sent == [{"event": "done", "network": "unet", "fold": 0, "finished_before": True}]


@pytest.mark.parametrize("network", ["unet", "unetplusplus"])
def test_training_when_stopped_at_any_step_and_resumed_gives_the_same_bits(
    cases: tuple[Case, ...], tmp_path: Path, network: str
) -> None:
    manifest = training(small_plan(), cases, network=network)
    train(manifest, tmp_path / "through")
    for calls in (0, 2, 3):
        with pytest.raises(Stopped):
            train(manifest, tmp_path / "stopped", stop_after(calls))
    train(manifest, tmp_path / "stopped")
    assert without_clock(tmp_path / "stopped") == without_clock(tmp_path / "through")
    histories = [(tmp_path / name / "history.json").read_bytes() for name in ("through", "stopped")]
    assert histories[0] == histories[1]


def test_training_when_the_state_is_torn_starts_again(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    manifest = training(small_plan(), cases)
    train(manifest, tmp_path / "through")
    with pytest.raises(Stopped):
        train(manifest, tmp_path / "torn", stop_after(3))
    for saved in (tmp_path / "torn" / "state").glob("*.safetensors"):
        saved.write_bytes(saved.read_bytes()[:100])
    train(manifest, tmp_path / "torn")
    assert without_clock(tmp_path / "torn") == without_clock(tmp_path / "through")


@pytest.mark.parametrize("change", ["withdrawn", "reference", "parent"])
def test_training_when_resumed_with_other_cases_or_parent_starts_again_and_says_why(
    cases: tuple[Case, ...], tmp_path: Path, change: str
) -> None:
    train(training(small_plan(), cases), tmp_path / "parent")
    first = dataclasses.replace(
        training(small_plan(), cases), parent=parent_of(tmp_path / "parent")
    )
    with pytest.raises(Stopped):
        train(first, tmp_path / "resumed", stop_after(3))
    gone = first.cases[0].patient
    changed = {
        "withdrawn": {"cases": first.cases[1:]},
        "reference": {
            "cases": (dataclasses.replace(first.cases[0], mask_path=None), *first.cases[1:])
        },
        "parent": {"parent": None},
    }[change]
    then = dataclasses.replace(first, **changed)  # type: ignore[arg-type]
    events = train(then, tmp_path / "resumed")
    train(then, tmp_path / "fresh")
    assert without_clock(tmp_path / "resumed") == without_clock(tmp_path / "fresh")
    assert "starts again" in str(events.of("state_dropped")[0]["message"])
    assert events.of("start")[0]["step"] == 0
    if change == "withdrawn":
        assert gone not in card(tmp_path / "resumed")["loaded_patients"]


@pytest.mark.parametrize("network", ["unet", "gradcam"])
def test_training_when_a_patient_is_withdrawn_after_the_end_trains_again_without(
    cases: tuple[Case, ...], tmp_path: Path, network: str
) -> None:
    classifier = NetworkPlan("gradcam", "classifier", "tu-resnet10t", label="activation")
    plan = small_plan(networks=(*small_plan().networks, classifier))
    manifest = training(plan, cases, network=network)
    train(manifest, tmp_path / "again")
    without = dataclasses.replace(manifest, cases=manifest.cases[1:])
    events = train(without, tmp_path / "again")
    train(without, tmp_path / "fresh")
    assert "starts again" in str(events.of("member_dropped")[0]["message"])
    assert without_clock(tmp_path / "again") == without_clock(tmp_path / "fresh")
    assert train(without, tmp_path / "again").of("done")[0]["finished_before"] is True


def test_training_when_folds_differ_gives_different_members(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    for fold in (0, 1):
        train(training(small_plan(), cases, fold=fold), tmp_path / str(fold))
    assert card(tmp_path / "0")["weights_sha256"] != card(tmp_path / "1")["weights_sha256"]


def parent_of(out: Path) -> Parent:
    weights = (out / "weights.safetensors").read_bytes()
    patients, inner = (
        set(card(out)[name])  # type: ignore[call-overload]
        for name in ("loaded_patients", "inner_patients")
    )
    return Parent(
        str(out / "weights.safetensors"),
        hashlib.sha256(weights).hexdigest(),
        patients=tuple(sorted(patients)),
        taught=tuple(sorted(patients - inner)),
    )


def test_training_when_warm_goes_on_from_the_parent_and_inherits_its_patients(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    cold = training(small_plan(), cases)
    train(cold, tmp_path / "parent")
    parent = parent_of(tmp_path / "parent")
    still = small_plan(learning_rate=1e-9, weight_decay=0.0)
    train(dataclasses.replace(training(still, cases), parent=parent), tmp_path / "child")
    written = card(tmp_path / "child")
    assert written["parent"] == parent.weights_sha256
    assert written["parent_patients"] == sorted(parent.patients)
    before, after = (
        safetensors.torch.load_file(tmp_path / name / "weights.safetensors")
        for name in ("parent", "child")
    )
    name = next(name for name in before if name.endswith("conv1.weight"))
    torch.testing.assert_close(after[name], before[name], atol=1e-5, rtol=0)


def test_training_when_warm_and_grown_chooses_its_epoch_on_nobody_the_parent_learned(
    make_case: Callable[..., Case], tmp_path: Path
) -> None:
    pool = [make_case(n, sick=n % 3 > 0, fold=1) for n in range(24)]
    inner: list[set[str]] = []
    taught = set[str]()
    parent = None
    for number, count in enumerate((6, 12, 24)):
        plan = small_plan(steps=2, epochs=1, inner_fraction=0.05 + 0.1 * number, seed=number)
        manifest = dataclasses.replace(training(plan, tuple(pool[:count])), parent=parent)
        train(manifest, tmp_path / str(number))
        written = card(tmp_path / str(number))
        loaded, set_aside = (
            set(written[name])  # type: ignore[call-overload]
            for name in ("loaded_patients", "inner_patients")
        )
        assert set_aside
        assert set_aside.isdisjoint(taught)
        assert written["n_inner"] == len(set_aside)
        taught |= loaded - set_aside
        inner.append(set_aside)
        parent = dataclasses.replace(
            parent_of(tmp_path / str(number)), taught=tuple(sorted(taught))
        )


def test_training_when_nobody_can_be_set_aside_says_so_and_keeps_the_last_epoch(
    make_case: Callable[..., Case], tmp_path: Path
) -> None:
    cases = (make_case(0, fold=1), *(make_case(n, sick=False, fold=1) for n in (1, 2, 3)))
    events = train(training(small_plan(), cases), tmp_path)
    assert "the last one is kept" in str(events.of("no_inner_split")[0]["message"])
    assert {events["inner_dice"] for events in events.of("epoch")} == {None}
    written = card(tmp_path)
    assert (written["n_inner"], written["inner_patients"]) == (0, [])
    assert (written["inner_dice"], written["best_step"]) == (None, 8)


def test_training_when_the_parent_is_another_file_is_refused(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    train(training(small_plan(), cases), tmp_path / "parent")
    parent = dataclasses.replace(parent_of(tmp_path / "parent"), weights_sha256="0" * 64)
    manifest = dataclasses.replace(training(small_plan(), cases), parent=parent)
    with pytest.raises(LearningError, match="the parent of unet, fold 0 are not the trained"):
        train(manifest, tmp_path / "child")


def test_training_when_no_patient_is_positive_says_so_before_anything_is_written(
    make_case: Callable[..., Case], tmp_path: Path
) -> None:
    cases = tuple(make_case(n, sick=False, fold=1) for n in range(3))
    with pytest.raises(LearningError, match="infection mask"):
        train(training(small_plan(), cases), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_member_when_its_weights_were_changed_is_refused(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    manifest: TrainManifest = training(small_plan(steps=4), cases)
    train(manifest, tmp_path)
    ref = member(manifest, tmp_path)
    weights = Path(ref.weights_path)
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(LearningError, match="not the trained ones"):
        load_member(ref, manifest.plan, prepare_device(manifest.plan, choice="cpu"))


def test_learning_rate_when_followed_rises_then_falls_to_almost_nothing() -> None:
    plan = small_plan(steps=100)
    rates = [learning_rate(plan, step) for step in range(100)]
    assert int(np.argmax(rates)) in (14, 15)
    assert max(rates) == plan.learning_rate
    assert rates[-1] < 0.01 * plan.learning_rate
    assert list(epoch_ends(plan)) == [25, 50, 75, 100]


def test_training_when_the_card_is_older_than_its_score_still_counts_as_finished(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    manifest = training(small_plan(), cases)
    old = {
        "network": "unet",
        "decoder": "unet",
        "encoder": "tu-resnet10t",
        "fold": 0,
        "k": 2,
        "seed": 1,
        "threads": 1,
        "precision": "float32",
        "device": "cpu",
        "plan_sha256": "0" * 64,
        "loaded_patients": [case.patient for case in manifest.cases],
        "n_images": len(manifest.cases),
        "n_positive": 3,
        "n_inner": 1,
        "steps": 8,
        "best_step": 8,
        "inner_dice": 0.75,
        "parameters": 1000,
        "seconds": 1.5,
        "versions": {"torch": "2.0", "smp": "0.3"},
    }
    (tmp_path / "card.json").write_text(json.dumps(old))
    read = read_card(tmp_path, "unet, fold 0,")
    assert (read.inner_dice, read.score, read.score_name) == (0.75, None, "")
    assert is_finished(manifest, tmp_path, Events())


def test_state_when_it_calls_its_score_best_dice_is_still_restored(tmp_path: Path) -> None:
    def fresh_state() -> TrainingState:
        network = torch.nn.Linear(1, 1)
        return TrainingState(network, torch.optim.AdamW(network.parameters()), averaged={})

    saved = fresh_state()
    tensors = {f"network.{name}": value for name, value in saved.network.state_dict().items()}
    path = tmp_path / "step-4.safetensors"
    safetensors.torch.save_file(tensors | {"rng": torch.get_rng_state()}, path)
    old = {
        "step": 4,
        "losses": [],
        "history": [{"epoch": 1, "step": 4, "loss": 0.5, "inner_dice": None}],
        "best_step": 4,
        "best_dice": 0.875,  # of a classifier: this was its AUC
        "loaded_patients": ["patient-1"],
        "tensors": path.name,
        "manifest_sha256": "same",
    }
    (tmp_path / "state.json").write_text(json.dumps(old))
    folder = StateFolder(tmp_path, "same", set())
    restored = folder.restore(fresh_state(), Events())
    assert (restored.step, restored.best_step, restored.best_score) == (4, 4, 0.875)
    assert folder.loaded_patients == {"patient-1"}
    assert torch.equal(restored.network.weight, saved.network.weight)  # type: ignore[arg-type]
