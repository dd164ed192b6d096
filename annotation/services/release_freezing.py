"""Make a release's files once, store them by hash, and freeze it; safe to kill and run again.

Every file is a pure function of the selection made when the release was asked for, so a second
run finds what the first one stored and ends with the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID

import numpy as np
from django.db.models import Q
from django.utils import timezone

from annotation import storage
from annotation.errors import RoundtruthError
from annotation.formats import dataset_card, qata
from annotation.models import Release, ReleaseItem, Round
from annotation.selectors.leaks import find_leaks
from annotation.selectors.released import (
    Selected,
    Selection,
    batched,
    biography,
    iter_selected,
)
from annotation.services import claims
from mlloop.masks import decode_mask, encode_mask

State = Release.State
DUE = Q(state__in=(State.DUE, State.RUNNING))
BATCH = 100


def run_release(*, release_id: UUID, progress: Callable[[int, int], None] | None = None) -> None:
    """Freeze a due release, if nobody else is at it; a frozen one is left alone."""
    claim = claims.take(
        model=Release, pk=release_id, due=DUE, sets={"state": State.RUNNING, "failure": ""}
    )
    if claim is None:
        return
    release = Release.objects.select_related("project").get(pk=release_id)
    try:
        _freeze(release, claim, progress)
    except claims.ClaimLost:
        return
    except RoundtruthError as error:
        claims.release(claim, state=State.FAILED, failure=error.sentence)


def _freeze(
    release: Release, claim: claims.Claim, progress: Callable[[int, int], None] | None
) -> None:
    masks: list[qata.ReleasedMask] = []
    files: list[qata.ReleasedFile] = []
    selection: Selection = json.loads(storage.read(release.selection_key))
    for batch in batched(iter_selected(selection), BATCH):
        for selected in batch:
            mask, added = _mask_and_files(release, selected)
            masks.append(mask)
            files += added
        claims.update(claim, done=len(masks))
        if progress:
            progress(len(masks), release.total)
    files += [
        _stored(release, path, data)
        for path, data in dataset_card.card_files(_card_facts(release, selection), masks).items()
    ]
    manifest = qata.manifest_bytes(
        project=release.project.slug,
        version=release.version,
        asked_at=release.created_at.isoformat(timespec="seconds"),
        masks=masks,
        files=files,
        counts=dataset_card.counts_of(masks),
    )
    _finish(release, claim, masks, files, manifest)


def _mask_and_files(
    release: Release, selected: Selected
) -> tuple[qata.ReleasedMask, list[qata.ReleasedFile]]:
    """Return one mask's biography and its two files, recorded as items of the release."""
    image = selected.image
    if selected.reference:
        mask_key = selected.reference.mask_key
        mask = decode_mask(storage.read(mask_key), shape=(image.height, image.width))
    else:
        mask = np.zeros((image.height, image.width), np.bool_)
        mask_key = storage.put(release.project_id, encode_mask(mask))
    life = biography(selected, infected_pixels=int(np.count_nonzero(mask)))
    return life, [_file(life.image, image.pixels_key), _file(life.mask, mask_key)]


def _file(path: str, key: str) -> qata.ReleasedFile:
    return qata.ReleasedFile(path, storage.digest_of(key), storage.size(key))


def _stored(release: Release, path: str, data: bytes) -> qata.ReleasedFile:
    return _file(path, storage.put(release.project_id, data))


def _finish(
    release: Release,
    claim: claims.Claim,
    masks: list[qata.ReleasedMask],
    files: list[qata.ReleasedFile],
    manifest: bytes,
) -> None:
    """List the files, and freeze the row in the same transaction as its last item."""
    listed = _stored(release, qata.MANIFEST, manifest)
    checksum = _stored(release, qata.CHECKSUM, f"{listed.sha256}  {qata.MANIFEST}\n".encode())
    items = [
        ReleaseItem(
            release=release,
            path=file.path,
            key=storage.key_of(release.project_id, file.sha256),
            sha256=file.sha256,
            size=file.size,
        )
        for file in (*files, listed, checksum)
    ]
    # Conflicts are the items of an earlier, killed run: the same paths with the same bytes.
    for batch in batched(items, 1000):
        ReleaseItem.objects.bulk_create(batch, ignore_conflicts=True)
    claims.release(
        claim,
        state=State.FROZEN,
        manifest_key=storage.key_of(release.project_id, listed.sha256),
        manifest_sha256=listed.sha256,
        n_masks=len(masks),
        done=len(masks),
        summary=dataset_card.counts_of(masks),
        frozen_at=timezone.now(),
    )


def _card_facts(release: Release, selection: Selection) -> dataset_card.CardFacts:
    rounds = list(Round.objects.filter(id__in=selection["rounds"]).order_by("number"))
    return dataset_card.CardFacts(
        project=release.project.name,
        version=release.version,
        asked_at=release.created_at.date().isoformat(),
        rounds=[_round_line(row) for row in rounds],
        leaks=sum(len(find_leaks(row)) for row in rounds) if rounds else None,
        withdrawn=len(selection["withdrawn"]),
    )


def _round_line(row: Round) -> str:
    networks = sorted(set(row.members.values_list("network", flat=True)))
    return (
        f"round {row.number}, {row.get_stage_display()}: {', '.join(networks)}, {row.folds} folds, "
        f"trained on {row.n_train} images of {row.n_train_patients} patients"
    )
