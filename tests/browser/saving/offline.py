"""A case that is accepted while the browser is offline."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import expect

from tests.browser.desk import Desk, drafted


def accept_offline(desk: Desk) -> tuple[str, np.ndarray]:
    """Draw and accept while nothing can be sent; return the case that waits and its mask."""
    page, case = desk.page, desk.state()["current"]["assignment"]
    desk.drag((80, 90), (140, 130))
    mask = drafted(desk)
    desk.wait_ahead()
    page.context.set_offline(True)
    page.keyboard.press("Enter")
    desk.wait(f"window.roundtruth.state().current?.assignment !== '{case}'")
    desk.wait_open()
    expect(page.get_by_role("status", name="Saving")).to_have_text(
        "nothing drawn yet, last case not sent yet"
    )
    return case, mask
