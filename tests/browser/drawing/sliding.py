"""The threshold slider in the mouse's hand."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.desk import Desk


def hold_slider(desk: Desk, part: float) -> None:
    """Drag the threshold from where it is to a part of its track, and hold it there."""
    slider = desk.page.get_by_role("slider", name="Threshold of")
    expect(slider).to_be_enabled()
    box = slider.bounding_box()
    assert box
    mouse = desk.page.mouse
    t8 = desk.state()["threshold"]
    middle = box["y"] + box["height"] / 2
    mouse.move(box["x"] + 8 + (box["width"] - 16) * (t8 - 1) / 254, middle)
    mouse.down()
    mouse.move(box["x"] + box["width"] * part, middle, steps=9)


def slide(desk: Desk, part: float) -> None:
    """Drag the threshold from where it is to a part of its track, with the mouse."""
    hold_slider(desk, part)
    desk.page.mouse.up()
