"""A browser of its own whose folder outlives it: closed, killed and started again."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import BrowserContext, Route

from tests.browser.editor import Editor, poll

if TYPE_CHECKING:
    from tests.browser.conftest import ReadingRoom

Launching = Callable[[Path], BrowserContext]


@dataclass(slots=True)
class Profile:
    """A browser of its own whose folder outlives it."""

    launch: Launching
    folder: Path
    reading_room: ReadingRoom
    cookies: list
    context: BrowserContext | None = None

    def start(
        self,
        meet: Callable[[Route], None] = lambda route: route.abort(),
        *,
        quota: int | None = None,
    ) -> Editor:
        """Open the reading room, where a page may store `quota` bytes; `meet` decides about saves,
        and lets none reach the server."""
        self.context = self.launch(self.folder)
        self.context.add_cookies(self.cookies)
        self.context.route(re.compile("/(draft|submit)/"), meet)
        if quota is not None:
            limit = {"origin": self.reading_room.server.url, "quotaSize": quota}
            devtools = self.context.new_cdp_session(self.context.pages[0])
            devtools.send("Storage.overrideQuotaForOrigin", limit)
        editor = self.reading_room.open(self.context)
        editor.wait_open()
        return editor

    def close(self) -> None:
        if self.context:
            self.context.close()
        self.context = None

    def kill(self) -> None:
        """End the browser process by SIGKILL: no handler of it runs.

        Its children end by themselves; until then one of them has the journal's files.
        """
        self.context = None
        for number, command in self.processes().items():
            if "--type=" not in command:
                os.kill(number, signal.SIGKILL)
        poll(lambda: not self.processes(), lambda: f"the end of {self.processes()}")

    def processes(self) -> dict[int, str]:
        """Return the command of each process that has this browser's folder."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if f"--user-data-dir={self.folder} " in command:
                    found[int(entry.name)] = command
        return found
