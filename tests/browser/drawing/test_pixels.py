"""Every tool that draws, at every zoom and pixel ratio: screen, editor and server agree."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.browser.drawing.outlining import OUTLINE, at_each_zoom, click, expect_enclosed
from tests.browser.editor import Editor, read_canvas, read_draft

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


def expect_painted(editor: Editor, mask: npt.NDArray[np.bool_], ratio: int) -> None:
    """Assert that the screen shows these pixels and no others, with a line all around them."""
    view, alpha = editor.state()["view"], read_canvas(editor, MASK, channel=3)
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


def expect_agreement(editor: Editor, ratio: int) -> None:
    """Assert that screen, editor and server have the same pixels, and not none."""
    mask = editor.mask()
    assert mask.any()
    expect_painted(editor, mask, ratio)
    np.testing.assert_array_equal(read_draft(editor), mask)


def undo_all(editor: Editor) -> None:
    while editor.state()["canUndo"]:
        editor.page.keyboard.press("Control+z")
    assert not editor.mask().any()


def brush(editor: Editor, zoom: float) -> None:
    editor.page.keyboard.press("b")
    editor.drag(*STROKE)
    rows, columns = np.nonzero(editor.mask())
    radius, slack = editor.state()["radius"], max(1.0, 1.0 / zoom)
    assert abs(rows.min() - (170.5 - radius)) <= slack
    assert abs(columns.max() + 1 - (160.5 + radius)) <= slack


def eraser(editor: Editor, zoom: float) -> None:
    lasso(editor, zoom)
    before = editor.mask()
    editor.page.keyboard.press("e")
    editor.drag((125, 155), (130, 165))
    assert (editor.mask() < before).any()


def threshold_brush(editor: Editor, zoom: float) -> None:
    editor.page.keyboard.press("t")
    editor.drag(*STROKE)


def lasso(editor: Editor, zoom: float) -> None:
    editor.page.keyboard.press("f")
    editor.drag(*OUTLINE)
    expect_enclosed(editor, zoom)


def polygon(editor: Editor, zoom: float) -> None:
    editor.page.keyboard.press("p")
    click(editor, *OUTLINE)
    editor.page.keyboard.press("Enter")
    expect_enclosed(editor, zoom)


def copy(editor: Editor, zoom: float) -> None:
    editor.page.keyboard.press("c")
    editor.wait_until(
        lambda: read_canvas(editor, PEEK, channel=3).any()
    )  # the candidate's mask has come
    editor.drag(*OUTLINE)


def threshold_slider(editor: Editor, zoom: float) -> None:
    editor.page.keyboard.press("2")
    editor.wait("window.roundtruth.state().hasProbability")
    slider = editor.page.get_by_role("slider", name="Threshold of U-Net resnet18")
    before = editor.mask()
    slider.fill("60")
    editor.wait("window.roundtruth.state().basis.threshold === 60")
    assert (editor.mask() != before).any()


@at_each_zoom
def test_tools_when_used_at_any_zoom_then_screen_editor_and_server_have_the_same_pixels(
    editor_at_ratio: Editor, ratio: int, zoom: float
) -> None:
    editor = editor_at_ratio
    editor.zoom_to(zoom, (150, 180))
    for tool in (brush, eraser, threshold_brush, lasso, polygon, copy, threshold_slider):
        tool(editor, zoom)
        expect_agreement(editor, ratio)
        undo_all(editor)


def draw_untidy(editor: Editor) -> None:
    """Draw an outline with a hole in it, and a dot of the least size beside it."""
    keyboard = editor.page.keyboard
    keyboard.press("f")
    editor.drag(*OUTLINE)
    keyboard.down("Alt")
    editor.drag(*HOLE)
    keyboard.up("Alt")
    keyboard.press("b")
    while editor.state()["radius"] > 1:
        keyboard.press("[")
    editor.drag(DOT, DOT)


@at_each_zoom
def test_clean_ups_when_used_at_any_zoom_then_screen_editor_and_server_have_the_same_pixels(
    editor_at_ratio: Editor, ratio: int, zoom: float
) -> None:
    editor = editor_at_ratio
    editor.zoom_to(zoom, (150, 180))
    draw_untidy(editor)
    for name in CLEAN_UPS:
        before, stroke = editor.mask(), editor.state()["stroke"]
        editor.button(name).click()
        editor.wait(f"window.roundtruth.state().stroke > {stroke}")
        assert (editor.mask() != before).any()
        expect_agreement(editor, ratio)
    undo_all(editor)
