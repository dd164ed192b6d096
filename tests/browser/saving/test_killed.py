"""Chromium killed at a random moment: what was drawn 50 ms before is there afterwards.

`ROUNDTRUTH_KILLS` sets how often it is killed; each kill has the seed that its name ends with.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.browser.editor import Editor
from tests.browser.profile import Profile

pytestmark = pytest.mark.browser

KILLS = int(os.environ.get("ROUNDTRUTH_KILLS", "3"))
KEPT_AFTER_S = 0.05
CELL = 40  # a stroke each, well apart with a small brush
CELLS = [(x + 8, y + 20) for y in range(0, 360, CELL) for x in range(0, 280, CELL)]

Cell = tuple[int, int]


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, KILLS))]
)
def test_browser_when_killed_then_every_stroke_of_50_ms_before_is_there(
    seed: int, profile: Profile
) -> None:
    chance = random.Random(seed)
    editor = profile.start()
    for _ in range(8):
        editor.page.keyboard.press("[")
    ups = draw(editor, chance)
    # As long as it happens to be: the browser may be killed at any moment.
    time.sleep(chance.choice([0.0, KEPT_AFTER_S, chance.uniform(0, 0.3)]))
    killed = time.monotonic()
    profile.kill()

    editor = profile.start()
    mask = editor.mask()
    due = [cell for cell, up in ups.items() if up + KEPT_AFTER_S <= killed]
    assert [(x, y) for x, y in due if not mask[y, x : x + 20].all()] == []
    assert len(due) >= len(ups) - 2
    for _ in ups:
        editor.page.keyboard.press("Control+z")
    assert not editor.mask().any()


def draw(editor: Editor, chance: random.Random) -> dict[Cell, float]:
    """Draw strokes quickly; return when the page had heard of each pointer's end."""
    cells = chance.sample(CELLS, chance.randint(3, 20))
    path = {(x, y): (editor.on_screen(x, y), editor.on_screen(x + 20, y)) for x, y in cells}
    mouse = editor.page.mouse
    ups: dict[Cell, float] = {}
    for cell, (start, end) in path.items():
        mouse.move(*start)
        mouse.down()
        mouse.move(*end, steps=chance.randint(1, 6))
        if chance.random() < 0.2:
            editor.page.wait_for_timeout(chance.randint(100, 400))  # a stroke as long as it may be
        mouse.up()
        ups[cell] = time.monotonic()
    return ups
