from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlloop.contract.architectures import ARCHITECTURES
from mlloop.contract.errors import LearningError
from mlloop.contract.network_plan import NetworkPlan
from mlloop.networks.building import build_network
from mlloop.networks.encoders.building import build_colour_encoder, require_halving
from mlloop.networks.losses import segmentation_loss
from mlloop.networks.network import SegmentationNetwork
from mlloop.networks.predicting import fuse_batch_norms

DECODERS = [name for name, known in ARCHITECTURES.items() if known.task == "segmentation"]
ENCODERS = ("densenet121", "resnet50", "vgg16_bn", "efficientnet-b0", "inception_v3")
NARROW = (16, 16, 8, 8, 8)


def network_plan(decoder: str, encoder: str = "tu-resnet10t", **changes: object) -> NetworkPlan:
    plan = NetworkPlan("n", decoder, encoder, NARROW)  # type: ignore[arg-type]
    return replace(plan, **changes)  # type: ignore[arg-type]


def phantoms(side: int, count: int = 4) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(5)
    images = 0.3 * torch.rand(count, 1, side, side, generator=random)
    masks = torch.zeros(count, 1, side, side)
    for i in range(count):
        y, x = torch.randint(side // 2, (2,), generator=random).tolist()
        masks[i, :, y : y + side // 3, x : x + side // 3] = 1
    return images + 0.5 * masks, masks


def step(
    network: nn.Module, optimiser: torch.optim.Optimizer, batch: tuple[Tensor, Tensor]
) -> None:
    optimiser.zero_grad()
    segmentation_loss(network(batch[0]), batch[1], dice_weight=1.0).backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()


def overfitted(plan: NetworkPlan, *, side: int, steps: int) -> float:
    """Return the training Dice of four phantoms after at most `steps` steps."""
    torch.manual_seed(3)
    network, batch = build_network(plan, 64).train(), phantoms(side)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    dice = 0.0
    for done in range(1, steps + 1):
        step(network, optimiser, batch)
        if done % 10 == 0:
            with torch.no_grad():
                predicted, truth = network(batch[0]) > 0, batch[1] > 0
            dice = float(2 * (predicted & truth).sum() / (predicted.sum() + truth.sum()))
            if dice > 0.9:
                break
    return dice


# Learning takes a minute for each encoder, so most are slow. Their stages are tested below.
by_encoder = pytest.mark.parametrize(
    "encoder",
    [
        encoder if encoder == "efficientnet-b0" else pytest.param(encoder, marks=pytest.mark.slow)
        for encoder in ENCODERS
    ],
)


@pytest.mark.parametrize("patch", [1, 2, 4])
@pytest.mark.parametrize("decoder", DECODERS)
def test_network_when_built_gives_logits_of_the_size_of_the_image(decoder: str, patch: int) -> None:
    plan = network_plan(decoder, "resnet18", decoder_channels=(32, 16, 8), patch=patch)
    network = build_network(plan, 64).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 1, 32, 32)).shape == (2, 1, 32, 32)


@by_encoder
@pytest.mark.parametrize("decoder", ["unet", "unetplusplus", "dla"])
def test_network_when_it_takes_a_step_at_each_size_learns_everywhere(
    decoder: str, encoder: str
) -> None:
    torch.manual_seed(0)
    plan = network_plan(decoder, encoder, decoder_channels=(8, 8, 8, 8), patch=2)
    network = build_network(plan, 64).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
    for side in (128, 224, 256):
        first, last = next(network.parameters()), [*network.parameters()][-2]
        before = first.detach().clone(), last.detach().clone()
        step(network, optimiser, phantoms(side, count=1))
        gradients = [value.grad for value in network.parameters() if value.grad is not None]
        assert all(bool(grad.isfinite().all()) for grad in gradients)
        assert not torch.equal(first, before[0])
        assert not torch.equal(last, before[1])


@pytest.mark.parametrize("decoder", DECODERS)
def test_decoder_when_given_four_phantoms_overfits_them(decoder: str) -> None:
    plan = network_plan(decoder, decoder_channels=(16, 8, 8))
    assert overfitted(plan, side=64, steps=150) > 0.9


@by_encoder
def test_encoder_when_given_four_phantoms_overfits_them(encoder: str) -> None:
    plan = network_plan("unet", encoder, decoder_channels=(16, 8, 8, 8))
    assert overfitted(plan, side=32, steps=200) > 0.9


@pytest.mark.parametrize("name", [*ENCODERS, "tu-inception_v3", "tu-resnet10t"])
@pytest.mark.parametrize("side", [64, 96, 224])
def test_encoder_when_asked_for_stages_halves_the_image_exactly(name: str, side: int) -> None:
    encoder = build_colour_encoder(name, 5).eval()
    with torch.inference_mode():
        features = encoder(torch.zeros(1, 3, side, side))
    assert [tuple(f.shape[2:]) for f in features] == [(side // 2**n,) * 2 for n in range(6)]
    assert [f.shape[1] for f in features] == encoder.out_channels


def test_inception_when_the_film_is_shifted_moves_its_features_along() -> None:
    encoder = build_colour_encoder("inception_v3", 3).eval()
    film = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        here, there = encoder(film), encoder(film.roll((8, 8), (2, 3)))
    inner = slice(14, 19)  # places at H/8 that no border reaches
    torch.testing.assert_close(
        here[3][..., inner, inner], there[3].roll((-1, -1), (2, 3))[..., inner, inner]
    )


class Displaced(nn.Module):
    """Cuts its borders, as the plain Inception networks do."""

    def forward(self, image: Tensor) -> list[Tensor]:
        return [image, F.max_pool2d(image, 3, 2)]


def test_encoder_when_its_stages_are_displaced_is_refused() -> None:
    with pytest.raises(LearningError, match=r"features \[8, 3\] wide of an image 8 wide"):
        require_halving(Displaced(), "odd", planes=1, depth=1)
    with pytest.raises(LearningError, match="halve the image exactly"):
        build_network(network_plan("unet", "tu-inception_v4"), 64)


def test_network_when_the_encoder_is_unknown_is_refused_with_a_sentence() -> None:
    with pytest.raises(LearningError, match="n cannot be built"):
        build_network(network_plan("unet", "no-such-encoder"), 64)
    with pytest.raises(LearningError, match="n cannot be built"):
        build_network(network_plan("dla", "tu-no-such-encoder"), 64)


def test_dla_when_the_encoder_begins_at_a_quarter_still_gives_the_size_of_the_image() -> None:
    network = build_network(network_plan("dla", "tu-convnext_atto"), 64).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 64, 64)).shape == (1, 1, 64, 64)


def test_encoder_when_frozen_stands_still_in_weights_and_statistics() -> None:
    torch.manual_seed(0)
    body = build_network(network_plan("unet", decoder_channels=(16, 8, 8)), 64).body
    network = SegmentationNetwork(body, 1, is_encoder_frozen=True).train()
    encoder, decoder = network.body.encoder, network.body.decoder  # type: ignore[union-attr]
    before = {name: value.clone() for name, value in encoder.state_dict().items()}  # type: ignore[operator,union-attr]
    moving = [value.detach().clone() for value in decoder.parameters()]  # type: ignore[union-attr]
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(3):
        step(network, optimiser, phantoms(32))
    for name, value in encoder.state_dict().items():  # type: ignore[operator,union-attr]
        assert torch.equal(value, before[name]), name
    assert any(
        not torch.equal(a, b)
        for a, b in zip(moving, decoder.parameters(), strict=True)  # type: ignore[union-attr]
    )


@pytest.mark.parametrize("decoder", DECODERS)
def test_fused_batch_norms_give_the_same_map(decoder: str) -> None:
    torch.manual_seed(4)
    network, batch = build_network(network_plan(decoder), 64), phantoms(128)
    network.train()(batch[0])  # statistics that are not the fresh ones
    network.eval()
    with torch.inference_mode():
        before = network(batch[0])
        fuse_batch_norms(network)
        assert any(isinstance(layer, nn.Identity) for layer in network.body.decoder.modules())
        assert torch.allclose(network(batch[0]), before, atol=1e-4)
