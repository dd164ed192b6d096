"""One outline on the film, what it encloses, and the zooms at which it is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from tests.browser.editor import SHAPE, Editor

Points = list[tuple[float, float]]
ZOOMS = [0.25, 1.0, 4.0]
at_each_zoom = pytest.mark.parametrize(
    "zoom", [4.0, *(pytest.param(zoom, marks=pytest.mark.slow) for zoom in ZOOMS[:2])]
)
# Round (150, 180): within sight at zoom 4, and some pixels across at zoom 0.25.
OUTLINE: Points = [(120, 150), (185, 155), (170, 215), (125, 200)]


def enclosed(points: Points, *, margin: float = 0.0) -> np.ndarray:
    """Return the pixels whose centres lie inside a convex outline by more than `margin`."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    inside = np.ones(SHAPE, bool)
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        length = np.hypot(x1 - x0, y1 - y0)
        inside &= ((x1 - x0) * (rows - y0) - (y1 - y0) * (columns - x0)) / length > margin
    return inside


def expect_enclosed(editor: Editor, zoom: float) -> np.ndarray:
    """Assert that the mask is the outline's inside, as exactly as a pixel of the screen is."""
    mask, slack = editor.mask(), max(1.0, 1.0 / zoom)
    assert mask[enclosed(OUTLINE, margin=slack)].all()
    assert not mask[~enclosed(OUTLINE, margin=-slack)].any()
    return mask


def click(editor: Editor, *points: tuple[float, float]) -> None:
    for point in points:
        editor.page.mouse.click(*editor.on_screen(*point))
