"""Measure a round: out-of-fold proposals against references, and the sealed counts as aggregates.

Every figure carries its convention, n and a 95 % interval by patient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from annotation import storage
from annotation.models import Proposal, Round
from annotation.selectors.labels import READING_LABEL
from annotation.selectors.training_cases import Snapshot, SnapshotCase, withdrawn_since
from mlloop.masks import BoolArray, ByteArray, decode_mask, decode_probability, threshold_mask
from mlloop.metrics import Counts, counts, estimate

Figure = dict[str, str | int | float | None]
Figures = dict[str, Figure]


def figures(many: Sequence[Counts], patients: Sequence[str]) -> Figures:
    """Return Dice per image and pooled, each with n, n_both_empty and its interval."""
    return {
        "per_image": estimate(many, patients, convention="per_image").as_json(),
        "pooled": estimate(many, patients, convention="pooled").as_json(),
    }


def sealed_figures(cases: Sequence[Mapping[str, object]]) -> Figures:
    """Aggregate the sealed counts; n = 0 and null where nothing was read."""
    many = [Counts(*(int(str(case[name])) for name in ("tp", "fp", "fn", "tn"))) for case in cases]
    return figures(many, [str(case["patient"]) for case in cases])


@dataclass(frozen=True, slots=True)
class Measured:
    """One unseen proposal against its reference."""

    image: str
    patient: str
    found: Counts


def measured_proposals(
    round: Round, snapshot: Snapshot, on_image: Callable[[], None]
) -> dict[str, list[Measured]]:
    """Count each infection network's and its ensemble's unseen proposals on the references."""
    return _unseen(round, snapshot.train, READING_LABEL, on_image)


def lung_figures(
    round: Round, snapshot: Snapshot, on_image: Callable[[], None]
) -> dict[str, Figures]:
    """Measure the lung networks alike; nothing where the round has none."""
    return proposal_figures(_unseen(round, snapshot.lung, "lung", on_image))


def _unseen(
    round: Round, train: tuple[SnapshotCase, ...], label: str, on_image: Callable[[], None]
) -> dict[str, list[Measured]]:
    found: dict[str, list[Measured]] = {}
    for one in unseen_maps(round, train, label, on_image):
        mask = threshold_mask(one.p8, shape=one.truth.shape, t8=one.proposal.threshold)
        measured = Measured(one.case.image, one.case.patient, counts(mask, one.truth))
        found.setdefault(one.proposal.network, []).append(measured)
    return found


@dataclass(frozen=True, slots=True)
class UnseenMap:
    """A map of networks that did not see the patient, with the reference `(H, W)`."""

    case: SnapshotCase
    proposal: Proposal
    p8: ByteArray
    truth: BoolArray


def unseen_maps(
    round: Round, train: tuple[SnapshotCase, ...], label: str, on_image: Callable[[], None]
) -> Iterator[UnseenMap]:
    """Yield a label's unseen maps on the images of `train` that have a reference mask."""
    for case, proposals in _referenced(round, train, label):
        on_image()
        truth = decode_mask(storage.read(case.mask_key or ""), shape=(case.height, case.width))
        for proposal in proposals:
            p8 = decode_probability(storage.read(proposal.probability_key))
            yield UnseenMap(case, proposal, p8, truth)


def proposal_figures(measured: Mapping[str, Sequence[Measured]]) -> dict[str, Figures]:
    """Aggregate the unseen proposals of each network and of the ensemble."""
    return {
        network: figures([one.found for one in rows], [one.patient for one in rows])
        for network, rows in sorted(measured.items())
    }


def _referenced(
    round: Round, train: tuple[SnapshotCase, ...], label: str
) -> Iterable[tuple[SnapshotCase, Iterable[Proposal]]]:
    """Pair the snapshot's references that have a mask with the proposals on their images.

    What was withdrawn since is left out: it may not count, and its bytes may be gone.
    """
    gone = withdrawn_since(round.project, train)
    cases = {
        case.image: case
        for case in train
        if case.reference and case.mask_key and case.image not in gone
    }
    # Patients trained on have only proposals that leave them out: `mean` is for the others.
    rows = Proposal.objects.filter(round=round, label__key=label).exclude(kind=Proposal.Kind.MEAN)
    ordered = rows.order_by("image_id", "network").iterator(chunk_size=500)
    for image_id, proposals in groupby(ordered, key=attrgetter("image_id")):
        if case := cases.get(str(image_id)):
            yield case, proposals
