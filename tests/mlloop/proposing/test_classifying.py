"""The out-of-fold scores of classifiers survive a stop and follow the films handed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlloop.contract.errors import Stopped
from mlloop.contract.events import Progress
from mlloop.contract.manifest import Case, MemberRef, ProposeManifest
from mlloop.contract.records import read_json
from mlloop.networks.devices import prepare_device
from mlloop.proposing import classifying
from tests.mlloop.conftest import KEY, Events, plan_with_classifier

Asked = list[str]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The films that a classifier was asked about; each is given its fold as its score."""
    seen: Asked = []

    def classify(classifier: int, cases: list[Case], *_: object) -> Iterator[tuple[Case, float]]:
        for case in cases:
            seen.append(case.image)
            yield case, float(classifier)

    monkeypatch.setattr(classifying, "load_member", lambda member, *_: member.fold)
    monkeypatch.setattr(classifying, "classify", classify)
    return seen


@pytest.fixture
def manifest(make_case: Callable[..., Case]) -> ProposeManifest:
    plan = plan_with_classifier()
    cases = tuple(make_case(number, fold=number % 3) for number in range(6))
    members = tuple(
        MemberRef(network.key, fold, "w", "c", "0" * 64)
        for network in plan.networks
        for fold in range(3)
    )
    patients = frozenset(case.patient for case in cases)
    return ProposeManifest(1, plan, 3, members, cases, patients, scored=cases)


def score(
    manifest: ProposeManifest, out: Path, stop: Callable[[], bool] = lambda: False
) -> dict[str, float]:
    progress = Progress(Events(), total=len(manifest.scored))
    device = prepare_device(manifest.plan, choice="cpu")
    classifying.write_scores(manifest, out, device=device, progress=progress, stop=stop)
    assert progress.done == progress.total
    return read_json(out / "scores.json")["networks"][KEY]  # type: ignore[call-overload, index]


def test_each_film_is_scored_by_the_fold_that_left_it_out(
    manifest: ProposeManifest, asked: Asked, tmp_path: Path
) -> None:
    assert score(manifest, tmp_path) == {case.image: case.fold for case in manifest.scored}
    assert len(asked) == 6


def test_a_stopped_run_goes_on_with_the_next_member(
    manifest: ProposeManifest, asked: Asked, tmp_path: Path
) -> None:
    with pytest.raises(Stopped):
        score(manifest, tmp_path, stop=lambda: len(asked) > 3)
    first = set(asked[:2])
    asked.clear()
    assert set(score(manifest, tmp_path)) == {case.image for case in manifest.scored}
    assert first.isdisjoint(asked)


def test_who_was_withdrawn_between_two_attempts_is_dropped_and_nobody_asked_again(
    manifest: ProposeManifest, asked: Asked, tmp_path: Path
) -> None:
    score(manifest, tmp_path)
    asked.clear()
    fewer = replace(manifest, scored=manifest.scored[1:])
    assert set(score(fewer, tmp_path)) == {case.image for case in fewer.scored}
    assert asked == []
    assert set(score(manifest, tmp_path)) == {case.image for case in manifest.scored}
    assert asked == [manifest.scored[0].image]
