"""How the film is shown in Chromium: windows, places and turns, none of which changes a mask."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from annotation.models import Image, User
from tests.browser.conftest import SMALL, VIEWPORT, ReadingRoom
from tests.browser.editor import Editor

pytestmark = pytest.mark.browser


def window_edges(editor: Editor) -> tuple[float, float]:
    """Return the values that are shown black and white."""
    window = editor.state()["window"]
    return window["center"] - window["width"] / 2, window["center"] + window["width"] / 2


def film_greys(editor: Editor) -> list[int]:
    """Return the greys in the middle of the film as they are drawn."""
    editor.wait_frames()
    found = editor.ask(
        "(() => { const c = document.querySelector('.stage canvas');"
        " const d = c.getContext('2d').getImageData(c.width / 2, c.height / 2, 40, 40).data;"
        " return Array.from(d).filter((_, i) => i % 4 === 0) })()"
    )
    return list(found)  # type: ignore[call-overload]


def test_presets_when_chosen_then_windowed_by_the_films_own_values(
    editor: Editor, film: np.ndarray
) -> None:
    own = window_edges(editor)
    greys = film_greys(editor)
    low, high = np.percentile(film, [1, 99])
    bands = {"Auto": (0, 1), "Lung": (0, 0.7), "Mediastinum": (0.5, 1), "Bone": (0.3, 1)}
    for name, band in bands.items():
        editor.button(f"{name} window").click()
        expect(editor.button(f"{name} window")).to_have_attribute("aria-pressed", "true")
        wanted = [low + share * (high - low) for share in band]
        np.testing.assert_allclose(window_edges(editor), wanted, atol=20)
    editor.button("Full window").click()
    assert window_edges(editor) == (0, 65535)
    for name in ("Auto", "Lung"):
        editor.page.keyboard.press("k")
        expect(editor.button(f"{name} window")).to_have_attribute("aria-pressed", "true")
    assert np.mean(film_greys(editor)) > np.mean(greys) + 20
    editor.page.keyboard.press("Shift+W")
    expect(editor.button("Lung window")).to_have_attribute("aria-pressed", "false")
    assert window_edges(editor) == own
    assert not editor.mask().any()


def test_presets_when_the_window_is_dragged_then_none_is_on(editor: Editor) -> None:
    lung = editor.button("Lung window")
    lung.click()
    editor.drag((150, 180), (150, 180), button="right")
    expect(lung).to_have_attribute("aria-pressed", "true")
    editor.drag((150, 180), (170, 180), button="right")
    expect(lung).to_have_attribute("aria-pressed", "false")


def test_region_when_dragged_then_windowed_by_it_and_the_tool_is_the_former(
    editor: Editor, film: np.ndarray
) -> None:
    region = editor.button("Window from a region")
    editor.page.keyboard.press("u")
    expect(region).to_have_attribute("aria-pressed", "true")
    editor.drag((200.5, 260.5), (120.5, 100.5))
    expect(region).to_have_attribute("aria-pressed", "false")
    wanted = np.percentile(film[100:261, 120:201], [2, 98])
    np.testing.assert_allclose(window_edges(editor), wanted, atol=200)
    assert not editor.mask().any()
    editor.drag((120, 100), (200, 260))
    assert editor.mask().any()
    expect(editor.button("Brush")).to_have_attribute("aria-pressed", "true")


def test_region_when_given_up_or_only_clicked_then_the_window_stays(editor: Editor) -> None:
    own = window_edges(editor)
    region = editor.button("Window from a region")
    region.click()
    editor.drag((120, 100), (200, 260), release=False)
    editor.page.keyboard.press("Escape")
    editor.page.mouse.up()
    expect(region).to_have_attribute("aria-pressed", "false")
    assert window_edges(editor) == own
    region.click()
    editor.drag((120, 100), (120, 100))
    expect(editor.page.get_by_role("alert")).to_contain_text("Drag a rectangle over the part")
    expect(region).to_have_attribute("aria-pressed", "true")
    editor.page.keyboard.press("b")
    expect(region).to_have_attribute("aria-pressed", "false")
    assert window_edges(editor) == own
    assert not editor.mask().any()


def test_region_when_escaped_then_an_open_polygon_is_still_there(editor: Editor) -> None:
    editor.page.keyboard.press("p")
    for point in ((100, 100), (200, 100), (200, 200)):
        editor.page.mouse.click(*editor.on_screen(*point))
    editor.page.keyboard.press("u")
    editor.page.keyboard.press("Escape")
    editor.page.keyboard.press("Enter")
    assert editor.mask()[130, 180]


def cursor_column(editor: Editor, x: float, y: float) -> int:
    """Return how many pixels above and below an image point the cursor's canvas has drawn on."""
    editor.wait_frames()
    return editor.ask(  # type: ignore[return-value]
        "(() => { const c = document.querySelector('[aria-label=\"Mask editor\"]');"
        f" const at = window.roundtruth.imageToScreen({x}, {y});"
        " const box = c.getBoundingClientRect(); const r = devicePixelRatio;"
        " const d = c.getContext('2d').getImageData((at.x - box.left) * r,"
        " (at.y - box.top) * r - 20, 1, 40).data;"
        " let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i] > 8) n++; return n })()"
    )


def test_ruler_when_dragged_then_its_length_stays_until_another_one_or_escape(
    editor: Editor,
) -> None:
    ruler = editor.page.get_by_label("Ruler", exact=True).and_(editor.page.locator("output"))
    editor.page.keyboard.press("j")
    expect(ruler).to_be_hidden()
    editor.drag((50.5, 180.5), (250.5, 180.5))
    expect(ruler).to_have_text("200 px, spacing unknown")
    editor.page.keyboard.press("v")
    thick = []
    for zoom in (1.0, 4.0):
        editor.zoom_to(zoom, (150.5, 180.5))
        thick.append(cursor_column(editor, 130, 180.5))
    assert 2 <= thick[0] <= 4
    assert abs(thick[1] - thick[0]) <= 1
    editor.page.keyboard.press("Home")
    editor.page.keyboard.press("j")
    editor.drag((50.5, 180.5), (50.5, 330.5))
    expect(ruler).to_have_text("150 px, spacing unknown")
    editor.page.keyboard.down(" ")
    expect(ruler).to_be_hidden()
    editor.page.keyboard.up(" ")
    expect(ruler).to_be_visible()
    expect(editor.button("Undo")).to_be_disabled()
    assert not editor.mask().any()
    editor.page.keyboard.press("Escape")
    expect(ruler).to_be_hidden()
    editor.drag((50.5, 180.5), (90.5, 180.5))
    editor.page.keyboard.press("b")
    editor.drag((90, 90), (150, 150))
    case = editor.state()["current"]["assignment"]
    editor.page.keyboard.press("Enter")
    editor.wait(f"window.roundtruth.state().current?.assignment !== '{case}'")
    expect(ruler).to_be_hidden()


def test_ruler_when_the_spacing_is_known_then_in_millimetres_beside_its_end_however_turned(
    open_reads: None, reading_room: ReadingRoom, reader: User
) -> None:
    Image.objects.update(spacing_mm=0.25)
    editor = reading_room.open(reading_room.sign_in(reader, device_scale_factor=2, viewport=SMALL))
    editor.wait_open()
    ruler = editor.page.locator("output.ruler")
    editor.page.keyboard.press("j")
    editor.drag((100.5, 100.5), (180.5, 160.5))
    for _ in range(4):
        editor.wait_frames()
        expect(ruler).to_have_text("25.0 mm")
        box = ruler.bounding_box()
        assert box is not None
        x, y = editor.on_screen(180.5, 160.5)
        assert 0 < box["x"] - x < 20
        assert 0 < box["y"] - y < 20
        assert box["width"] > box["height"]
        editor.page.keyboard.press("Shift+R")


def test_screen_when_it_gets_other_pixels_then_the_canvases_have_them(
    open_reads: None, reading_room: ReadingRoom, reader: User
) -> None:
    context = reading_room.sign_in(reader)
    # An emulated screen changes without the event that a real one sends: the test sends it.
    context.add_init_script(
        "const real = window.matchMedia.bind(window); window.matchMedia = (query) =>"
        " query.includes('dppx') ? (window.screenQuery = real(query)) : real(query)"
    )
    editor = reading_room.open(context)
    editor.wait_open()
    sides = "(c => [c.width, c.height])(document.querySelector('.stage canvas'))"
    width, height = editor.ask(sides)  # type: ignore[misc]
    session = context.new_cdp_session(editor.page)
    for ratio in (2, 3):
        metrics = {**VIEWPORT, "deviceScaleFactor": ratio, "mobile": False}
        session.send("Emulation.setDeviceMetricsOverride", metrics)
        editor.wait(f"devicePixelRatio === {ratio}")
        editor.ask("window.screenQuery.dispatchEvent(new Event('change'))")
        assert editor.ask(sides) == [ratio * width, ratio * height]
    editor.drag((90, 90), (150, 150))
    assert editor.mask()[120, 120]


def mask_alphas(editor: Editor) -> np.ndarray:
    """Return how opaque the mask is drawn, in screen pixels across its left edge."""
    editor.wait_frames()
    found = editor.ask(
        "(() => { const c = document.querySelectorAll('.stage canvas')[3];"
        " const at = window.roundtruth.imageToScreen(60, 180);"
        " const box = c.getBoundingClientRect(); const r = devicePixelRatio;"
        " const d = c.getContext('2d').getImageData(Math.round((at.x - box.left) * r) - 20,"
        " Math.round((at.y - box.top) * r), 40, 1).data;"
        " return Array.from(d).filter((_, i) => i % 4 === 3) })()"
    )
    return np.array(found)


def test_mask_when_zoomed_then_its_line_is_as_thick_and_its_edge_as_sharp(
    editor_at_ratio: Editor, ratio: int
) -> None:
    editor, thickness = editor_at_ratio, {1: 2, 2: 3}[ratio]
    keyboard = editor.page.keyboard
    keyboard.press("p")
    for corner in ((60, 100), (240, 100), (240, 260), (60, 260)):
        editor.page.mouse.click(*editor.on_screen(*corner))
    keyboard.press("Enter")
    for zoom in (0.5, 4.0):
        editor.zoom_to(zoom, (60, 180))
        filled = mask_alphas(editor)
        edge = int(np.argmax(filled > 0))
        assert 15 <= edge <= 25
        line, inside = filled[edge : edge + thickness], filled[edge + thickness :]
        assert set(line) == {255}
        assert set(inside) == {77}  # 0.3 of 255
        keyboard.press("o")
        outlined = mask_alphas(editor)
        assert set(outlined[edge : edge + thickness]) == {255}
        assert not outlined[edge + thickness :].any()
        keyboard.press("o")
        assert not mask_alphas(editor).any()
        keyboard.press("o")
        keyboard.down(" ")
        assert not mask_alphas(editor).any()
        keyboard.up(" ")
        np.testing.assert_array_equal(mask_alphas(editor), filled)
    editor.page.get_by_role("slider", name="Mask opacity").fill("0.6")
    assert set(mask_alphas(editor)[-10:]) == {round(0.6 * 255)}


def test_brush_when_the_pointer_first_enters_then_its_ring_is_around_it(editor: Editor) -> None:
    editor.page.mouse.move(*editor.on_screen(150, 180))
    editor.wait_frames()
    radius = editor.state()["radius"] * editor.ask("window.roundtruth.zoom()")  # type: ignore[operator]
    ring = editor.ask(
        "(() => { const c = document.querySelector('[aria-label=\"Mask editor\"]');"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " let [n, x, y] = [0, 0, 0]; for (let i = 0; i < d.length / 4; i++) if (d[4 * i + 3])"
        " { n++; x += i % c.width; y += Math.floor(i / c.width) }"
        " const box = c.getBoundingClientRect();"
        " return [x / n + box.left, y / n + box.top, n] })()"
    )
    x, y, pixels = ring  # type: ignore[misc]
    np.testing.assert_allclose((x, y), editor.on_screen(150, 180), atol=1)
    assert pixels > 2 * np.pi * radius
