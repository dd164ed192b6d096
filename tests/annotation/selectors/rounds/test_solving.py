"""Nobody can solve the sealed figures of several rounds for a group of fewer than 20 films.

The attacker reads everything that an engineer can read, over five rounds of the same networks, so
that one film has the same Dice in each. Each figure is a sum over films that the attacker knows.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from django.test import Client

from annotation import storage
from annotation.bridge import phases
from annotation.models import Image, Project, Reference, Round, User
from annotation.round_figures import SealedCase
from annotation.selectors.rounds.sealed import measured_cases
from annotation.selectors.rounds.training_cases import Snapshot
from annotation.services.rounds.decisions import promote_round
from annotation.services.upkeep.withdrawal import withdraw_image
from mlloop.figures.metrics import dice
from mlloop.pixels.masks import encode_mask
from tests.support.database import unguarded
from tests.support.factories import disc, make_image, make_patient, make_reference, make_round
from tests.support.learning import fake_learner, small_plan

LEAST = 20
Vector = npt.NDArray[np.float64]
Column = tuple[str, str]  # an image, and the reference that it was measured against


@dataclass(frozen=True)
class Reading:
    """One figure that the engineer reads: which films it is about, and its sum over them."""

    about: str
    films: frozenset[Column]
    total: float


class World:
    """A project whose sealed films are read little by little, and one round after the other."""

    def __init__(self, project: Project, folder: Path, seed: int) -> None:
        self.project, self.draw = project, np.random.default_rng(seed)
        self.counts_file = folder / "counts.json"
        self.counts: dict[str, dict[str, int]] = {}
        self.images: dict[str, Image] = {}

    def read(self, infected: int, empty: int) -> None:
        for i in range(infected + empty):
            patient = make_patient(self.project, f"s{len(self.images)}", split="sealed")
            image = make_image(self.project, patient=patient, shape=(80, 64), seed=len(self.images))
            is_infected = i < infected
            image.group = "covid" if is_infected or self.draw.random() < 0.2 else "normal"
            image.view_position = str(self.draw.choice(["PA", "AP", "lateral"], p=[0.6, 0.3, 0.1]))
            image.source = str(self.draw.choice(["east", "west", "north"], p=[0.6, 0.25, 0.15]))
            image.save()
            self.images[str(image.id)] = image
            self.draw_mask(image, is_infected)

    def draw_mask(self, image: Image, is_infected: bool, again: bool = False) -> None:
        radius = int(self.draw.integers(4, 20)) if is_infected else 0
        mask = disc(radius=radius) if is_infected else np.zeros((80, 64), np.bool_)
        if again:
            old = image.references.get()
            Reference.objects.create(
                project=image.project,
                image=image,
                label=old.label,
                method=old.method,
                verdict="redrawn",
                mask_key=storage.put(image.project_id, encode_mask(mask)),
                supersedes=old,
            )
        else:
            make_reference(image, mask, purpose="sealed")
        size = int(mask.sum())
        found = int(size * self.draw.uniform(0.2, 0.95))
        false = int(self.draw.integers(1, 200)) if is_infected or self.draw.random() < 0.4 else 0
        self.counts[f"{image.id} {size}"] = {
            "tp": found,
            "fn": size - found,
            "fp": false,
            "peak": int(self.draw.integers(100, 255)),
        }

    def run_round(self, number: int) -> Round:
        self.counts_file.write_text(json.dumps(self.counts))
        row = make_round(self.project, number=number, stage="stage_2", state="evaluating")
        row.plan, row.folds = small_plan(networks=1, folds=2).to_json(), 2
        for fold in range(2):
            row.members.create(
                network=small_plan().networks[0].key,
                fold=fold,
                state="done",
                card={"loaded_patients": [], "seconds": 1.0},
                weights_key=storage.put(self.project.id, b"weights"),
                weights_sha256="0" * 64,
            )
        snapshot = Snapshot(str(self.project.id), "l", (), ())
        row.snapshot_key = storage.put(self.project.id, snapshot.to_bytes())
        with unguarded():
            row.save()
        assert phases.evaluate_round(
            row.id, learner=fake_learner("--counts", str(self.counts_file))
        )
        row.refresh_from_db()
        assert row.failure == ""
        if row.state == Round.State.AWAITING_DECISION:
            row = promote_round(round=row, actor=None, reason="go on")
        return row


@pytest.fixture
def engineer(member: Callable[..., User], client: Client) -> Client:
    client.force_login(member("engineer"))
    return client


def features(world: World, case: SealedCase) -> set[str]:
    image = world.images[case.image]
    share = (case.tp + case.fn) / (80 * 64)
    size = "no" if share == 0 else "small" if share < 0.03 else "large"
    infected = {"without controls infected films"} if share else set()
    return infected | {
        f"group {image.group}",
        f"view {image.view_position}",
        f"source {image.source}",
        f"infection {size}",
    }


def column(case: SealedCase) -> Column:
    # A film with another reference has another Dice. Older code names no reference: take its size.
    return case.image, str(case.tp + case.fn)


def films_of(cases: list[SealedCase], world: World, name: str, n: int) -> list[SealedCase]:
    """Return the films behind a figure of a subgroup: all of it, or what its whole cells have."""
    inside = [case for case in cases if name in features(world, case)]
    if len(inside) != n:
        cells = {getattr(case, "cell", 0) for case in cases} - {
            getattr(case, "cell", 0) for case in cases if name not in features(world, case)
        }
        inside = [case for case in inside if getattr(case, "cell", 0) in cells]
    assert len(inside) == n, name
    return inside


def size_name(line: dict) -> str:
    """Return the name of a size: older reports divided the infected films into thirds."""
    return {"none": "no", "under 3.0% of the film": "small", "3.0% and more": "large"}.get(
        line["name"], ""
    )


def read_all(world: World, client: Client, row: Round, former: Round | None) -> Iterator[Reading]:
    """Yield what an engineer reads about one round; check each figure on the films it is about."""
    cases = list(measured_cases(row))
    api = client.get(f"/api/v1/projects/pilot/rounds/{row.number}/").json()["metrics"]
    report = client.get(f"/api/v1/projects/pilot/rounds/{row.number}/report/").json()["sealed"]
    infected = [case for case in cases if case.tp + case.fn]

    def reading(about: str, films: list[SealedCase], figure: dict) -> Iterator[Reading]:
        """Turn a mean Dice per image into the sum over the infected films; it is 0 on others."""
        if figure.get("value") is None:
            return
        valued = [dice(case.counts) for case in films if case.tp + case.fp + case.fn]
        assert figure["n"] == len(valued)
        assert figure["value"] == pytest.approx(np.mean(valued), abs=6e-4), about
        sick = frozenset(column(case) for case in films if case.tp + case.fn)
        yield Reading(f"round {row.number}: {about}", sick, figure["value"] * figure["n"])

    yield from reading("metrics", cases, api["sealed"]["per_image"])
    for line in report.get("subgroups", []):
        by = "infection" if line["by"] == "infection size" else line["by"]
        name = f"{by} {size_name(line) if by == 'infection' else line['name']}"
        if "hidden" not in line and name != "infection ":
            films = films_of(cases, world, name, line["n"])
            yield from reading(name, films, line["per_image"])
    for rate in report.get("detection", {}).get("rates", []):
        if rate["name"] == "sensitivity" and rate["value"] is not None:
            sick = frozenset(column(case) for case in infected)
            yield Reading(f"round {row.number}: sensitivity", sick, np.nan)
        if rate["name"] == "specificity" and rate["value"] is not None:
            healthy = frozenset(column(case) for case in cases if not case.tp + case.fn)
            yield Reading(f"round {row.number}: specificity", healthy, np.nan)
    before = {column(case) for case in measured_cases(former)} if former else set()
    both = [case for case in cases if column(case) in before]
    for check in (api.get("gate") or {}).get("checks", []):
        name = check["name"]
        films = both if name == "all sealed images" else films_of(both, world, name, check["n"])
        assert len(films) == check["n"]
        sick = frozenset(column(case) for case in films if case.tp + case.fn)
        healthy = frozenset(column(case) for case in films if not case.tp + case.fn)
        yield Reading(f"round {row.number}: gate, {name}", sick, np.nan)
        yield Reading(f"round {row.number}: gate, {name}", healthy, np.nan)


def matrix_of(readings: list[Reading], columns: list[Column]) -> Vector:
    place = {name: i for i, name in enumerate(columns)}
    rows = np.zeros((len(readings), len(columns)))
    for row, reading in zip(rows, readings, strict=True):
        row[[place[film] for film in reading.films]] = 1
    return rows


def smallest_cell(rows: Vector) -> int:
    """Return the size of the smallest group of films that always occur together.

    Every combination of the figures is constant on such a group. So it is about no fewer films.
    """
    _, sizes = np.unique(rows, axis=1, return_counts=True)
    return int(sizes.min())


def small_groups(world: World, rounds: list[list[SealedCase]]) -> dict[str, set[Column]]:
    """Return groups to attack: films, subgroups and their parts, and what two looks differ in."""
    groups: dict[str, set[Column]] = {}
    for number, cases in enumerate(rounds, start=1):
        sick = [case for case in cases if case.tp + case.fn]
        by_feature: dict[str, set[Column]] = {}
        for case in sick:
            groups[f"film {case.image} {case.tp + case.fn}"] = {column(case)}
            for name in features(world, case):
                by_feature.setdefault(name, set()).add(column(case))
        for name, films in by_feature.items():
            groups[f"round {number}: {name}"] = films
        for (one, a), (two, b) in combinations(sorted(by_feature.items()), 2):
            groups[f"round {number}: {one} and {two}"] = a & b
            groups[f"round {number}: {one} without {two}"] = a - b
    looks = [{column(case) for case in cases if case.tp + case.fn} for cases in rounds]
    for (i, a), (j, b) in combinations(enumerate(looks, start=1), 2):
        groups[f"round {i} less round {j}"] = a - b
        groups[f"round {j} less round {i}"] = b - a
    return {name: films for name, films in groups.items() if 0 < len(films) < LEAST}


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_everything_that_an_engineer_reads_over_five_rounds_solves_for_no_group_under_twenty(
    project: Project,
    engineer: Client,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    seed: int,
) -> None:
    world = World(project, tmp_path, seed)
    world.read(infected=62, empty=26)
    rounds = [world.run_round(1)]
    world.read(infected=1, empty=0)  # two looks that would differ by one film
    rounds.append(world.run_round(2))
    some = [case for case in measured_cases(rounds[0]) if case.tp + case.fn]
    withdraw_image(image=world.images[some[0].image], actor=None, reason="consent")
    rounds.append(world.run_round(3))
    world.draw_mask(world.images[some[1].image], is_infected=True, again=True)
    rounds.append(world.run_round(4))
    world.read(infected=24, empty=3)
    rounds.append(world.run_round(5))

    measured = [list(measured_cases(row)) for row in rounds]
    readings = [
        reading
        for row, former in zip(rounds, [None, *rounds], strict=False)
        for reading in read_all(world, engineer, row, former)
        if reading.films
    ]
    sick = sorted({column(case) for cases in measured for case in cases if case.tp + case.fn})
    healthy = sorted(
        {column(case) for cases in measured for case in cases if not case.tp + case.fn}
    )
    of_sick = [reading for reading in readings if reading.films <= set(sick)]
    of_healthy = [reading for reading in readings if reading.films <= set(healthy)]
    rows, others = matrix_of(of_sick, sick), matrix_of(of_healthy, healthy)

    groups = small_groups(world, measured)
    solved = []
    for name, films in groups.items():
        target = np.array([float(film in films) for film in sick])
        weights, *_ = np.linalg.lstsq(rows.T, target, rcond=None)
        if np.abs(rows.T @ weights - target).max() < 1e-9:
            solved.append(name)
    cells = smallest_cell(rows), smallest_cell(others)
    with capsys.disabled():
        sys.stdout.write(
            f"\nseed {seed}: {len(readings)} figures of {len(rounds)} rounds about {len(sick)}"
            f" infected and {len(healthy)} other films, rank {np.linalg.matrix_rank(rows)};"
            f" smallest cells {cells}; {len(solved)} of {len(groups)} groups under {LEAST}"
            f" solved {solved[:5]}\n"
        )
    assert len(of_sick) > 10  # there was something to attack
    assert solved == []
    assert min(cells) >= LEAST

    for row in rounds:
        for path in (f"/p/pilot/rounds/{row.number}/", f"/p/pilot/rounds/{row.number}/report/"):
            assert not re.search(r"\d\.\d{5,}", engineer.get(path).content.decode())
        report = engineer.get(f"/api/v1/projects/pilot/rounds/{row.number}/report/").json()
        metrics = engineer.get(f"/api/v1/projects/pilot/rounds/{row.number}/").json()["metrics"]
        shown = (report["sealed"], report["gate"], report["sealed_history"], metrics["sealed"])
        fine = [n for n in fractions(shown) if n != round(n, 3)]
        assert fine == []


def fractions(value: object) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from fractions(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from fractions(item)
