from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from mlloop.pixels.masks import MaskError
from mlloop.pixels.severity import (
    EMPTY_LUNG,
    GRADES,
    NO_LUNG,
    Findings,
    Lesion,
    grade_of,
    measure_findings,
)
from mlloop.pixels.thorax import cut_zones, split_lungs

CUTOFFS = (0.01, 0.25, 0.5, 0.75)
SHAPE = (60, 80)


def oval(x: float, y: float, across: float, down: float) -> np.ndarray:
    rows, columns = np.indices(SHAPE)
    return np.asarray(((columns - x) / across) ** 2 + ((rows - y) / down) ** 2 <= 1)


def measured(infection: np.ndarray, lung: np.ndarray | None, **changes: object) -> Findings:
    asked = {"cutoffs": CUTOFFS, "smallest_share": 0.001, **changes}
    return measure_findings(infection, lung, **asked)  # type: ignore[arg-type]


@st.composite
def lungs(draw: st.DrawFn) -> np.ndarray:
    """Two lungs of any size and height that a film may show, not touching."""
    sizes = [
        (draw(st.floats(5, 14)), draw(st.floats(8, 20)), draw(st.floats(24, 36))) for _ in range(2)
    ]
    right, left = sizes
    return oval(22, right[2], right[0], right[1]) | oval(57, left[2], left[0], left[1])


@st.composite
def blots(draw: st.DrawFn) -> np.ndarray:
    """Any infection: blocks anywhere, also outside the lungs, or none."""
    mask = np.zeros(SHAPE, np.bool_)
    for _ in range(draw(st.integers(0, 6))):
        y, x = draw(st.integers(0, 55)), draw(st.integers(0, 75))
        mask[y : y + draw(st.integers(1, 20)), x : x + draw(st.integers(1, 20))] = True
    return mask


@st.composite
def noise(draw: st.DrawFn) -> np.ndarray:
    """A lung mask as a bad network may give it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return np.asarray(rng.random(SHAPE) < draw(st.floats(0, 1)))


@given(blots(), st.one_of(lungs(), noise()))
def test_findings_when_any_masks_then_parts_add_up_and_shares_are_shares(infection, lung):
    result = measured(infection, lung)
    assert result.both.pixels == lung.sum()
    assert result.both.infected == (infection & lung).sum()
    assert result.outside_pixels == (infection & ~lung).sum()
    for part in result.lungs:
        assert part.whole.pixels == sum(zone.pixels for zone in part.zones)
        assert part.whole.infected == sum(zone.infected for zone in part.zones)
        for half in (part.whole, *part.zones):
            assert math.isnan(half.share) == (half.pixels == 0)
            assert math.isnan(half.share) or 0 <= half.share <= 1
    json.dumps(result.as_json(), allow_nan=False)


@given(st.one_of(lungs(), noise()))
def test_zones_when_any_lung_mask_then_each_pixel_of_it_has_one(lung):
    is_left = split_lungs(lung)
    codes = cut_zones(lung, is_left).codes
    assert not (is_left & ~lung).any()
    assert np.array_equal(codes > 0, lung)
    assert np.array_equal(codes > 3, is_left)


@given(blots(), lungs())
def test_findings_when_the_film_is_mirrored_then_the_sides_change_places(infection, lung):
    result = measured(infection, lung)
    mirrored = measured(infection[:, ::-1], lung[:, ::-1])
    (right, left), (right_again, left_again) = result.lungs, mirrored.lungs
    assert [zone.infected for zone in right.zones] == [z.infected for z in left_again.zones]
    assert [zone.pixels for zone in left.zones] == [zone.pixels for zone in right_again.zones]
    assert result.grade == mirrored.grade


@given(blots(), lungs(), st.floats(0, 0.05))
def test_lesions_when_counted_then_they_partition_the_mask(infection, lung, smallest):
    result = measured(infection, lung, smallest_share=smallest).lesions
    labels, count = ndimage.label(infection, np.ones((3, 3)))
    sizes = sorted(ndimage.sum_labels(infection, labels, range(1, count + 1)), reverse=True)
    assert len(result.listed) + result.n_smaller == count
    assert [part.pixels for part in result.listed] == sizes[: len(result.listed)]
    assert sum(part.pixels for part in result.listed) + result.smaller_pixels == infection.sum()
    assert all(part.pixels >= result.smallest for part in result.listed)


def test_sides_when_two_lungs_then_the_image_left_is_the_patients_right():
    lung = oval(22, 30, 12, 20) | oval(58, 30, 10, 18)
    result = measured(oval(22, 44, 4, 4), lung)
    assert [part.whole.name for part in result.lungs] == ["right", "left"]
    assert result.lungs[0].whole.infected == oval(22, 44, 4, 4).sum()
    assert result.lungs[1].whole.infected == 0
    lesion = result.lesions.listed[0]
    assert (lesion.side, lesion.zone) == ("right", "lower")


def test_sides_when_the_lungs_touch_then_they_are_cut_where_the_bridge_is_thin():
    right, left = oval(24, 30, 14, 20), oval(58, 30, 16, 20)
    bridged = right | left
    bridged[29:31, 30:50] = True
    is_left = split_lungs(bridged)
    assert (is_left & left).sum() >= 0.98 * left.sum()
    assert not (is_left & right).any()


@pytest.mark.parametrize(("x", "side"), [(20, "right"), (60, "left")])
def test_sides_when_one_lung_is_missing_then_the_other_keeps_its_side(x, side):
    result = measured(oval(x, 20, 3, 3), oval(x, 30, 12, 22))
    assert result.lesions.listed[0].side == side
    assert {part.whole.name: part.whole.pixels > 0 for part in result.lungs}[side]
    assert sum(part.whole.pixels == 0 for part in result.lungs) == 1


def test_sides_when_one_lung_is_in_two_pieces_then_both_are_on_its_side():
    lung = oval(24, 15, 10, 8) | oval(24, 45, 10, 10)
    assert not split_lungs(lung).any()


def test_zones_when_a_speck_lies_above_then_the_thirds_are_still_the_lungs():
    lung = oval(22, 40, 10, 15) | oval(58, 40, 10, 15)
    codes = cut_zones(lung, split_lungs(lung)).codes
    lung[2, 20] = True
    with_speck = cut_zones(lung, split_lungs(lung)).codes
    assert with_speck[2, 20] == 1
    assert np.array_equal(with_speck[20:], codes[20:])


@given(lungs())
def test_borders_when_any_lungs_then_they_lie_where_the_counted_zones_meet(lung):
    codes = cut_zones(lung, split_lungs(lung)).codes
    result = measured(np.zeros(SHAPE, np.bool_), lung)
    for first, part in zip((1, 4), result.lungs, strict=True):
        assert len(part.borders) == 2
        for zone, border in enumerate(part.borders, first):
            rows = np.nonzero(codes == zone)[0], np.nonzero(codes == zone + 1)[0]
            assert rows[0].max() + 1 == border.row == rows[1].min()
            inside = np.isin(codes[border.row - 1 : border.row + 1], (zone, zone + 1)).any(axis=0)
            assert (border.left, border.right) == (inside.argmax(), 80 - inside[::-1].argmax())


@given(noise())
def test_borders_when_a_bad_networks_lung_then_two_a_lung_with_room_between_their_columns(lung):
    for part in measured(np.zeros(SHAPE, np.bool_), lung).lungs:
        assert len(part.borders) == (2 if part.whole.pixels else 0)
        assert all(0 <= border.left < border.right <= 80 for border in part.borders)


def test_borders_when_the_masks_stand_for_a_larger_film_then_in_its_pixels():
    lung = oval(22, 30, 10, 20) | oval(58, 30, 10, 20)
    nothing = np.zeros(SHAPE, np.bool_)
    small, large = (
        [
            border
            for part in measured(nothing, lung, film_shape=shape).lungs
            for border in part.borders
        ]
        for shape in (None, (240, 320))
    )
    for before, after in zip(small, large, strict=True):
        assert after.row == 4 * before.row
        # The film's own lung ends somewhere in the outer pixels of the small one, or just beyond.
        assert 4 * before.left - 4 < after.left <= 4 * before.left
        assert 4 * before.right <= after.right < 4 * before.right + 4


@pytest.mark.parametrize(
    ("share", "grade"),
    [(0.0, 0), (0.0099, 0), (0.01, 1), (0.25, 2), (0.4999, 2), (0.5, 3), (0.75, 4), (1.0, 4)],
)
def test_grade_when_a_cutoff_is_met_then_it_is_the_one_above(share, grade):
    assert grade_of(share, CUTOFFS) == GRADES[grade]


@pytest.mark.parametrize(
    ("lung", "reason"), [(None, NO_LUNG), (np.zeros(SHAPE, np.bool_), EMPTY_LUNG)]
)
def test_findings_when_there_is_no_lung_then_no_grade_and_the_reason(lung, reason):
    infection = oval(30, 30, 6, 6)
    result = measured(infection, lung)
    assert (result.grade, result.reason) == (None, reason)
    assert math.isnan(result.both.share)
    assert result.outside_pixels == infection.sum()
    assert [(part.side, part.zone) for part in result.lesions.listed] == [(None, None)]


def test_lesions_when_outside_the_lungs_then_said_and_sized_in_mm():
    lung = oval(22, 30, 10, 20) | oval(58, 30, 10, 20)
    infection = np.zeros(SHAPE, np.bool_)
    infection[0:4, 38:44] = True
    result = measured(infection, lung, spacing_mm=0.5, film_shape=(120, 160))
    assert result.lesions.listed == (Lesion(96, 6.0, "outside", None),)
    assert result.outside_pixels == 96


def test_findings_when_sizes_differ_then_refused():
    with pytest.raises(MaskError, match="lung mask"):
        measured(np.zeros((4, 4), np.bool_), np.zeros((4, 5), np.bool_))
