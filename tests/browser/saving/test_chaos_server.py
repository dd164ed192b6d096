"""The web process killed at random moments while a reader draws and decides: nothing is gone.

`ROUNDTRUTH_SERVER_KILLS` sets how often, `ROUNDTRUTH_SEED` what is killed when.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from pytest_django.live_server_helper import LiveServer

from annotation import storage
from annotation.models import Draft, Project
from mlloop.pixels.masks import decode_mask
from tests.browser.conftest import SHAPE, Profile
from tests.browser.editor import read_annotation, read_draft
from tests.browser.saving.chaos import SEED, Reader, blank
from tests.browser.saving.webprocess import WebProcess
from tests.support import factories

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KILLS = int(os.environ.get("ROUNDTRUTH_SERVER_KILLS", "6"))
CASES = 4


@dataclass(repr=False)
class Survivor(Reader):
    """A reader whose server dies and comes back while the page stays, or dies as well."""

    web: WebProcess = field(kw_only=True)

    def pause(self, most: float) -> None:
        """Let a random time pass, so that the server dies before, in and after a request."""
        self.editor.page.wait_for_timeout(self.chance.uniform(0, most))

    def kill_server(self) -> None:
        self.story.append("server dies")
        self.web.kill()

    def start_server(self) -> None:
        self.story.append("server is back")
        self.web.start()

    def expect_whole_draft(self) -> None:
        """Assert that what the dead server left is a mask that was once on the screen."""
        draft = Draft.objects.filter(assignment_id=self.case).first()
        if draft is None:
            return
        mask = decode_mask(storage.read(draft.mask_key))
        assert any((mask == moment.mask).all() for moment in self.moments), self.story

    @property
    def case(self) -> str:
        return str(self.editor.state()["current"]["assignment"])

    def lose_both(self) -> None:
        """The browser dies beside the server, and both come back."""
        self.story.append("browser dies")
        ended = time.monotonic()
        self.profile.kill()
        self.start_server()
        self.come(self.profile.start(self.meet))
        self.expect_all(ended)

    def decide(self) -> None:
        """Accept while the server dies under it: the mask arrives, once, when it is back."""
        while not self.moments[-1].mask.any():
            self.draw(1)
        self.editor.wait_saved()
        self.editor.wait_ahead()
        case, mask = self.case, self.moments[-1].mask
        self.story.append("accepts")
        self.editor.page.keyboard.press("Enter")
        self.pause(150)
        self.kill_server()
        self.editor.wait(f"window.roundtruth.state().current?.assignment !== '{case}'")
        self.editor.wait_open()
        self.moments = blank()
        self.draw(3)
        self.expect_all()
        self.start_server()
        self.editor.wait_submitted(case)
        np.testing.assert_array_equal(read_annotation(case)[1], mask)


@pytest.fixture
def web(profile: Profile, tmp_path: Path) -> Iterator[WebProcess]:
    with (tmp_path / "web.log").open("wb") as log:
        web = WebProcess(log)
        web.start()
        yield web
        web.kill()


@pytest.fixture
def survivor(profile: Profile, project: Project, web: WebProcess) -> Survivor:
    for seed in range(2, CASES):
        image = factories.make_image(project, shape=SHAPE, seed=seed)
        factories.make_proposals(project.rounds.get(), image)
    # The session is a row in the database, so what signed in at one server is known to the other.
    profile.reading_room = replace(profile.reading_room, server=cast("LiveServer", web))
    reader = Survivor(profile, random.Random(SEED), web=web)
    reader.come(profile.start(reader.meet))
    return reader


def test_server_when_killed_at_random_moments_then_no_stroke_and_no_verdict_is_lost(
    survivor: Survivor,
) -> None:
    reader = survivor
    for turn in range(KILLS):
        reader.draw(reader.chance.randint(2, 6))
        if turn % 2 and turn // 2 < CASES - 1:
            reader.decide()
        else:
            reader.pause(900)  # a save begins 400 ms after a stroke
            reader.kill_server()
            reader.expect_whole_draft()
            reader.draw(reader.chance.randint(1, 4))
            if turn % 4:
                reader.lose_both()
            else:
                reader.start_server()
        reader.expect_all()
        np.testing.assert_array_equal(read_draft(reader.editor), reader.moments[-1].mask)
