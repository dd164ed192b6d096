"""The records of a round: its figures, the gate's answer, and the counts on sealed images.

Only this module reads and writes this JSON. Rows and files of older versions lack some fields.
Such a field is None here, and is left out again when the record is written or shown.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from typing import Literal, cast

from mlloop.contract.calibration import Calibration
from mlloop.contract.records import canonical_json, from_plain
from mlloop.contract.splits import Group
from mlloop.figures.detection import ImageEstimate, SourceAuc
from mlloop.figures.metrics import Convention, Counts, Estimate, MetricName

GateOutcome = Literal["passed", "refused", "not_measured"]
GateConvention = Literal["pooled", "image_level"]


@dataclass(frozen=True, slots=True)
class MaskFigure:
    """One measure of masks with its 95 % interval by patient; None if nothing was measured.

    `n_empty` counts the images whose reference is empty. `hidden` says why a figure is not shown.
    """

    name: str
    convention: Convention
    value: float | None
    n: int
    n_both_empty: int | None
    ci_low: float | None
    ci_high: float | None
    n_empty: int | None = None
    hidden: str | None = None

    @classmethod
    def from_estimate(cls, estimate: Estimate, *, n_empty: int | None = None) -> MaskFigure:
        """Return an estimate as it is recorded."""
        return replace(from_plain(cls, estimate.as_json()), n_empty=n_empty)


@dataclass(frozen=True, slots=True)
class MaskFigures:
    """Dice of the same images under both conventions."""

    per_image: MaskFigure
    pooled: MaskFigure

    @property
    def both(self) -> tuple[MaskFigure, MaskFigure]:
        """Return both figures in the order in which they are shown."""
        return self.per_image, self.pooled


@dataclass(frozen=True, slots=True)
class ImageFigure:
    """One measure of whole images, such as an AUC; None if a class was missing."""

    name: str
    convention: str
    rule: str
    value: float | None
    n: int
    n_positive: int
    ci_low: float | None
    ci_high: float | None

    @classmethod
    def from_estimate(cls, estimate: ImageEstimate) -> ImageFigure:
        """Return an estimate as it is recorded."""
        return from_plain(cls, estimate.as_json())


@dataclass(frozen=True, slots=True)
class SourceFigure:
    """The AUC within one source of images; `warning` may be empty."""

    source: str
    auc: ImageFigure
    warning: str

    @classmethod
    def from_auc(cls, source: SourceAuc) -> SourceFigure:
        """Return the AUC of a source as it is recorded."""
        return cls(source.source, ImageFigure.from_estimate(source.auc), source.warning)


@dataclass(frozen=True, slots=True)
class ClassifierFigures:
    """One classifier's AUC out of fold, and how well its maps find the infection.

    The AUC is measured after proposing. The evaluation measures the fields with a default.
    """

    auc: ImageFigure
    auc_by_source: tuple[SourceFigure, ...]
    threshold: str | None = None
    per_image: MaskFigure | None = None
    pooled: MaskFigure | None = None
    pixels: tuple[MaskFigure, ...] | None = None


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One subgroup's paired difference, new round less serving round, and the margin it may lose.

    The convention says whether the metric counts pooled pixels, or whole images by any pixel.
    `holds` and the interval are None if the subgroup is not judged. Older rows have neither
    convention nor margin: their figures are pooled, and the gate's margin applies.
    """

    name: str
    metric: MetricName
    n: int
    difference: float | None
    ci_low: float | None
    ci_high: float | None
    holds: bool | None
    convention: GateConvention | None = None
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate's answer about a round, in a sentence and in figures.

    `compared_with` is the number of the serving round. It is None if no round served, or if too
    few sealed images were read to look for one.
    """

    outcome: GateOutcome
    sentence: str
    margin: float
    compared_with: int | None
    checks: tuple[GateCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingCounts:
    """The numbers of cases, patients and members with which a round was planned."""

    references: int
    controls: int
    patients: int
    positive_patients: int
    propose_on: int
    lung_masks: int | None = None
    warm_members: int | None = None


@dataclass(frozen=True, slots=True)
class PhaseSeconds:
    """How long each phase took, to a tenth of a second; `total` is from start to end."""

    proposing: float | None = None
    training: float | None = None
    evaluating: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class SealedLook:
    """The numbers of sealed films that a round was measured on, and of films that wait."""

    infected: int
    empty: int
    waiting: int


@dataclass(frozen=True, slots=True)
class RoundFigures:
    """All figures of a round; a field is None until its phase has ended.

    A round that was measured before looks were made of whole cells has no `look`.
    `proposals` and `lung` are out of fold. Their keys are networks and 'ensemble'. The keys of
    `activation` are classifiers.
    """

    schema: Literal[1] = 1
    train: TrainingCounts | None = None
    seconds: PhaseSeconds | None = None
    calibration: Calibration | None = None
    activation: dict[str, ClassifierFigures] | None = None
    sealed: MaskFigures | None = None
    proposals: dict[str, MaskFigures] | None = None
    lung: dict[str, MaskFigures] | None = None
    leaks: int | None = None
    gate: Gate | None = None
    look: SealedLook | None = None

    @classmethod
    def from_json(cls, stored: object) -> RoundFigures:
        """Read the figures that are stored in a round's row."""
        return from_plain(cls, stored)

    def to_json(self) -> dict[str, object]:
        """Return the figures as they are stored in a round's row."""
        return cast("dict[str, object]", _without_missing(self))

    def with_seconds(self, **seconds: float) -> RoundFigures:
        """Return the figures with the seconds of some phases added."""
        rounded = {phase: round_seconds(value) for phase, value in seconds.items()}
        return replace(self, seconds=replace(self.seconds or PhaseSeconds(), **rounded))


@dataclass(frozen=True, slots=True)
class SealedCase:
    """Pixel counts of one sealed image, proposal against reference.

    `peak` is the highest probability of its map, 0 to 255. `cell` is 0 and `reference` is empty in
    files of older versions; `reference` is also empty if the image's group implies an empty mask.
    """

    image: str
    patient: str
    group: Group
    tp: int
    fp: int
    fn: int
    tn: int
    peak: int = 0
    cell: int = 0
    reference: str = ""

    @property
    def counts(self) -> Counts:
        """Return the counts in the form that the metrics take."""
        return Counts(self.tp, self.fp, self.fn, self.tn)


@dataclass(frozen=True, slots=True)
class SealedEvaluation:
    """The file of a round's sealed counts. No page, endpoint or command shows it.

    `retired` are the images that no later look measures.
    """

    round: int
    cases: tuple[SealedCase, ...]
    schema: Literal[1] = 1
    retired: tuple[str, ...] = ()

    @classmethod
    def from_bytes(cls, data: bytes) -> SealedEvaluation:
        """Read a stored evaluation."""
        return from_plain(cls, json.loads(data))

    def to_bytes(self) -> bytes:
        """Return the canonical bytes for storage."""
        return canonical_json(self)


def round_seconds(seconds: float) -> float:
    """Return the seconds rounded to a tenth. The clock is not more precise than that."""
    return float(f"{seconds:.1f}")


def _without_missing(record: object) -> object:
    """Return a record as plain values without the fields that are None because they are unset.

    A None in a field without such a default is a result ("no interval") and stays.
    """
    if dataclasses.is_dataclass(record):
        fields = [(field, getattr(record, field.name)) for field in dataclasses.fields(record)]
        return {
            field.name: _without_missing(value)
            for field, value in fields
            if value is not None or field.default is not None
        }
    if isinstance(record, dict):
        return {key: _without_missing(value) for key, value in record.items()}
    if isinstance(record, tuple):
        return [_without_missing(item) for item in record]
    return record
