from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import safetensors.torch
import segmentation_models_pytorch as smp
import timm
import torch
from torch import Tensor

from mlloop.__main__ import main
from mlloop.contract.errors import LearningError
from mlloop.contract.manifest import Case, MemberRef
from mlloop.contract.network_plan import NetworkPlan
from mlloop.networks.building import build_network
from mlloop.networks.converting import convert_weights
from mlloop.networks.devices import prepare_device
from mlloop.networks.encoders.building import build_colour_encoder
from mlloop.networks.network import Network
from mlloop.training.tasks import load_member
from tests.mlloop.conftest import Events, card, member, small_plan, train, training

ROOT = Path(__file__).parents[3]
PLAN = NetworkPlan("n", "unet", "resnet18", (16, 8, 8))


def encoder_of(network: Network) -> dict[str, Tensor]:
    return network.get_encoder().state_dict()


def save(path: Path, tensors: dict[str, Tensor]) -> str:
    safetensors.torch.save_file({k: v.contiguous() for k, v in tensors.items()}, str(path))
    return str(path)


@pytest.mark.parametrize("prefix", ["", "file:"])
def test_encoder_weights_when_the_file_is_there_are_used(tmp_path: Path, prefix: str) -> None:
    torch.manual_seed(1)
    plan = replace(
        PLAN, patch=2
    )  # six planes, so the first layer cannot be mistaken for a layer of three colours
    source = encoder_of(build_network(plan, 64))
    path = save(tmp_path / "encoder.safetensors", source)
    loaded = build_network(replace(plan, encoder_weights=prefix + path), 64)
    for name, value in encoder_of(loaded).items():
        torch.testing.assert_close(value, source[name])


@pytest.mark.parametrize("patch", [1, 2])
def test_encoder_weights_when_made_for_colours_see_grey_and_no_coordinates(
    tmp_path: Path, patch: int
) -> None:
    source = build_colour_encoder("resnet18", 3).eval()
    # With one pixel a patch, a first layer for colours has the same shape as ours: 1 + 2 planes.
    path = save(tmp_path / "colours.safetensors", source.state_dict())
    plan = replace(PLAN, encoder_weights=f"file:{path}", patch=patch)
    encoder = build_network(plan, 64).get_encoder().eval()
    grey = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(2))
    planes = torch.cat([grey.expand(1, patch**2, 64, 64), torch.rand(1, 2, 64, 64)], 1)
    with torch.inference_mode():
        ours, theirs = encoder(planes)[-1], source(grey.expand(1, 3, 64, 64))[-1]
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: None, "are missing"),
        (lambda path: path.write_bytes(b"no tensors"), "damaged"),
        (lambda path: save(path, {"conv1.weight": torch.zeros(2, 3, 7, 7)}), "do not fit resnet18"),
    ],
)
def test_encoder_weights_when_the_file_is_of_no_use_are_refused(
    tmp_path: Path, write: Callable[[Path], object], words: str
) -> None:
    path = tmp_path / "odd.safetensors"
    write(path)
    with pytest.raises(LearningError, match=words):
        build_network(replace(PLAN, encoder_weights=f"file:{path}"), 64)


def test_imagenet_weights_when_nobody_allowed_them_cause_no_request() -> None:
    """The tests run without network, so a request would say that the hub cannot be reached."""
    with pytest.raises(LearningError, match="does not download weights") as refused:
        build_network(replace(PLAN, encoder_weights="imagenet"), 64)
    assert "convert-weights imagenet resnet18.safetensors --encoder resnet18" in str(refused.value)


def test_imagenet_weights_when_allowed_are_used_only_with_the_hash_that_was_named(
    tmp_path: Path,
) -> None:
    """The hub's cache stands for the hub: its client finds a pinned revision there first."""
    torch.manual_seed(3)
    source = build_colour_encoder("resnet18", 5)
    settings = smp.encoders.encoders["resnet18"]["pretrained_settings"]["imagenet"]
    repository = tmp_path / "hub" / f"models--{settings['repo_id'].replace('/', '--')}"
    snapshot = repository / "snapshots" / settings["revision"]
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    whole = source.state_dict() | {"fc.weight": torch.zeros(1), "fc.bias": torch.zeros(1)}
    save(snapshot / "model.safetensors", whole)
    program = """
import sys
from dataclasses import replace
import torch
from mlloop.__main__ import main
from mlloop.contract.errors import LearningError
from mlloop.contract.network_plan import NetworkPlan
from mlloop.networks.building import build_network
plan = NetworkPlan("n", "unet", "resnet18", (16, 8, 8), "imagenet")
assert main(["convert-weights", "imagenet", sys.argv[1], "--encoder", "resnet18"]) == 0
from hashlib import sha256
from pathlib import Path
pin = sha256(Path(sys.argv[1]).read_bytes()).hexdigest()
try:
    build_network(plan, 64, download_sha256="0" * 64)
except LearningError as error:
    print(error.code, pin in error.sentence)
downloaded = build_network(plan, 64, download_sha256=pin).get_encoder().state_dict()
from_file = replace(plan, encoder_weights=f"file:{sys.argv[1]}")
given = build_network(from_file, 64).get_encoder().state_dict()
print(all(torch.equal(downloaded[name], given[name]) for name in given))
"""
    target = tmp_path / "resnet18.safetensors"
    answer = subprocess.run(
        [sys.executable, "-c", program, target],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    converted, refused, same = answer.stdout.splitlines()
    assert sha256(target.read_bytes()).hexdigest() in converted
    assert refused == "download_changed True"
    assert same == "True"


def test_imagenet_weights_when_the_hub_cannot_be_reached_say_how_to_supply_a_file() -> None:
    program = """
from mlloop.contract.errors import LearningError
from mlloop.contract.network_plan import NetworkPlan
from mlloop.networks.building import build_network
for encoder in ("resnet18", "tu-resnet10t", "inception_v3"):
    try:
        plan = NetworkPlan("n", "unet", encoder, (8, 8, 8), "imagenet")
        build_network(plan, 64, download_sha256="0" * 64)
    except LearningError as error:
        print(error.sentence)
"""
    # A new process, because the hub's client reads these two variables when it is imported.
    lines = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": "/nonexistent"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert len(lines) == 3
    assert all(
        "cannot be fetched" in line and "encoder_weights as file:PATH" in line for line in lines
    )


def test_members_when_trained_need_their_initial_weights_no_more(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    path = tmp_path / "encoder.safetensors"
    save(path, build_colour_encoder("tu-resnet10t", 3).state_dict())
    network = NetworkPlan("u", "unet", "tu-resnet10t", (16, 8, 8), f"file:{path}", 1, True)
    plan = small_plan(networks=(network,), steps=4)
    manifest = training(plan, cases, network="u")
    train(manifest, tmp_path / "m")
    started = encoder_of(build_network(network, 64))
    path.unlink()
    ref: MemberRef = member(manifest, tmp_path / "m")
    load_member(ref, plan, prepare_device(plan, choice="cpu"))
    ended = safetensors.torch.load_file(ref.weights_path)
    for name, value in started.items():
        assert torch.equal(ended[f"body.encoder.{name}"], value), name  # frozen: as it was given
    assert card(tmp_path / "m")["encoder"] == "tu-resnet10t"


def chexnet() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the state of an encoder, in our names and in those of CheXNet checkpoints."""
    torch.manual_seed(4)
    ours = build_colour_encoder("densenet121", 5).state_dict()
    theirs = {}
    for name, value in ours.items():
        if name.endswith("num_batches_tracked"):
            continue
        old = re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", name)
        theirs[f"module.densenet121.{old}"] = value
    theirs["module.densenet121.classifier.0.weight"] = torch.zeros(14, 1024)
    return ours, theirs


def test_convert_weights_when_given_chexnet_makes_a_file_the_plan_can_name(tmp_path: Path) -> None:
    ours, theirs = chexnet()
    assert "module.densenet121.features.denseblock1.denselayer1.norm.1.weight" in theirs
    source, target = tmp_path / "m.pth.tar", tmp_path / "chexnet.safetensors"
    torch.save({"epoch": 3, "best_loss": 0.5, "state_dict": theirs, "optimizer": {}}, source)
    events = Events()
    convert_weights(source, target, encoder="densenet121", emit=events)
    assert events.sent[0]["n_left_out"] == 1
    assert "classifier.0.weight" in str(events.sent[0]["left_out"])
    plan = NetworkPlan("n", "dla", "densenet121", (16, 16, 8, 8, 8), f"file:{target}")
    loaded = encoder_of(build_network(plan, 64))
    for name, value in ours.items():
        if name != "features.conv0.weight":
            assert torch.equal(loaded[name], value), name
    grey = loaded["features.conv0.weight"][:, :1]
    torch.testing.assert_close(grey, ours["features.conv0.weight"].sum(1, keepdim=True))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    ("encoder", "renamed"),
    [("tu-resnet10t", "conv1.0.weight"), ("tu-densenet121", "features_conv0.weight")],
)
def test_convert_weights_when_given_a_whole_timm_model_fits_the_encoder_of_a_plan(
    tmp_path: Path, encoder: str, renamed: str, suffix: str
) -> None:
    torch.manual_seed(5)
    whole = timm.create_model(encoder.removeprefix("tu-"), pretrained=False).state_dict()
    source, target = tmp_path / f"timm{suffix}", tmp_path / "encoder.safetensors"
    if suffix == ".pth":
        torch.save(whole, source)
    else:
        save(source, whole)
    events = Events()
    convert_weights(source, target, encoder=encoder, emit=events)
    assert events.sent[0]["n_left_out"] == 2  # the head: its weight and its bias
    plan = NetworkPlan("n", "unet", encoder, (16, 8, 8), f"file:{target}")
    loaded = encoder_of(build_network(plan, 64))
    theirs = {name.replace(".", "_"): value for name, value in whole.items()}
    first = loaded.pop(f"model.{renamed}")  # for colours there, for grey here
    colours = theirs.pop(renamed.replace(".", "_"))
    torch.testing.assert_close(first[:, :1], colours.sum(1, keepdim=True))
    for name, value in loaded.items():
        assert torch.equal(value, theirs[name.removeprefix("model.").replace(".", "_")]), name


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_convert_weights_when_the_file_is_poisoned_refuses_it_unrun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sprung, source = tmp_path / "sprung", tmp_path / "poisoned.pt"
    torch.save({"state_dict": {"a": torch.zeros(1)}, "trap": Trap(sprung)}, source)
    torch.load(source, weights_only=False)
    assert sprung.exists()  # the trap works if torch may run it
    sprung.unlink()
    target = tmp_path / "out.safetensors"
    arguments = ["convert-weights", str(source), str(target), "--encoder", "densenet121"]
    assert main(arguments) == 1
    assert "was not run" in capsys.readouterr().out
    assert not sprung.exists()
    assert not target.exists()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b"junk"), "damaged"),
        (lambda path: None, "cannot be read"),
        (lambda path: torch.save({"a": torch.zeros(1)}, path), "has no "),
        (lambda path: torch.save([1, 2], path), "has no "),
        (lambda path: torch.save({"conv1.weight": torch.zeros(1)}, path), "1 have another shape"),
    ],
)
def test_convert_weights_when_the_file_does_not_fit_says_why(
    tmp_path: Path, make: Callable[[Path], object], words: str
) -> None:
    source = tmp_path / "odd.pt"
    make(source)
    with pytest.raises(LearningError, match=words):
        convert_weights(source, tmp_path / "o.safetensors", encoder="resnet18", emit=Events())
    with pytest.raises(LearningError, match=r"end in \.safetensors"):
        convert_weights(source, tmp_path / "o.pth", encoder="resnet18", emit=Events())
    with pytest.raises(LearningError, match="not known"):
        convert_weights(source, tmp_path / "o.safetensors", encoder="odd", emit=Events())


def test_card_when_an_encoder_file_was_given_names_its_hash(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    path = tmp_path / "encoder.safetensors"
    plan = small_plan(steps=2, epochs=1)
    save(path, encoder_of(build_network(plan.networks[0], 64)))
    networks = (replace(plan.networks[0], encoder_weights=f"file:{path}"), *plan.networks[1:])
    train(training(replace(plan, networks=networks), cases), tmp_path / "out")
    assert card(tmp_path / "out")["encoder_weights"] == sha256(path.read_bytes()).hexdigest()
