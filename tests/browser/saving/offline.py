"""A case that is accepted while the browser is offline."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import expect

from tests.browser.editor import Editor, read_draft


def accept_offline(editor: Editor) -> tuple[str, np.ndarray]:
    """Draw and accept while nothing can be sent; return the case that waits and its mask."""
    page, case = editor.page, editor.state()["current"]["assignment"]
    editor.drag((80, 90), (140, 130))
    mask = read_draft(editor)
    editor.wait_ahead()
    page.context.set_offline(True)
    page.keyboard.press("Enter")
    editor.wait(f"window.roundtruth.state().current?.assignment !== '{case}'")
    editor.wait_open()
    expect(page.get_by_role("status", name="Saving")).to_have_text(
        "nothing drawn yet, last case not sent yet"
    )
    return case, mask
