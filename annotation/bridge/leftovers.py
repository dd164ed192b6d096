"""Delete what a killed worker left in the folders of rounds that nobody works on.

A child reads stored files from a checkout, which its worker deletes at the end. A killed worker
cannot, and if its round is then cancelled, no other worker takes over the folder. The checkout may
be a copy, so an erasure of an image would not reach it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import UUID

from django.conf import settings

from annotation.bridge.phases import CHECKOUT, WORK
from annotation.models import RUNNING_STATES, STOPPED_STATES, Round


def clear_left_folders() -> int:
    """Delete left checkouts on this machine, and whole folders of ended rounds; count the rounds.

    The checkpoints of a stopped round stay until it is closed, because it may be resumed. If it is
    resumed at this moment, its child misses a file, and the next attempt makes the checkout anew.
    """
    folders = {_round_id(path): path for path in (Path(settings.DATA_ROOT) / WORK).glob("*-*")}
    kept = Round.objects.filter(state__in=RUNNING_STATES).values_list("pk", flat=True)
    resumable = Round.objects.filter(state__in=STOPPED_STATES, decided_at=None)
    resumable_ids = set(resumable.values_list("pk", flat=True))
    n_cleared = 0
    for round_id in folders.keys() - set(kept) - {None}:
        folder = folders[round_id]
        left = list(folder.glob(f"*/{CHECKOUT}")) if round_id in resumable_ids else [folder]
        for path in left:
            shutil.rmtree(path, ignore_errors=True)
        n_cleared += bool(left)
    return n_cleared


def _round_id(folder: Path) -> UUID | None:
    try:
        return UUID(folder.name)
    except ValueError:
        return None
