"""The dataset card of a release: what is in it, how it was made, plots; Markdown and SVG."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from annotation.formats.qata import ReleasedMask
from mlloop.pixels.severity import GRADES

CARD = "README.md"
SEVERITY = "card/severity.svg"
# A fixed salt and no date: matplotlib's SVG is then the same for the same data.
_SVG: dict[Any, Any] = {"svg.hashsalt": "roundtruth", "svg.fonttype": "none", "font.size": 9.0}


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the card says beyond its masks."""

    project: str
    version: str
    asked_at: str
    rounds: Sequence[str]
    leaks: int | None
    withdrawn: int


def card_files(facts: CardFacts, masks: Sequence[ReleasedMask]) -> dict[str, bytes]:
    """Return path -> bytes of the card and its plots."""
    graded = [mask for mask in masks if mask.grade]
    severity = {SEVERITY: _grades(graded)} if graded else {}
    return severity | {
        CARD: _markdown(facts, masks).encode(),
        "card/verdicts.svg": _bars("Verdicts", Counter(mask.verdict for mask in masks)),
        "card/infected-share.svg": _shares([mask for mask in masks if mask.infected_pixels]),
        "card/rounds.svg": _bars(
            "Masks by the round that proposed them",
            Counter("by hand" if mask.round is None else f"round {mask.round}" for mask in masks),
        ),
    }


def counts_of(masks: Sequence[ReleasedMask]) -> dict[str, int]:
    """Return the counts that the manifest and the card both print."""
    counted = Counter[str]()
    for mask in masks:
        counted["masks"] += 1
        counted[f"split.{mask.split}"] += 1
        counted[f"group.{mask.group}"] += 1
        counted[f"verdict.{mask.verdict}"] += 1
        counted["empty_masks"] += not mask.infected_pixels
        if mask.grade:
            counted[f"severity.{mask.grade}"] += 1
            counted[f"lung_masks.{mask.lung_provenance}"] += 1
    counted["patients"] = len({mask.patient for mask in masks})
    return dict(sorted(counted.items()))


def _markdown(facts: CardFacts, masks: Sequence[ReleasedMask]) -> str:
    counts = counts_of(masks)
    rows = "\n".join(f"| {name} | {number} |" for name, number in counts.items())
    rounds = (
        "\n".join(f"- {line}" for line in facts.rounds) or "- none: every mask was drawn by hand"
    )
    leaks = "not computed" if facts.leaks is None else str(facts.leaks)
    licences = "\n".join(f"- {name or 'not stated'}" for name in sorted({m.licence for m in masks}))
    return f"""# {facts.project} {facts.version}

Infection masks on chest radiographs, made by readers and networks together with Roundtruth.
Asked for on {facts.asked_at}. `manifest.json` holds the sha256 of every file and each mask's
biography; `python manage.py verify_release FOLDER` checks this folder against it.

| what | n |
|---|---|
{rows}

![Verdicts](card/verdicts.svg) ![Infected share](card/infected-share.svg) ![Rounds](card/rounds.svg)

## How the masks were made
{rounds}

Proposals that came from a network which had seen the patient: {leaks}.
Withdrawn images left out: {facts.withdrawn}.
Sealed images were read without proposals. Masks with verdict `control` are empty by the image's
group and were not read.
{_severity_words(masks)}
## Terms of the images
{licences}

## Limits
- Infection borders on radiographs are soft and experts differ: each mask is one careful opinion.
- Controls may come from other sources than cases: a network can learn the source instead of the
  disease.
- Not a medical device and not for diagnosis.
"""


def _severity_words(masks: Sequence[ReleasedMask]) -> str:
    """Say what the grades are of, and of how many masks; nothing where no lung is known."""
    cutoffs = next((mask.severity["cutoffs"] for mask in masks if mask.severity), None)
    if not isinstance(cutoffs, list):
        return ""
    pairs = zip(GRADES[1:], cutoffs, strict=True)
    begins = ", ".join(f"{grade} at {cut:.0%}" for grade, cut in pairs)
    known = sum(mask.severity is not None for mask in masks)
    drawn = sum(mask.lung_provenance == "reference" for mask in masks)
    return f"""
## Severity
![Severity](card/severity.svg)

The infected share of both lungs, measured on the released mask, for {known} of {len(masks)} masks:
those with a lung mask, {drawn} of them a reference and {known - drawn} the networks' ensemble,
which no one corrected; `manifest.json` says which. The grades begin: {begins}. They count pixels of
projected lung and are no clinical score.
"""


def _grades(masks: Sequence[ReleasedMask]) -> bytes:
    """Plot how many masks have each grade, the grades in their order."""
    counted = Counter(str(mask.grade) for mask in masks)
    order = [grade for grade in (*GRADES, "not graded") if counted[grade]]
    return _bars("Severity", counted, order)


def _bars(title: str, counted: Counter[str], order: Sequence[str] = ()) -> bytes:
    names = order or sorted(counted)
    with mpl.rc_context(rc=_SVG):
        figure = Figure(figsize=(4.2, 2.4), layout="constrained")
        axes = figure.add_subplot()
        bars = axes.barh(names, [counted[name] for name in names], color="#d98a1f")
        axes.bar_label(bars, padding=3)
        axes.set_title(title)
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
        return _svg(figure)


def _shares(masks: Sequence[ReleasedMask]) -> bytes:
    shares = [100 * mask.infected_pixels / (mask.width * mask.height) for mask in masks]
    with mpl.rc_context(rc=_SVG):
        figure = Figure(figsize=(4.2, 2.4), layout="constrained")
        axes = figure.add_subplot()
        axes.hist(shares or [0.0], bins=20, color="#3f8fce")
        axes.set_title(f"Infected share of the image, non-empty masks (n = {len(masks)})")
        axes.set_xlabel("% of pixels")
        axes.spines[["top", "right"]].set_visible(False)
        return _svg(figure)


def _svg(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()
