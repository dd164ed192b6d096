"""The pictures of the reading room, each with a separate reader."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser

from annotation.models import Membership, Project, User
from bench.browser import open_room, serve_site, start_chromium
from bench.environment import ROOT
from fixtures.cohort import write_cohort
from tools.screenshots.demo_project import make_project

OUT = ROOT / "docs" / "img"
SIZE = 1024  # pixels of a film


def make(folder: Path, names: list[str]) -> int:
    """Write the pictures to docs/img; return 2 if a name is unknown."""
    if unknown := sorted(set(names) - set(PICTURES)):
        print(f"There is no picture {unknown[0]!r}: {', '.join(PICTURES)}.", file=sys.stderr)
        return 2
    cohort = folder / "cohort"
    write_cohort(cohort, patients=6, seed=11, size=SIZE, normal_fraction=0.0, other_fraction=0.0)
    project = make_project("chest-pilot", cohort, is_blind=False)
    blind = make_project("chest-blind", cohort, is_blind=True)
    with serve_site() as address, start_chromium() as browser:
        for name in names or PICTURES:
            given = blind if name == "reading-blind" else project
            PICTURES[name](_Studio(browser, address, given, name))
            print(OUT / f"{name}.png")
    return 0


class _Studio:
    """Makes one picture: a new reader with an open reading room."""

    def __init__(self, browser: Browser, address: str, project: Project, name: str) -> None:
        self.browser, self.address, self.project = browser, address, project
        self.reader = _reader(project, name)
        self.room = open_room(browser, address, project, self.reader)
        self.page = self.room.page
        self.name = name

    def draw(self, *points: tuple[float, float]) -> None:
        """Draw through points given in shares of the film."""
        image = self.room.state()["current"]["image"]
        at = [self.room.at(x * image["width"], y * image["height"]) for x, y in points]
        self.page.mouse.move(*at[0])
        self.page.mouse.down()
        for point in at[1:]:
            self.page.mouse.move(*point, steps=6)
        self.page.mouse.up()

    def press(self, *keys: str) -> None:
        """Press keys one after the other, and wait after each until it is drawn."""
        for key in keys:
            self.page.keyboard.press(key)
            self.page.wait_for_timeout(250)

    def saved(self) -> None:
        """Wait until the server has every stroke."""
        self.room.wait(
            "window.roundtruth.state().save.phase === 'saved' && "
            "window.roundtruth.state().save.savedStroke > 0"
        )

    def shoot(self) -> None:
        """Take the picture and close the page."""
        self.page.wait_for_timeout(600)
        self.page.screenshot(path=OUT / f"{self.name}.png")
        self.room.context.close()


def _open(studio: _Studio) -> None:
    """Show an open read: the ensemble picked, a stroke added, the infection map and the lungs."""
    studio.press("1", "m", "l")
    studio.draw((0.3, 0.6), (0.34, 0.68))
    studio.saved()
    studio.page.mouse.move(*studio.room.at(SIZE * 0.36, SIZE * 0.7))
    studio.shoot()


def _blind(studio: _Studio) -> None:
    """Show a blind pick: letters, masks and nothing else."""
    studio.press("2")
    studio.saved()
    studio.shoot()


def _compare(studio: _Studio) -> None:
    """Show another day of the same patient beside the case."""
    studio.press("1", "y")
    studio.page.wait_for_timeout(1500)
    studio.saved()
    studio.shoot()


def _difference(studio: _Studio) -> None:
    """Show what was added to the candidate and removed from it."""
    studio.press("1")
    studio.draw((0.3, 0.55), (0.36, 0.66))
    studio.press("e")
    studio.draw((0.68, 0.6), (0.74, 0.66))
    studio.press("b", "Shift+D")
    studio.saved()
    studio.shoot()


def _merge(studio: _Studio) -> None:
    """Show both masks after the same case was drawn on in two browsers."""
    other = open_room(studio.browser, studio.address, studio.project, studio.reader)
    studio.press("1")
    studio.saved()
    other.page.keyboard.press("2")
    studio.page.wait_for_timeout(1500)
    other.page.screenshot(path=OUT / f"{studio.name}.png")
    other.context.close()
    studio.room.context.close()


def _offline(studio: _Studio) -> None:
    """Show strokes that are kept while the network is gone."""
    studio.press("1")
    studio.saved()
    studio.room.context.set_offline(True)
    for row in range(4):
        studio.draw((0.28, 0.5 + 0.03 * row), (0.4, 0.52 + 0.03 * row))
    studio.page.wait_for_timeout(1500)
    studio.shoot()


def _shortcuts(studio: _Studio) -> None:
    """Show the sheet of keys."""
    studio.press("?")
    studio.shoot()


PICTURES: dict[str, Callable[[_Studio], None]] = {
    "reading-room": _open,
    "reading-blind": _blind,
    "reading-compare": _compare,
    "reading-difference": _difference,
    "reading-merge": _merge,
    "reading-offline": _offline,
    "reading-shortcuts": _shortcuts,
}


def _reader(project: Project, name: str) -> User:
    reader = User.objects.create(username=f"dr-{name}", first_name="Ada", last_name="Reader")
    Membership.objects.create(project=project, user=reader, role=Membership.Role.READER)
    return reader
