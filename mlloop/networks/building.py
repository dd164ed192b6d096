"""Build networks from a plan, with fresh, initial or trained weights.

An encoder whose stages do not halve the image exactly is refused.
"""

from __future__ import annotations

from pathlib import Path

import torch

import mlloop.networks.architectures  # noqa: F401  # each architecture registers itself
from mlloop.contract.errors import LearningError
from mlloop.contract.manifest import MemberRef
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan
from mlloop.networks.architectures.registry import BUILDERS
from mlloop.networks.encoders.building import depth_of, require_halving
from mlloop.networks.network import Network, count_planes
from mlloop.networks.weights import load_initial_weights, read_trained_weights


def build_network(plan: NetworkPlan, grid: int, *, download_sha256: str | None = None) -> Network:
    """Build a network with fresh weights, drawn from torch's current random state.

    The encoder then takes the initial weights of the plan. They are only downloaded if the sha256
    that they must have is given. Raises LearningError if the network is
    not known or its weights cannot be loaded.
    """
    network = build_untrained_network(plan, grid)
    load_initial_weights(network.get_encoder(), plan, download_sha256=download_sha256)
    return network


def build_untrained_network(plan: NetworkPlan, grid: int) -> Network:
    """Build a network with fresh weights only, for a caller that loads other weights next."""
    try:
        network = BUILDERS[plan.decoder](plan, grid)
        encoder = network.get_encoder()
        require_halving(encoder, plan.encoder, planes=count_planes(plan), depth=depth_of(encoder))
    except (AssertionError, KeyError, RuntimeError, ValueError) as error:
        lines = str(error).strip("'\"").splitlines() or [type(error).__name__]
        raise LearningError(
            "unknown_network", f"The network {plan.key} cannot be built: {lines[0]}"
        ) from error
    return network.to(memory_format=torch.channels_last)


def load_trained_network(member: MemberRef, plan: Plan) -> Network:
    """Build the network of a member with its trained weights.

    Raises LearningError if the weights do not have the recorded hash.
    """
    name = f"{member.network}, fold {member.fold}"
    tensors = read_trained_weights(Path(member.weights_path), member.weights_sha256, name)
    network = build_untrained_network(plan.network(member.network), plan.grid)
    network.load_state_dict(tensors)
    return network
