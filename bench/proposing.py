"""Compares proposing, which also reads and writes files, with its forward passes alone."""

from __future__ import annotations

import itertools
import statistics
import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn

from bench import bare
from bench.environment import Options
from bench.measure import Bar, Row, alternate, ratio, row, seconds
from bench.phantom_cases import read_cases, write_phantoms
from bench.training import bare_network, device_name, prepare_member, run_steps
from mlloop.contract.events import EventValue
from mlloop.contract.manifest import Case, MemberRef, ProposeManifest
from mlloop.contract.plan import Plan
from mlloop.contract.presets import preset
from mlloop.networks.devices import Device, prepare_device
from mlloop.networks.weights import save_tensors
from mlloop.proposing import maps
from mlloop.proposing.ensemble import propose
from mlloop.proposing.maps import CHUNK
from mlloop.training.tasks import load_member

BAR = Bar(">=", 0.9)
_TRAINING_STEPS = 60
_IMAGES = 20 * CHUNK  # a round has hundreds, so the first read and the last write matter little
_numbers = itertools.count()


def measure(options: Options) -> list[Row]:
    """Propose on unread films with every member of the `cpu` plan, and return the rows."""
    plan = preset("cpu")
    device = prepare_device(plan, choice=options.device)
    manifest = ProposeManifest(
        round=1,
        plan=plan,
        k=plan.folds,
        members=train_members_briefly(plan, options.folder, device),
        cases=unread_cases(write_phantoms(options.folder), k=plan.folds, n=_IMAGES),
        trained_patients=frozenset(),
    )
    bodies = [bare_network(network, device.torch_device).eval() for network in plan.networks]
    batch = torch.rand(CHUNK, 1, plan.grid, plan.grid)

    started = time.perf_counter()
    loaded = {member_ref: load_member(member_ref, plan, device) for member_ref in manifest.members}
    load_seconds = (time.perf_counter() - started) / len(loaded)

    def get_loaded(member_ref: MemberRef, *_: object) -> nn.Module:
        return loaded[member_ref]

    def time_proposing() -> float:
        """Propose into a new folder with loaded members: a round loads a member only once."""
        out = options.folder / f"proposals-{next(_numbers)}"
        with mock.patch.object(maps, "load_member", get_loaded):
            return seconds(
                lambda: propose(manifest, out, device=device, emit=_silent, stop=lambda: False)
            )

    def time_passes() -> float:
        return seconds(lambda: _forward(bodies, batch, manifest, device))

    ours, plain = alternate(time_proposing, time_passes)
    name = device_name(device)
    return [
        row("proposing.ratio", ratio(plain, ours), "x bare", bar=BAR, device=name),
        row("proposing.images_per_s", _IMAGES / statistics.median(ours), "images/s", device=name),
        row("proposing.bare_images_per_s", _IMAGES / statistics.median(plain), "images/s",
            device=name),
        row("proposing.load_s", load_seconds, "s for each member", device=name),
    ]  # fmt: skip


def _forward(
    bodies: list[nn.Module], batch: Tensor, manifest: ProposeManifest, device: Device
) -> None:
    """Do as many forward passes as the manifest needs, with the mirrored passes of a flip test."""
    passes = manifest.k * (_IMAGES // CHUNK) * (2 if manifest.plan.flip_test else 1)
    for network, body in zip(manifest.plan.networks, bodies, strict=True):
        planes = bare.stack_planes(batch, network.patch)
        for _ in range(passes):
            logits = bare.forward(
                body,
                planes.to(device.torch_device),
                is_bfloat16=device.precision == "bfloat16",
            )
        logits.sum().item()  # wait until the GPU has finished


def unread_cases(place: Path, *, k: int, n: int) -> tuple[Case, ...]:
    """Return `n` cases without masks. A film may occur several times; each time it is decoded."""
    repeated = itertools.cycle(read_cases(place, k=k))
    return tuple(
        replace(case, image=f"film-{i}", mask_path=None)
        for i, case in enumerate(itertools.islice(repeated, n))
    )


def train_members_briefly(plan: Plan, folder: Path, device: Device) -> tuple[MemberRef, ...]:
    """Train each network for a few steps and write it as the member of every fold.

    Untrained networks are equally fast, but their maps are noise with thousands of lesions. It
    would take extra time to encode and measure such maps, which a real round does not need.
    """
    members = []
    for network in plan.networks:
        run, state = prepare_member(network, plan, write_phantoms(folder), device)
        run_steps(run, state, _TRAINING_STEPS)
        path = folder / f"{network.key}.safetensors"
        digest = save_tensors(path, state.averaged)
        members += [
            MemberRef(network.key, fold, str(path), str(path), digest) for fold in range(plan.folds)
        ]
    return tuple(members)


def _silent(event: str, /, **values: EventValue) -> None:
    del event, values
