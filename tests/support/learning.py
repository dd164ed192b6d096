"""A small project and fast learners for the tests of rounds."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from annotation.bridge.learner import Learner
from annotation.models import Image, Project
from annotation.storage import Checkout
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan
from mlloop.contract.presets import tiny
from tests.support.factories import disc, make_image, make_patient, make_reference

CLASSIFIER = NetworkPlan("gradcam", "classifier", "tu-resnet10t", label="activation")
FAKE = str(Path(__file__).with_name("fake_child.py"))


def fake_learner(*options: str) -> Learner:
    """Return a learner that runs the fake child process and learns nothing."""
    return Learner(command=(sys.executable, FAKE, *options))


def no_files() -> Checkout:
    """Name files for a manifest that no child will read."""
    return Checkout(Path("never-checked-out"))


def small_plan(*, networks: int = 2, folds: int = 3) -> Plan:
    """Return a plan with few steps and random weights."""
    plan = tiny()
    return replace(
        plan,
        networks=plan.networks[:networks],
        folds=folds,
        steps=4,
        epochs=2,
        batch_size=2,
        initial="none",
    )


def plan_with_lung() -> Plan:
    """One infection network and one lung network."""
    plan = small_plan(networks=1)
    lung = replace(tiny().networks_of("lung")[0], steps=None)
    return replace(plan, networks=(*plan.networks, lung))


def read_sealed(project: Project, n: int = 20) -> None:
    """Add infected sealed reads: from 20 on, a round is measured on them."""
    for i in range(n):
        patient = make_patient(project, f"t{i}", split="sealed", fold=i % project.folds)
        make_reference(make_image(project, patient=patient, seed=400 + i))


def fill_project(
    project: Project, *, read: int = 6, unread: int = 2, controls: int = 2, sealed: int = 2
) -> dict[str, list[Image]]:
    """Add COVID images with and without a reference, controls, and sealed reads."""
    made: dict[str, list[Image]] = {"read": [], "unread": [], "controls": [], "sealed": []}
    for i in range(read):
        patient = make_patient(project, f"r{i}", fold=i % project.folds)
        made["read"].append(make_image(project, patient=patient, seed=i))
        make_reference(made["read"][-1], disc(radius=8 + i))
    for i in range(unread):
        patient = make_patient(project, f"u{i}", fold=i % project.folds)
        made["unread"].append(make_image(project, patient=patient, seed=100 + i))
    for i in range(controls):
        patient = make_patient(project, f"c{i}", fold=i % project.folds)
        made["controls"].append(make_image(project, patient=patient, group="normal", seed=200 + i))
    for i in range(sealed):
        patient = make_patient(project, f"s{i}", split="sealed", fold=i % project.folds)
        made["sealed"].append(make_image(project, patient=patient, seed=300 + i))
        make_reference(made["sealed"][-1])
    return made
