"""Read the maps of networks that did not see the patient, beside the reference mask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from annotation import storage
from annotation.models import Proposal, Round
from annotation.selectors.rounds.training_cases import SnapshotCase, withdrawn_since
from mlloop.pixels.arrays import BoolArray, ByteArray
from mlloop.pixels.masks import decode_mask, decode_probability

# By network or 'ensemble': a map (H, W) uint8 and its threshold t8.
MapsByNetwork = dict[str, tuple[ByteArray, int]]


@dataclass(frozen=True, slots=True)
class UnseenMaps:
    """The unseen maps of one image, as proposed, and its reference mask `(H, W)`."""

    case: SnapshotCase
    shown: MapsByNetwork
    truth: BoolArray


def unseen_maps(
    round: Round, train: tuple[SnapshotCase, ...], label: str, on_image: Callable[[], None]
) -> Iterator[UnseenMaps]:
    """Yield a label's unseen maps on each image of `train` that has a reference mask.

    `on_image` is called before each image. It may raise Stopped.
    """
    for case, proposals in _with_reference(round, train, label):
        on_image()
        truth = decode_mask(storage.read(case.mask_key or ""), shape=(case.height, case.width))
        shown = {
            proposal.network: (
                decode_probability(storage.read(proposal.probability_key)),
                proposal.threshold,
            )
            for proposal in proposals
        }
        yield UnseenMaps(case, shown, truth)


def _with_reference(
    round: Round, train: tuple[SnapshotCase, ...], label: str
) -> Iterable[tuple[SnapshotCase, Iterable[Proposal]]]:
    """Pair the snapshot's references that have a mask with the proposals on their images.

    Images that were withdrawn since are left out: they must not count, and their bytes may
    be erased.
    """
    withdrawn = withdrawn_since(round.project, train)
    cases = {
        case.image: case
        for case in train
        if case.reference and case.mask_key and case.image not in withdrawn
    }
    # A patient of the training set has out-of-fold proposals only: `mean` is for all others.
    rows = Proposal.objects.filter(round=round, label__key=label).exclude(kind=Proposal.Kind.MEAN)
    ordered = rows.order_by("image_id", "network").iterator(chunk_size=500)
    for image_id, proposals in groupby(ordered, key=attrgetter("image_id")):
        if case := cases.get(str(image_id)):
            yield case, proposals
