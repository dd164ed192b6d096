from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from scipy.ndimage import binary_erosion

from mlloop.pixels.overlays import draw_outlines, find_outline

RED, BLUE = (255, 0, 0), (0, 0, 255)


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_outline_when_compared_with_scipy_then_it_is_the_mask_without_its_inside(mask):
    np.testing.assert_array_equal(find_outline(mask), mask & ~binary_erosion(mask))


def test_overlay_when_masks_are_larger_than_the_film_then_lines_lie_where_they_should():
    film = np.full((20, 30), 77, np.uint8)
    lower, upper = np.zeros((2, 40, 60), np.bool_)
    lower[8:32, 8:32] = True
    upper[:, 56:] = True
    png = draw_outlines(film, [(lower, RED), (upper, BLUE)])
    result = np.asarray(Image.open(io.BytesIO(png)))
    assert result.shape == (20, 30, 3)
    assert tuple(result[0, 0]) == (77, 77, 77)
    red = (result == RED).all(axis=2)
    assert (red.sum(axis=0).max(), red.sum(axis=1).max()) == (12, 12)
    assert red[4:6, 4:16].all()
    assert not red[6:14, 6:14].any()  # two pixels wide
    assert (result[:, 28:] == BLUE).all()
