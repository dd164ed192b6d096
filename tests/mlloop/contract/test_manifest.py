from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlloop.contract.checks import NAME, PlanError
from mlloop.contract.manifest import (
    Case,
    EvaluateManifest,
    ManifestError,
    MemberRef,
    ProposeManifest,
    TrainManifest,
    read_manifest,
    write_manifest,
)
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan
from mlloop.contract.presets import PRESETS, preset, tiny

NETWORK = NetworkPlan("unet", "unet", "resnet18", (16, 8, 8))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    steps = draw(st.integers(1, 10_000))
    return Plan(
        preset=draw(st.from_regex(NAME, fullmatch=True)),
        networks=(NETWORK,),
        folds=draw(st.integers(2, 20)),
        grid=8 * draw(st.integers(1, 256)),
        steps=steps,
        epochs=draw(st.integers(1, steps)),
        batch_size=draw(st.integers(1, 64)),
        learning_rate=draw(st.floats(1e-9, 1)),
        threads=draw(st.integers(1, 64)),
        seed=draw(st.integers(0, 2**32 - 1)),
        threshold=draw(st.integers(1, 255)),
        flip_test=draw(st.booleans()),
    )


def example_case(**changes: object) -> Case:
    values = {
        "image": "a-1", "patient": "p", "group": "covid", "fold": 0, "image_path": "i.png",
        "mask_path": None, "height": 40, "width": 48,
    }  # fmt: skip
    return Case(**(values | changes))


def example_plan(**changes: object) -> Plan:
    return dataclasses.replace(preset("tiny"), **changes)


def member_refs(plan: Plan) -> tuple[MemberRef, ...]:
    return tuple(
        MemberRef(network.key, fold, "w", "c", "0" * 64)
        for network in plan.networks
        for fold in range(plan.folds)
    )


@given(plans())
def test_plan_when_written_and_read_is_the_same(plan: Plan) -> None:
    again = Plan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again == plan
    assert again.sha256 == plan.sha256


@given(plans(), plans())
def test_plan_sha256_when_plans_differ_differs(plan: Plan, other: Plan) -> None:
    assert (plan.sha256 == other.sha256) == (plan == other)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["grid", "networks", "x"]), inner, max_size=3)
        ),
    )
)
def test_plan_when_the_json_is_anything_raises_plan_error_only(data: object) -> None:
    with pytest.raises(PlanError):
        Plan.from_json(data)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_preset_when_asked_for_is_valid_and_has_two_decoders(name: str) -> None:
    plan = preset(name)
    assert Plan.from_json(plan.to_json()) == plan
    assert len(plan.networks) >= 3
    assert len({network.decoder for network in plan.networks}) >= 2
    assert plan.folds in (3, 5)


def test_preset_when_unknown_lists_the_names() -> None:
    with pytest.raises(PlanError, match="cpu"):
        preset("nope")


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"grid": 100}, "grid", "multiple of 8"),
        ({"grid": "128"}, "grid", "whole number is expected"),
        ({"folds": 1}, "folds", "2 to 20"),
        ({"threshold": 0}, "threshold", "1 to 255"),
        ({"seed": True}, "seed", "whole number"),
        ({"learning_rate": 0}, "learning_rate", "above 0"),
        ({"colour": 1}, "colour", "not known"),
        ({"precision": "float16"}, "precision", "not one of"),
        ({"augment": {"flip": 2}}, "augment.flip", "probability"),
        ({"learning_rate": 10**400}, "learning_rate", "finite"),
        ({"batch_size": 10**12}, "batch_size", "at most 4096"),
        ({"threads": 10**9}, "threads", "at most 256"),
        ({"preset": "\ud800"}, "preset", "letters"),
        ({"margin": 0.99}, "margin", "worse round"),
        ({"control_margin": 0.99}, "control_margin", "false alarms"),
        ({"dice_weight": 1e300}, "dice_weight", "0 to 1000"),
    ],
)
def test_plan_when_a_field_is_wrong_names_it_and_says_why(
    change: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(PlanError) as refused:
        Plan.from_json(preset("tiny").to_json() | change)
    assert refused.value.field == field
    assert words in refused.value.reason


def network_json(**changes: object) -> dict[str, object]:
    network = {"key": "u", "decoder": "unet", "encoder": "resnet18", "decoder_channels": [8, 8, 8]}
    return preset("tiny").to_json() | {"networks": [network | changes]}


@pytest.mark.parametrize("weights", [None, "imagenet", "file:/a/b.safetensors", "b.safetensors"])
def test_plan_when_initial_weights_are_named_takes_each_kind(weights: str | None) -> None:
    assert Plan.from_json(network_json(encoder_weights=weights)).networks[0].encoder_weights == (
        weights
    )


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("encoder_weights", "chexnet.pth", "convert-weights"),
        ("encoder_weights", "", r"\.safetensors"),
        ("encoder_frozen", True, "needs encoder_weights"),
        ("decoder", "dlaseg", "dla"),
        ("key", "ensemble", "all networks"),
        ("encoder", "tu-local-dir:/etc", "letters, digits"),
        ("encoder", "tu-hf-hub:somebody/model", "letters, digits"),
        ("decoder_channels", [8, 8, 10**9], "4096"),
    ],
)
def test_plan_when_a_network_cannot_be_had_names_the_field_and_what_to_do(
    field: str, value: object, words: str
) -> None:
    with pytest.raises(PlanError, match=words) as refused:
        Plan.from_json(network_json(**{field: value}))
    assert refused.value.field == f"networks[0].{field}"


@pytest.mark.parametrize("image", ["", "../x", "a/b", ".", "a b", "é"])
def test_case_when_the_image_id_could_leave_the_folder_is_refused(image: str) -> None:
    with pytest.raises(ManifestError):
        example_case(image=image)


def test_manifest_when_written_and_read_is_the_same(tmp_path: Path) -> None:
    plan = example_plan()
    train = TrainManifest(1, plan, plan.networks[0], 1, 3, (example_case(),))
    propose = ProposeManifest(1, plan, 3, member_refs(plan), (example_case(),), frozenset("p"))
    write_manifest(tmp_path / "t.json", train)
    write_manifest(tmp_path / "p.json", propose)
    assert read_manifest(TrainManifest, tmp_path / "t.json") == train
    assert read_manifest(ProposeManifest, tmp_path / "p.json") == propose


@pytest.mark.parametrize(
    "broken",
    [
        lambda plan: TrainManifest(1, plan, NETWORK, 0, 3, (example_case(),)),
        lambda plan: TrainManifest(1, plan, plan.networks[0], 3, 3, (example_case(),)),
        lambda plan: TrainManifest(1, plan, plan.networks[0], 0, 3, ()),
        lambda plan: TrainManifest(1, plan, plan.networks[0], 0, 3, (example_case(fold=3),)),
        lambda plan: TrainManifest(1, plan, plan.networks[0], 0, 3, (example_case(),) * 2),
        lambda plan: ProposeManifest(
            1, plan, 3, member_refs(plan)[1:], (example_case(),), frozenset()
        ),
        lambda plan: EvaluateManifest(1, plan, 2, member_refs(plan), (example_case(),)),
    ],
)
def test_manifest_when_it_contradicts_itself_is_refused(broken: Callable[[Plan], object]) -> None:
    with pytest.raises(ManifestError):
        broken(example_plan())


@pytest.mark.parametrize(
    ("text", "words"), [("{", "not valid JSON"), ("[]", "object"), ("{}", "missing")]
)
def test_read_when_the_file_is_broken_says_so(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(ManifestError, match=words):
        read_manifest(TrainManifest, path)
    with pytest.raises(ManifestError, match="cannot be read"):
        read_manifest(TrainManifest, tmp_path / "absent.json")


def test_plan_when_no_network_learns_the_infection_then_refused() -> None:
    only_lungs = tuple(replace(network, label="lung") for network in tiny().networks)
    with pytest.raises(PlanError, match="at least one must learn the infection"):
        replace(tiny(), networks=only_lungs)


@pytest.mark.parametrize(
    ("cutoffs", "words"),
    [
        ((0.1, 0.2, 0.3), "4 cut-offs"),
        ((0.1, 0.3, 0.2, 0.4), "must rise"),
        ((0.0, 0.1, 0.2, 0.3), "must rise"),
        ((0.1, 0.2, 0.3, 1.1), "at most 1"),
    ],
)
def test_plan_when_severity_cutoffs_are_wrong_then_refused(
    cutoffs: tuple[float, ...], words: str
) -> None:
    with pytest.raises(PlanError, match=words):
        replace(tiny(), severity_cutoffs=cutoffs)


def test_plan_when_a_network_has_its_own_steps_then_only_its_course_is_shorter() -> None:
    plan = tiny()
    lung = plan.networks_of("lung")[0]
    assert plan.with_steps_of(lung).steps == 80
    assert plan.with_steps_of(plan.networks[0]) is plan
    assert Plan.from_json(plan.to_json()) == plan
    with pytest.raises(PlanError, match="an epoch needs"):
        replace(plan, networks=(*plan.networks[:3], replace(lung, steps=2)))


def test_plan_when_stored_before_there_were_labels_then_it_still_loads() -> None:
    old = replace(tiny(), networks=tiny().networks_of("infection"))
    data = old.to_json()
    del data["severity_cutoffs"], data["smallest_lesion"]
    for network in data["networks"]:  # type: ignore[union-attr]
        del network["label"], network["steps"]
    assert Plan.from_json(data) == old
