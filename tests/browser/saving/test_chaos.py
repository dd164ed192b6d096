"""What goes wrong on a ward, at random, while a reader draws fast: no stroke is gone.

`ROUNDTRUTH_STROKES` sets over how many strokes, `ROUNDTRUTH_SEED` what goes wrong when.
"""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

from annotation.models import Project
from tests.browser.editor import SHAPE, read_draft
from tests.browser.profile import Profile
from tests.browser.saving.chaos import ENDS, FAULTS, SEED, Reader
from tests.support import factories

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STROKES = int(os.environ.get("ROUNDTRUTH_STROKES", "200"))
CASES = 4


@pytest.fixture
def reader_at_work(profile: Profile, project: Project) -> Reader:
    for seed in range(2, CASES):
        image = factories.make_image(project, shape=SHAPE, seed=seed)
        factories.make_proposals(project.rounds.get(), image)
    reader = Reader(profile, random.Random(SEED))
    reader.come(profile.start(reader.meet))
    return reader


def test_reader_when_everything_goes_wrong_then_no_stroke_of_50_ms_before_is_lost(
    reader_at_work: Reader,
) -> None:
    reader, chance = reader_at_work, reader_at_work.chance
    done, decided = 0, 0
    while done < STROKES:
        burst = chance.randint(2, 9)
        reader.draw(burst)
        done += burst
        what = chance.random()
        if decided < CASES - 1 and done >= STROKES * (decided + 1) / CASES:
            reader.accept(chance.choice(FAULTS))
            decided += 1
        elif what < 0.4:
            reader.end(chance.choice(ENDS))
        elif what < 0.5:
            reader.lose_session()
        elif what < 0.8:
            reader.suffer(chance.choice(["", "", *FAULTS]))
        else:
            reader.expect_all()
    reader.suffer("")
    reader.expect_all()
    np.testing.assert_array_equal(read_draft(reader.editor), reader.moments[-1].mask)
