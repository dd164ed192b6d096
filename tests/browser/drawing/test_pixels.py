"""Every tool that draws, at every zoom and pixel ratio: screen, editor and server agree."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.browser.desk import Desk, drafted, drawn
from tests.browser.drawing.outlining import OUTLINE, at_each_zoom, click, expect_enclosed

pytestmark = pytest.mark.browser

STROKE = ((140.5, 170.5), (160.5, 190.5))
LINE = 255  # the outline's opacity; the fill lets the film through
# Round the same place: a hole, and outside of it a dot. All but the middle lies in the lungs.
HOLE, DOT = [(140, 170), (160, 170), (155, 195), (138, 190)], (200, 230)
CLEAN_UPS = ("Fill holes", "Remove islands", "Smooth", "Grow", "Shrink", "Clip to lung")
MASK, PEEK = ".stage canvas:nth-child(4)", ".stage canvas:nth-child(5)"


def under(
    count: int, offset: float, scale: float, length: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return from where to where the image lies under each pixel of the screen, on one axis.

    That is the nearest image pixel where one is larger than the screen's, else all it covers.
    """
    if scale >= 1:
        first = np.floor((np.arange(count) + 0.5 - offset) / scale)
        ends = first, first + 1
    else:
        edges = np.floor((np.arange(count + 1) - offset) / scale)
        ends = edges[:-1], edges[1:]
    return tuple(np.clip(end, 0, length).astype(np.int64) for end in ends)


def expect_painted(desk: Desk, mask: npt.NDArray[np.bool_], ratio: int) -> None:
    """Assert that the screen shows these pixels and no others, with a line all around them."""
    view, alpha = desk.state()["view"], drawn(desk, MASK, channel=3)
    scale = view["zoom"] * ratio
    top, bottom = under(alpha.shape[0], view["y"] * ratio, scale, mask.shape[0])
    left, right = under(alpha.shape[1], view["x"] * ratio, scale, mask.shape[1])
    sums = np.pad(mask.cumsum(0, np.int32).cumsum(1), ((1, 0), (1, 0)))
    rows = sums[bottom] - sums[top]
    count = rows[:, right] - rows[:, left]
    is_set = count > 0
    np.testing.assert_array_equal(alpha > 0, is_set)
    is_cut = is_set & (count < np.outer(bottom - top, right - left))
    beside = np.pad(~is_set, 1)
    is_rim = is_set & (beside[:-2, 1:-1] | beside[2:, 1:-1] | beside[1:-1, :-2] | beside[1:-1, 2:])
    assert is_rim.any()
    assert (alpha[is_cut | is_rim] == LINE).all()


def expect_agreement(desk: Desk, ratio: int) -> None:
    """Assert that screen, editor and server have the same pixels, and not none."""
    mask = desk.mask()
    assert mask.any()
    expect_painted(desk, mask, ratio)
    np.testing.assert_array_equal(drafted(desk), mask)


def undo_all(desk: Desk) -> None:
    while desk.state()["canUndo"]:
        desk.page.keyboard.press("Control+z")
    assert not desk.mask().any()


def brush(desk: Desk, zoom: float) -> None:
    desk.page.keyboard.press("b")
    desk.drag(*STROKE)
    rows, columns = np.nonzero(desk.mask())
    radius, slack = desk.state()["radius"], max(1.0, 1.0 / zoom)
    assert abs(rows.min() - (170.5 - radius)) <= slack
    assert abs(columns.max() + 1 - (160.5 + radius)) <= slack


def eraser(desk: Desk, zoom: float) -> None:
    lasso(desk, zoom)
    before = desk.mask()
    desk.page.keyboard.press("e")
    desk.drag((125, 155), (130, 165))
    assert (desk.mask() < before).any()


def threshold_brush(desk: Desk, zoom: float) -> None:
    desk.page.keyboard.press("t")
    desk.drag(*STROKE)


def lasso(desk: Desk, zoom: float) -> None:
    desk.page.keyboard.press("f")
    desk.drag(*OUTLINE)
    expect_enclosed(desk, zoom)


def polygon(desk: Desk, zoom: float) -> None:
    desk.page.keyboard.press("p")
    click(desk, *OUTLINE)
    desk.page.keyboard.press("Enter")
    expect_enclosed(desk, zoom)


def copy(desk: Desk, zoom: float) -> None:
    desk.page.keyboard.press("c")
    desk.until(lambda: drawn(desk, PEEK, channel=3).any())  # the candidate's mask has come
    desk.drag(*OUTLINE)


def threshold_slider(desk: Desk, zoom: float) -> None:
    desk.page.keyboard.press("2")
    desk.wait("window.roundtruth.state().hasProbability")
    slider = desk.page.get_by_role("slider", name="Threshold of U-Net resnet18")
    before = desk.mask()
    slider.fill("60")
    desk.wait("window.roundtruth.state().basis.threshold === 60")
    assert (desk.mask() != before).any()


@at_each_zoom
def test_tools_when_used_at_any_zoom_then_screen_editor_and_server_have_the_same_pixels(
    desk_at_ratio: Desk, ratio: int, zoom: float
) -> None:
    desk = desk_at_ratio
    desk.zoom_to(zoom, (150, 180))
    for tool in (brush, eraser, threshold_brush, lasso, polygon, copy, threshold_slider):
        tool(desk, zoom)
        expect_agreement(desk, ratio)
        undo_all(desk)


def draw_untidy(desk: Desk) -> None:
    """Draw an outline with a hole in it, and a dot of the least size beside it."""
    keyboard = desk.page.keyboard
    keyboard.press("f")
    desk.drag(*OUTLINE)
    keyboard.down("Alt")
    desk.drag(*HOLE)
    keyboard.up("Alt")
    keyboard.press("b")
    while desk.state()["radius"] > 1:
        keyboard.press("[")
    desk.drag(DOT, DOT)


@at_each_zoom
def test_clean_ups_when_used_at_any_zoom_then_screen_editor_and_server_have_the_same_pixels(
    desk_at_ratio: Desk, ratio: int, zoom: float
) -> None:
    desk = desk_at_ratio
    desk.zoom_to(zoom, (150, 180))
    draw_untidy(desk)
    for name in CLEAN_UPS:
        before, stroke = desk.mask(), desk.state()["stroke"]
        desk.button(name).click()
        desk.wait(f"window.roundtruth.state().stroke > {stroke}")
        assert (desk.mask() != before).any()
        expect_agreement(desk, ratio)
    undo_all(desk)
