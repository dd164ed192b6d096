"""The dataset card of a release: what is in it, how it was made, plots; Markdown and SVG."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from annotation.formats.released import ReleasedImage, ReleaseRecord
from mlloop.pixels.severity import GRADES

CARD = "README.md"
SEVERITY = "card/severity.svg"
# With a fixed salt and no date, matplotlib writes the same SVG for the same data.
_SVG: dict[Any, Any] = {"svg.hashsalt": "roundtruth", "svg.fonttype": "none", "font.size": 9.0}


_SEALED_WORDS = {
    "open": "Sealed images are in a part of their own: curators have it until it is opened.",
    "sealed": "These are the sealed images. They were read without proposals.",
}


@dataclass(frozen=True, slots=True)
class CardFacts:
    """The facts on the card that the record of the release does not hold."""

    project: str
    version: str
    asked_at: str
    rounds: Sequence[str]
    leaks: int | None
    withdrawn: int
    open_since: str | None = None


def card_files(facts: CardFacts, record: ReleaseRecord) -> dict[str, bytes]:
    """Return path -> bytes of the card and its plots."""
    images = record.images
    graded = [image for image in images if image.lung]
    severity = {SEVERITY: _plot_grades(graded)} if graded else {}
    return severity | {
        CARD: _markdown(facts, record).encode(),
        "card/verdicts.svg": _plot_bars("Verdicts", Counter(image.verdict for image in images)),
        "card/infected-share.svg": _plot_shares(
            [image for image in images if image.infected_pixels]
        ),
        "card/rounds.svg": _plot_bars(
            "Masks by the round that proposed them",
            Counter(
                "by hand" if image.round is None else f"round {image.round}" for image in images
            ),
        ),
    }


def _markdown(facts: CardFacts, record: ReleaseRecord) -> str:
    rows = "\n".join(f"| {name} | {number} |" for name, number in record.counts.items())
    rounds = (
        "\n".join(f"- {line}" for line in facts.rounds) or "- none: every mask was drawn by hand"
    )
    leaks = "not computed" if facts.leaks is None else str(facts.leaks)
    stated = sorted({image.licence for image in record.images})
    licences = "\n".join(f"- {name or 'not stated'}" for name in stated)
    part = ", sealed part" if record.part == "sealed" else ""
    return f"""# {facts.project} {facts.version}{part}

Infection masks on chest radiographs, made by readers and networks together with Roundtruth.
Asked for on {facts.asked_at}. `manifest.json` holds the sha256 of every file and each mask's
biography; `python manage.py verify_release FOLDER` checks this folder against it. `signature.json`
is the server's signature of the manifest. To prove that this folder comes from there, add
`--key FILE` with the public key that the server's releases page shows.

| what | n |
|---|---|
{rows}

![Verdicts](card/verdicts.svg) ![Infected share](card/infected-share.svg) ![Rounds](card/rounds.svg)

## How the masks were made
{rounds}

Proposals that came from a network which had seen the patient: {leaks}.
Withdrawn images left out: {facts.withdrawn}.
{_SEALED_WORDS[record.part]} Masks with verdict `control` are empty by the image's
group and were not read.
{_blindness_words(facts.open_since)}
{_severity_words(record.images)}
## Terms of the images
{licences}

## Limits
- Infection borders on radiographs are soft and experts differ: each mask is one careful opinion.
- Controls may come from other sources than cases: a network can learn the source instead of the
  disease.
- Not a medical device and not for diagnosis.
"""


def _blindness_words(open_since: str | None) -> str:
    """Return the sentences that say which reads were blind."""
    if open_since is None:
        return """Nobody may both read images and see names, groups, rounds or releases of this
project. Masks with `"blind": true` in `manifest.json` are picks and sealed reads."""
    return f"""**Open project since {open_since}**: one person may both read images and see names,
groups, rounds and releases. Reads since then are not blind: they have `"blind": false` in
`manifest.json`."""


def _severity_words(images: Sequence[ReleasedImage]) -> str:
    """Return a section on the grades; it is empty if no lung mask is known."""
    lungs = [image.lung for image in images if image.lung]
    if not lungs:
        return ""
    cutoffs = lungs[0].severity.cutoffs
    pairs = zip(GRADES[1:], cutoffs, strict=True)
    begins = ", ".join(f"{grade} at {cut:.0%}" for grade, cut in pairs)
    known = len(lungs)
    drawn = sum(lung.provenance == "reference" for lung in lungs)
    return f"""
## Severity
![Severity](card/severity.svg)

The infected share of both lungs, measured on the released mask, for {known} of {len(images)} masks:
those with a lung mask, {drawn} of them a reference and {known - drawn} the networks' ensemble,
which no one corrected; `manifest.json` says which. The grades begin: {begins}. They count pixels of
projected lung and are no clinical score.
"""


def _plot_grades(images: Sequence[ReleasedImage]) -> bytes:
    """Plot the number of masks by grade, from the mildest grade to the most severe."""
    counted = Counter(str(image.grade) for image in images)
    order = [grade for grade in (*GRADES, "not graded") if counted[grade]]
    return _plot_bars("Severity", counted, order)


def _plot_bars(title: str, counted: Counter[str], order: Sequence[str] = ()) -> bytes:
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


def _plot_shares(images: Sequence[ReleasedImage]) -> bytes:
    shares = [100 * image.infected_pixels / (image.width * image.height) for image in images]
    with mpl.rc_context(rc=_SVG):
        figure = Figure(figsize=(4.2, 2.4), layout="constrained")
        axes = figure.add_subplot()
        axes.hist(shares or [0.0], bins=20, color="#3f8fce")
        axes.set_title(f"Infected share of the image, non-empty masks (n = {len(images)})")
        axes.set_xlabel("% of pixels")
        axes.spines[["top", "right"]].set_visible(False)
        return _svg(figure)


def _svg(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()
