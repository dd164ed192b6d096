"""Make a release's files once, store them by hash, and freeze it; safe to kill and run again.

Every file is a pure function of the selection made when the release was asked for, less what was
withdrawn before it is published, so a second run finds what the first one stored.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from annotation import storage
from annotation.batching import batched
from annotation.errors import NotFound, RoundtruthError
from annotation.formats import dataset_card, qata
from annotation.models import Release, ReleaseItem, Round
from annotation.selectors.releases.released import Selected, biography, iter_selected
from annotation.selectors.releases.selection import Selection, without_withdrawn
from annotation.selectors.rounds.leaks import find_leaks
from annotation.services import claims
from annotation.services.releases import narrowing
from annotation.services.releases.lungs import Scale, measured_lung, scale_of
from mlloop.pixels.masks import decode_mask, encode_mask

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
    """Make the files of what is left of the selection, until nothing is withdrawn meanwhile.

    Each turn drops an image at least, so it ends.
    """
    while True:
        selection = narrowing.drop_withdrawn(release=release, claim=claim)
        try:
            masks, manifest = _render(release, claim, selection, progress)
        except NotFound:
            if without_withdrawn(release.project, selection) is selection:
                raise
            continue  # its bytes were erased under our hands
        if _publish(release, claim, selection, masks, manifest):
            return


def _render(
    release: Release,
    claim: claims.Claim,
    selection: Selection,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[qata.ReleasedMask], qata.ReleasedFile]:
    """Store and list every file of the release; return its masks and its manifest."""
    _forget_files(release, claim)
    masks: list[qata.ReleasedMask] = []
    files: list[qata.ReleasedFile] = []
    scale = scale_of(selection)
    for batch in batched(iter_selected(selection), BATCH):
        added: list[qata.ReleasedFile] = []
        for selected in batch:
            mask, of_mask = _mask_and_files(release, selected, scale)
            masks.append(mask)
            added += of_mask
        _list_files(release, claim, added, done=len(masks))
        files += added
        if progress:
            progress(len(masks), release.total)
    card = dataset_card.card_files(_card_facts(release, selection), masks)
    last = [_stored(release, path, data) for path, data in card.items()]
    files += last
    manifest = qata.manifest_bytes(
        project=release.project.slug,
        version=release.version,
        asked_at=release.created_at.isoformat(timespec="seconds"),
        masks=masks,
        files=files,
        counts=dataset_card.counts_of(masks),
    )
    listed = _stored(release, qata.MANIFEST, manifest)
    checksum = _stored(release, qata.CHECKSUM, f"{listed.sha256}  {qata.MANIFEST}\n".encode())
    _list_files(release, claim, [*last, listed, checksum], done=len(masks))
    return masks, listed


def _mask_and_files(
    release: Release, selected: Selected, scale: Scale
) -> tuple[qata.ReleasedMask, list[qata.ReleasedFile]]:
    """Return one mask's biography and its files: image, mask and, where known, lung mask."""
    image = selected.image
    if selected.reference:
        mask_key = selected.reference.mask_key
        mask = decode_mask(storage.read(mask_key), shape=(image.height, image.width))
    else:
        mask = np.zeros((image.height, image.width), np.bool_)
        mask_key = storage.put(release.project_id, encode_mask(mask))
    lung_key, lung = measured_lung(selected, mask, scale) or ("", None)
    life = biography(selected, infected_pixels=int(np.count_nonzero(mask)), lung=lung)
    files = [_file(life.image, image.pixels_key), _file(life.mask, mask_key)]
    return life, [*files, _file(life.lung_mask, lung_key)] if life.lung_mask else files


def _file(path: str, key: str) -> qata.ReleasedFile:
    return qata.ReleasedFile(path, storage.digest_of(key), storage.size(key))


def _stored(release: Release, path: str, data: bytes) -> qata.ReleasedFile:
    return _file(path, storage.put(release.project_id, data))


def _publish(
    release: Release,
    claim: claims.Claim,
    selection: Selection,
    masks: list[qata.ReleasedMask],
    manifest: qata.ReleasedFile,
) -> bool:
    """Freeze the row; return False if an image was withdrawn in the meantime."""
    with transaction.atomic():
        # This locks the row: a withdrawal waits for it from here on, or is seen below.
        claims.update(claim)
        if without_withdrawn(release.project, selection) is not selection:
            return False
        claims.release(
            claim,
            state=State.FROZEN,
            manifest_key=storage.key_of(release.project_id, manifest.sha256),
            manifest_sha256=manifest.sha256,
            n_masks=len(masks),
            done=len(masks),
            summary=dataset_card.counts_of(masks),
            frozen_at=timezone.now(),
        )
    return True


def _forget_files(release: Release, claim: claims.Claim) -> None:
    """Drop the list of files that a killed run left: its selection may have been larger."""
    with transaction.atomic():
        claims.update(claim, done=0)
        ReleaseItem.objects.filter(release=release).delete()


def _list_files(
    release: Release, claim: claims.Claim, files: list[qata.ReleasedFile], *, done: int
) -> None:
    """Write the rows of some files, which needs the claim.

    Files are listed soon after they were stored: until a row names it, a file counts as unused.
    """
    with transaction.atomic():
        claims.update(claim, done=done)
        ReleaseItem.objects.bulk_create(
            ReleaseItem(
                release=release,
                path=file.path,
                key=storage.key_of(release.project_id, file.sha256),
                sha256=file.sha256,
                size=file.size,
            )
            for file in files
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
