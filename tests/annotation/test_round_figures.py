"""The record of a round's figures: what is stored, what is left out, and who may touch it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from annotation.round_figures import (
    MaskFigure,
    MaskFigures,
    RoundFigures,
    SealedCase,
    SealedEvaluation,
)
from mlloop.contract.records import FieldError
from mlloop.figures.metrics import Counts, estimate

ROOT = Path(__file__).parents[2]


def test_figures_when_nothing_was_measured_then_only_the_version_is_stored() -> None:
    assert RoundFigures().to_json() == {"schema": 1}
    assert RoundFigures.from_json({}) == RoundFigures()


def test_figures_when_a_value_could_not_be_measured_then_null_is_stored() -> None:
    nothing = MaskFigure.from_estimate(estimate([], []))
    figures = RoundFigures(sealed=MaskFigures(nothing, nothing))
    stored = json.loads(json.dumps(figures.to_json(), allow_nan=False))
    assert stored["sealed"]["pooled"]["value"] is None
    assert "n_empty" not in stored["sealed"]["pooled"]
    assert RoundFigures.from_json(stored) == figures


def test_figures_when_a_field_is_not_known_or_of_a_later_version_then_refused() -> None:
    with pytest.raises(FieldError, match="leak: this field is not known"):
        RoundFigures.from_json({"leak": 1})
    with pytest.raises(FieldError, match=r"proposals\.ensemble\.pooled: this field is missing"):
        RoundFigures.from_json(
            {"proposals": {"ensemble": {"per_image": estimate([], []).as_json()}}}
        )
    with pytest.raises(FieldError, match="schema"):
        RoundFigures.from_json({"schema": 2})


def test_figures_when_phases_end_then_their_seconds_add_up_to_a_record() -> None:
    figures = RoundFigures().with_seconds(proposing=9.44).with_seconds(total=20.06)
    assert figures.to_json()["seconds"] == {"proposing": 9.4, "total": 20.1}


def test_sealed_evaluation_when_written_and_read_then_the_same_and_without_a_peak_0() -> None:
    case = SealedCase("i", "p", "covid", tp=1, fp=2, fn=3, tn=4, peak=5)
    written = SealedEvaluation(round=2, cases=(case,)).to_bytes()
    assert SealedEvaluation.from_bytes(written).cases == (case,)
    assert case.counts == Counts(1, 2, 3, 4)
    old = json.loads(written)
    del old["cases"][0]["peak"]
    assert SealedEvaluation.from_bytes(json.dumps(old).encode()).cases[0].peak == 0


def test_the_stored_figures_are_touched_by_nobody_else() -> None:
    """Code reads figures through `Round.figures` and writes them from a record."""
    touched = {
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in (ROOT / "annotation").rglob("*.py")
        if "migrations" not in path.parts
        for line in path.read_text().splitlines()
        if re.search(r"\b(?!figures)\w+\.metrics\b(?! import)|\bmetrics(__|=(?!.*to_json))", line)
    }
    assert touched == {
        "annotation/models/rounds.py: return RoundFigures.from_json(self.metrics)",
        'annotation/models/rounds.py: GATE_PASSED = models.Q(metrics__gate__outcome="passed")',
    }
