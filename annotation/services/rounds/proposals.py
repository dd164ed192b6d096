"""Store the masks that a round proposes, batch by batch, while its child runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction

from annotation import storage
from annotation.models import Proposal, Round
from annotation.selectors.labels import READING_LABEL
from annotation.selectors.rounds.training_cases import usable_images
from annotation.services import claims
from annotation.services.claims import Claim


@dataclass(frozen=True, slots=True)
class ProposedMask:
    """One probability map as the child wrote it, with the members that made it."""

    network: str
    kind: str
    members: tuple[tuple[str, int], ...]
    probability: bytes
    threshold: int
    label: str = "infection"


@dataclass(frozen=True, slots=True)
class ProposedImage:
    """All proposals on one image, with the disagreement and the findings."""

    image_id: UUID
    masks: tuple[ProposedMask, ...]
    disagreement: float
    disagreement_map: bytes
    findings: Mapping[str, object] = field(default_factory=dict)


def record_proposals(
    claim: Claim, round: Round, labels: Mapping[str, UUID], images: Sequence[ProposedImage]
) -> None:
    """Store a batch of proposals and upsert their rows. A repeat changes nothing.

    `labels` are the ids of the project's labels by key. An image that was withdrawn meanwhile gets
    no row, because its maps show the withdrawn film.
    """
    files = storage.Batch(round.project_id)
    usable = _usable(round, images)
    rows = [row for image in usable for row in _rows(round, labels, image, files)]
    files.settle()
    with transaction.atomic():
        claims.update(claim)
        # Look again: the write above locks the round, and a withdrawal waits for that lock. So an
        # erasure either finds these rows, or the rows are not made.
        kept = {image.image_id for image in _usable(round, usable)}
        Proposal.objects.bulk_create(
            [row for row in rows if row.image_id in kept],
            update_conflicts=True,
            unique_fields=["round", "image", "label", "network", "kind"],
            update_fields=[
                "members",
                "probability_key",
                "disagreement_key",
                "disagreement",
                "threshold",
                "findings",
            ],
        )


def _usable(round: Round, images: Sequence[ProposedImage]) -> list[ProposedImage]:
    rows = usable_images(round.project).filter(pk__in=[image.image_id for image in images])
    kept = set(rows.values_list("pk", flat=True))
    return [image for image in images if image.image_id in kept]


def _rows(
    round: Round, labels: Mapping[str, UUID], image: ProposedImage, files: storage.Batch
) -> list[Proposal]:
    """Put one image's maps into `files` and return its unsaved rows.

    Only masks of the label that readers read wait for a reader.
    """
    disagreement_key = files.put(image.disagreement_map)
    rows = []
    for mask in image.masks:
        is_read = mask.label == READING_LABEL
        has_findings = is_read and mask.kind == Proposal.Kind.ENSEMBLE
        row = Proposal(
            round=round,
            image_id=image.image_id,
            label_id=labels[mask.label],
            network=mask.network,
            kind=mask.kind,
            members=[list(member) for member in mask.members],
            probability_key=files.put(mask.probability),
            disagreement_key=disagreement_key if is_read else "",
            disagreement=image.disagreement if is_read else None,
            threshold=mask.threshold,
            findings=image.findings if has_findings else {},
            is_waiting=is_read,
        )
        rows.append(row)
    return rows
