"""The report of an import: what it added and what it refused, for people and programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields

# A report is one JSON field, so its lists are cut here. The counts beside them stay exact.
MAX_LISTED = 2_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not imported: its name, a code for programs, a sentence for people."""

    file: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two images of different patients that look alike."""

    image: str
    file: str
    other_image: str
    other_file: str
    distance: int
    splits_differ: bool


@dataclass(slots=True)
class IntakeReport:
    """What one import did; the counts grow while it runs.

    `known` images were in the project before, `duplicates` came twice in this import.
    `implied_controls` are empty masks of controls, for which no read is written. `left_out` images
    belong to patients that a limit did not draw.
    """

    n_offered: int = 0
    added: int = 0
    known: int = 0
    duplicates: int = 0
    patients: int = 0
    sealed_patients: int = 0
    groups: Counter[str] = field(default_factory=Counter)
    masks: Counter[str] = field(default_factory=Counter)
    masks_known: int = 0
    implied_controls: int = 0
    n_refused: int = 0
    refused: list[Refusal] = field(default_factory=list)
    n_near_duplicates: int = 0
    near_duplicates: list[NearDuplicate] = field(default_factory=list)
    left_out: int = 0
    seconds: float = 0.0

    @property
    def has_succeeded(self) -> bool:
        """Say whether the import succeeded; it may add nothing if its images are known."""
        return bool(self.added or self.known or self.duplicates)

    def refuse(self, file: str, code: str, reason: str) -> None:
        """Count a refusal, and list it while there is room."""
        self.n_refused += 1
        if len(self.refused) < MAX_LISTED:
            self.refused.append(Refusal(file, code, reason))

    def refuse_all(self, refusals: Iterable[Refusal]) -> None:
        """Count and list several refusals."""
        for refusal in refusals:
            self.refuse(refusal.file, refusal.code, refusal.reason)

    def as_json(self) -> dict[str, object]:
        """Return plain values for the row and for `--json`."""
        lists = ("refused", "near_duplicates", "groups", "masks")
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in lists}
        return plain | {
            "groups": dict(self.groups),
            "masks": dict(self.masks),
            "refused": [asdict(item) for item in self.refused],
            "near_duplicates": [asdict(item) for item in self.near_duplicates],
        }
