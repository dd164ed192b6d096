"""Layers and severity in Chromium: there in an open read, absent from a blind one."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from annotation.models import Image, User
from mlloop.pixels.raster import threshold_mask
from mlloop.pixels.thorax import SIDES, ZONES, cut_zones, split_lungs
from tests.browser import editor as screen
from tests.browser.conftest import ReadingRoom
from tests.browser.drawing.outlining import ZOOMS
from tests.browser.editor import SHAPE, Editor, absolute_url
from tests.support.factories import lungs_p8

pytestmark = pytest.mark.browser


def layer_alpha(editor: Editor, layer: str) -> int:
    """Return how many pixels of a layer's canvas are drawn."""
    editor.wait_frames()
    return editor.ask(  # type: ignore[return-value]
        f"(() => {{ const c = document.querySelector('.stage canvas.{layer}');"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i]) n++; return n })()"
    )


def drawn(editor: Editor, layer: str) -> str:
    """Return what a layer's canvas holds, or nothing while nothing is drawn."""
    if not layer_alpha(editor, layer):
        return ""
    return str(editor.ask(f"document.querySelector('.stage canvas.{layer}').toDataURL()"))


def test_layers_when_switched_on_in_an_open_read_then_drawn_with_their_legend(
    editor: Editor,
) -> None:
    side = editor.page.get_by_role("complementary")
    legend = side.get_by_role("img", name="Probability of infection, ensemble")
    expect(legend).to_be_hidden()
    assert layer_alpha(editor, "heat") == layer_alpha(editor, "lung") == 0
    editor.page.keyboard.press("m")
    expect(legend).to_be_visible()
    expect(editor.button("Infection map")).to_have_attribute("aria-pressed", "true")
    editor.button("Lung outline").click()
    editor.wait_until(lambda: layer_alpha(editor, "heat") and layer_alpha(editor, "lung"))
    assert layer_alpha(editor, "heat") > 1000
    assert 100 < layer_alpha(editor, "lung") < layer_alpha(editor, "heat")
    editor.page.keyboard.press("m")
    expect(legend).to_be_hidden()
    assert layer_alpha(editor, "heat") == 0
    assert not editor.mask().any()


def counted_zones() -> dict[str, np.ndarray]:
    """Return the zones that severity counts on these films, by name, as masks."""
    lung = threshold_mask(lungs_p8(), shape=SHAPE, t8=128)
    codes = cut_zones(lung, split_lungs(lung)).codes
    names = [f"{side} {zone}" for side in SIDES for zone in ZONES]
    return {name: codes == code for code, name in enumerate(names, 1)}


def test_zone_borders_when_the_lungs_are_shown_then_thin_lines_where_severity_cuts(
    editor_at_ratio: Editor, ratio: int
) -> None:
    editor, zones = editor_at_ratio, counted_zones()
    editor.page.keyboard.press("l")
    editor.wait_until(lambda: layer_alpha(editor, "lung"))
    for side in SIDES:
        upper, middle, lower = (zones[f"{side} {zone}"] for zone in ZONES)
        column = int(np.nonzero(upper)[1].mean())
        tops = [int(np.flatnonzero(zone[:, column])[0]) for zone in (middle, lower)]
        for zoom in ZOOMS:
            editor.page.keyboard.press("Home")
            editor.zoom_to(zoom, (column, tops[0]))
            view = editor.state()["view"]
            drawn = screen.read_canvas(editor, ".stage canvas.lung", channel=3)
            scale = view["zoom"] * ratio
            across = int((column + 0.5) * scale + view["x"] * ratio)
            lines = [round(top * scale + view["y"] * ratio) for top in tops]
            assert 0 <= lines[0] < len(drawn)
            for line in (one for one in lines if one + ratio < len(drawn)):
                # As many pixels of the screen as it has to one of the page's, and none beside.
                near = drawn[line - 2 : line + ratio + 2, across]
                assert near.tolist() == [0, 0, *[255] * ratio, 0, 0]
            outside = int((np.nonzero(middle)[1].min() - 2) * scale + view["x"] * ratio)
            assert not drawn[lines[0], max(0, outside - 4) : max(0, outside)].any()


def test_zone_names_when_the_lungs_are_shown_then_each_stands_beside_its_zone(
    editor: Editor,
) -> None:
    film, zones = editor.page.get_by_role("main"), counted_zones()
    expect(film.get_by_text("right upper")).to_have_count(0)
    editor.page.keyboard.press("l")
    for is_mirrored in (False, True):
        for name, zone in zones.items():
            rows, columns = np.nonzero(zone)
            box = film.get_by_text(name, exact=True).bounding_box()
            corners = [
                editor.on_screen(float(columns.min()), float(rows.min())),
                editor.on_screen(float(columns.max() + 1), float(rows.max() + 1)),
            ]
            (left, top), (right, bottom) = np.min(corners, axis=0), np.max(corners, axis=0)
            assert box
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            assert top < y < bottom
            # The patient's right lies on the left of a film as it was taken.
            if name.startswith("right") != is_mirrored:
                assert x < left
            else:
                assert x > right
        editor.page.keyboard.press("Shift+F")
    editor.page.keyboard.press("l")
    expect(film.get_by_text("right upper")).to_have_count(0)


def test_activation_map_when_its_key_is_pressed_then_it_takes_the_infection_maps_place(
    editor: Editor,
) -> None:
    side = editor.page.get_by_role("complementary")
    legend = side.get_by_text("Where the classifier looked; not a mask")
    pair = side.get_by_role("img", name="on the whole film")
    expect(legend).to_be_hidden()
    expect(pair).to_have_count(0)
    editor.page.keyboard.press("m")
    infection = editor.wait_until(lambda: drawn(editor, "heat"))
    expect(pair).to_have_count(2)
    editor.page.keyboard.press("a")
    expect(legend).to_be_visible()
    expect(editor.button("Activation map (Grad-CAM)")).to_have_attribute("aria-pressed", "true")
    expect(editor.button("Infection map")).to_have_attribute("aria-pressed", "false")
    editor.wait_until(lambda: drawn(editor, "heat") not in (infection, ""))
    assert layer_alpha(editor, "heat") > 1000
    small = [one.screenshot() for one in pair.all()]
    assert small[0] != small[1]
    editor.button("Activation map (Grad-CAM)").click()
    expect(legend).to_be_hidden()
    expect(pair).to_have_count(0)
    assert layer_alpha(editor, "heat") == 0
    assert not editor.mask().any()


def test_severity_when_open_then_said_to_be_the_proposals(editor: Editor) -> None:
    side = editor.page.get_by_role("complementary")
    expect(side.get_by_role("heading", name="Severity of the proposal")).to_be_visible()
    table = side.get_by_role("table", name="Infected share of each lung zone")
    expect(table.get_by_role("row")).to_have_count(4)
    expect(side.get_by_text("not on what you draw")).to_be_visible()
    found = editor.state()["current"]["findings"]
    expect(side.get_by_text(f"{found['n_lesions']} lesion", exact=True)).to_be_visible()


def test_layers_and_severity_when_blind_then_absent_and_404(
    pick_case: Image, reading_room: ReadingRoom, reader: User
) -> None:
    editor = reading_room.open(reading_room.sign_in(reader))
    case = editor.wait_open()
    assert case["blind"]
    side = editor.page.get_by_role("complementary")
    for name in ("Infection map", "Activation map", "Lung outline", "Disagreement", "Difference"):
        expect(editor.page.get_by_text(name)).to_have_count(0)
    expect(side.get_by_role("heading", name="Severity of the proposal")).to_be_hidden()
    for key in "mald":
        editor.page.keyboard.press(key)
    editor.page.wait_for_timeout(200)  # a layer that should not be asked for could come
    assert layer_alpha(editor, "heat") == layer_alpha(editor, "lung") == 0
    for name in counted_zones():
        expect(editor.page.get_by_text(name)).to_have_count(0)
    for path in (
        *(
            f"assignments/{case['assignment']}/{layer}/"
            for layer in ("lung", "disagreement", "activation")
        ),
        *(f"candidates/{row['id']}/probability/" for row in case["candidates"]),
    ):
        assert editor.page.request.get(absolute_url(editor, f"/api/v1/{path}")).status == 404


def colours(editor: Editor) -> tuple[int, int]:
    """Return how many pixels of the mask's canvas are greenish and how many are pink."""
    editor.wait_frames()
    return tuple(  # type: ignore[return-value]
        editor.ask(
            "(() => { const c = document.querySelectorAll('.stage canvas')[3];"
            " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
            " let [green, pink] = [0, 0];"
            " for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 100) {"
            "  if (d[i + 1] > d[i] && d[i] > d[i + 2]) green++;"
            "  if (d[i] > d[i + 2] && d[i + 2] > d[i + 1]) pink++; }"
            " return [green, pink] })()"
        )
    )


def test_difference_when_shown_then_what_was_added_and_removed_has_its_colour(
    editor: Editor,
) -> None:
    side, page = editor.page.get_by_role("complementary"), editor.page
    page.keyboard.press("1")
    editor.wait("window.roundtruth.mask.count() > 0")
    picked = editor.mask()
    page.keyboard.press("Shift+D")
    expect(side.get_by_text("Mine against candidate A")).to_be_visible()
    expect(side.get_by_text("added 0 px")).to_be_visible()
    assert colours(editor) == (0, 0)
    editor.drag((20, 20), (60, 20))
    added = int((editor.mask() & ~picked).sum())
    expect(side.get_by_text(f"added {added:,} px")).to_be_visible()
    green, pink = colours(editor)
    assert green > 0
    assert pink == 0
    page.keyboard.press("e")
    rows, columns = picked.nonzero()
    middle = (float(columns.mean()), float(rows.mean()))
    editor.drag(middle, (middle[0] + 5, middle[1]))
    removed = int((picked & ~editor.mask()).sum())
    expect(side.get_by_text(f"removed {removed:,} px")).to_be_visible()
    assert min(colours(editor)) > 0
    page.keyboard.press("Shift+D")
    expect(side.get_by_text("Mine against candidate A")).to_be_hidden()
    assert colours(editor)[1] == 0
