"""Proposing, with everything it reads and writes, against its forward passes alone."""

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
from bench.phantom_cases import cases, cohort
from bench.training import bare_network, device_name, member, steps
from mlloop.contract.events import EventValue
from mlloop.contract.manifest import Case, MemberRef, ProposeManifest
from mlloop.contract.plan import Plan
from mlloop.contract.presets import preset
from mlloop.networks.devices import Device, prepare
from mlloop.networks.weights import save_tensors
from mlloop.proposing import maps
from mlloop.proposing.ensemble import propose
from mlloop.proposing.maps import CHUNK
from mlloop.training.tasks import load_member

BAR = Bar(">=", 0.9)
_LESSONS = 60  # steps
_IMAGES = 20 * CHUNK  # a round has hundreds: the first read and the last write weigh little
_numbers = itertools.count()


def measure(options: Options) -> list[Row]:
    """Propose on unread films with every fold of every network of the `cpu` plan."""
    plan = preset("cpu")
    device = prepare(plan, choice=options.device)
    manifest = ProposeManifest(
        round=1,
        plan=plan,
        k=plan.folds,
        members=taught_members(plan, options.folder, device),
        cases=unread_cases(cohort(options.folder), k=plan.folds, n=_IMAGES),
        trained_patients=frozenset(),
    )
    bodies = [bare_network(network, device.torch_device).eval() for network in plan.networks]
    batch = torch.rand(CHUNK, 1, plan.grid, plan.grid)

    started = time.perf_counter()
    loaded = {one: load_member(one, plan, device) for one in manifest.members}
    load_seconds = (time.perf_counter() - started) / len(loaded)

    def ready(one: MemberRef, *_: object) -> nn.Module:
        return loaded[one]

    def proposed() -> float:
        """Propose into a new folder, members loaded: a round loads each once for all films."""
        out = options.folder / f"proposals-{next(_numbers)}"
        with mock.patch.object(maps, "load_member", ready):
            return seconds(
                lambda: propose(manifest, out, device=device, emit=_silent, stop=lambda: False)
            )

    def passed() -> float:
        return seconds(lambda: _forward(bodies, batch, manifest, device))

    ours, plain = alternate(proposed, passed)
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
    """Do as many forward passes as the manifest needs, the mirrored ones of a flip test too."""
    passes = manifest.k * (_IMAGES // CHUNK) * (2 if manifest.plan.flip_test else 1)
    for network, body in zip(manifest.plan.networks, bodies, strict=True):
        planes = bare.in_planes(batch, network.patch)
        for _ in range(passes):
            logits = bare.forward(
                body,
                planes.to(device.torch_device),
                is_bfloat16=device.precision == "bfloat16",
            )
        logits.sum().item()  # wait for a GPU


def unread_cases(place: Path, *, k: int, n: int) -> tuple[Case, ...]:
    """Return `n` cases; a film that comes again is decoded again."""
    again = itertools.cycle(cases(place, k=k))
    return tuple(
        replace(case, image=f"film-{i}", mask_path=None)
        for i, case in enumerate(itertools.islice(again, n))
    )


def taught_members(plan: Plan, folder: Path, device: Device) -> tuple[MemberRef, ...]:
    """Write each network as the trained member of every fold, after a few steps on the phantoms.

    Fresh weights take as long to pass through, but their maps are noise: encoding it and counting
    its thousands of lesions would measure what no round writes.
    """
    found = []
    for network in plan.networks:
        run, state = member(network, plan, cohort(folder), device)
        steps(run, state, _LESSONS)
        path = folder / f"{network.key}.safetensors"
        digest = save_tensors(path, state.averaged)
        found += [
            MemberRef(network.key, fold, str(path), str(path), digest) for fold in range(plan.folds)
        ]
    return tuple(found)


def _silent(event: str, /, **values: EventValue) -> None:
    del event, values
