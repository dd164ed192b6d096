"""The threshold slider in the mouse's hand."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.editor import Editor


def hold_slider(editor: Editor, part: float) -> None:
    """Drag the threshold from where it is to a part of its track, and hold it there."""
    slider = editor.page.get_by_role("slider", name="Threshold of")
    expect(slider).to_be_enabled()
    box = slider.bounding_box()
    assert box
    mouse = editor.page.mouse
    t8 = editor.state()["threshold"]
    middle = box["y"] + box["height"] / 2
    mouse.move(box["x"] + 8 + (box["width"] - 16) * (t8 - 1) / 254, middle)
    mouse.down()
    mouse.move(box["x"] + box["width"] * part, middle, steps=9)


def slide(editor: Editor, part: float) -> None:
    """Drag the threshold from where it is to a part of its track, with the mouse."""
    hold_slider(editor, part)
    editor.page.mouse.up()
