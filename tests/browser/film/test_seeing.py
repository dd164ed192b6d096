"""How the film is shown in Chromium: windows, places and turns, none of which changes a mask."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from annotation.models import Image, User
from tests.browser.conftest import SMALL, VIEWPORT, ReadingRoom
from tests.browser.desk import Desk

pytestmark = pytest.mark.browser


def window_edges(desk: Desk) -> tuple[float, float]:
    """Return the values that are shown black and white."""
    window = desk.state()["window"]
    return window["center"] - window["width"] / 2, window["center"] + window["width"] / 2


def film_greys(desk: Desk) -> list[int]:
    """Return the greys in the middle of the film as they are drawn."""
    desk.frames()
    found = desk.ask(
        "(() => { const c = document.querySelector('.stage canvas');"
        " const d = c.getContext('2d').getImageData(c.width / 2, c.height / 2, 40, 40).data;"
        " return Array.from(d).filter((_, i) => i % 4 === 0) })()"
    )
    return list(found)  # type: ignore[call-overload]


def test_presets_when_chosen_then_windowed_by_the_films_own_values(
    desk: Desk, film: np.ndarray
) -> None:
    own = window_edges(desk)
    greys = film_greys(desk)
    low, high = np.percentile(film, [1, 99])
    bands = {"Auto": (0, 1), "Lung": (0, 0.7), "Mediastinum": (0.5, 1), "Bone": (0.3, 1)}
    for name, band in bands.items():
        desk.button(f"{name} window").click()
        expect(desk.button(f"{name} window")).to_have_attribute("aria-pressed", "true")
        wanted = [low + share * (high - low) for share in band]
        np.testing.assert_allclose(window_edges(desk), wanted, atol=20)
    desk.button("Full window").click()
    assert window_edges(desk) == (0, 65535)
    for name in ("Auto", "Lung"):
        desk.page.keyboard.press("k")
        expect(desk.button(f"{name} window")).to_have_attribute("aria-pressed", "true")
    assert np.mean(film_greys(desk)) > np.mean(greys) + 20
    desk.page.keyboard.press("Shift+W")
    expect(desk.button("Lung window")).to_have_attribute("aria-pressed", "false")
    assert window_edges(desk) == own
    assert not desk.mask().any()


def test_presets_when_the_window_is_dragged_then_none_is_on(desk: Desk) -> None:
    lung = desk.button("Lung window")
    lung.click()
    desk.drag((150, 180), (150, 180), button="right")
    expect(lung).to_have_attribute("aria-pressed", "true")
    desk.drag((150, 180), (170, 180), button="right")
    expect(lung).to_have_attribute("aria-pressed", "false")


def test_region_when_dragged_then_windowed_by_it_and_the_tool_is_the_former(
    desk: Desk, film: np.ndarray
) -> None:
    region = desk.button("Window from a region")
    desk.page.keyboard.press("u")
    expect(region).to_have_attribute("aria-pressed", "true")
    desk.drag((200.5, 260.5), (120.5, 100.5))
    expect(region).to_have_attribute("aria-pressed", "false")
    wanted = np.percentile(film[100:261, 120:201], [2, 98])
    np.testing.assert_allclose(window_edges(desk), wanted, atol=200)
    assert not desk.mask().any()
    desk.drag((120, 100), (200, 260))
    assert desk.mask().any()
    expect(desk.button("Brush")).to_have_attribute("aria-pressed", "true")


def test_region_when_given_up_or_only_clicked_then_the_window_stays(desk: Desk) -> None:
    own = window_edges(desk)
    region = desk.button("Window from a region")
    region.click()
    desk.drag((120, 100), (200, 260), release=False)
    desk.page.keyboard.press("Escape")
    desk.page.mouse.up()
    expect(region).to_have_attribute("aria-pressed", "false")
    assert window_edges(desk) == own
    region.click()
    desk.drag((120, 100), (120, 100))
    expect(desk.page.get_by_role("alert")).to_contain_text("Drag a rectangle over the part")
    expect(region).to_have_attribute("aria-pressed", "true")
    desk.page.keyboard.press("b")
    expect(region).to_have_attribute("aria-pressed", "false")
    assert window_edges(desk) == own
    assert not desk.mask().any()


def test_region_when_escaped_then_an_open_polygon_is_still_there(desk: Desk) -> None:
    desk.page.keyboard.press("p")
    for point in ((100, 100), (200, 100), (200, 200)):
        desk.page.mouse.click(*desk.on_screen(*point))
    desk.page.keyboard.press("u")
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("Enter")
    assert desk.mask()[130, 180]


def cursor_column(desk: Desk, x: float, y: float) -> int:
    """Return how many pixels above and below an image point the cursor's canvas has drawn on."""
    desk.frames()
    return desk.ask(  # type: ignore[return-value]
        "(() => { const c = document.querySelector('[aria-label=\"Mask editor\"]');"
        f" const at = window.roundtruth.imageToScreen({x}, {y});"
        " const box = c.getBoundingClientRect(); const r = devicePixelRatio;"
        " const d = c.getContext('2d').getImageData((at.x - box.left) * r,"
        " (at.y - box.top) * r - 20, 1, 40).data;"
        " let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i] > 8) n++; return n })()"
    )


def test_ruler_when_dragged_then_its_length_stays_until_another_one_or_escape(
    desk: Desk,
) -> None:
    ruler = desk.page.get_by_label("Ruler", exact=True).and_(desk.page.locator("output"))
    desk.page.keyboard.press("j")
    expect(ruler).to_be_hidden()
    desk.drag((50.5, 180.5), (250.5, 180.5))
    expect(ruler).to_have_text("200 px, spacing unknown")
    desk.page.keyboard.press("v")
    thick = []
    for zoom in (1.0, 4.0):
        desk.zoom_to(zoom, (150.5, 180.5))
        thick.append(cursor_column(desk, 130, 180.5))
    assert 2 <= thick[0] <= 4
    assert abs(thick[1] - thick[0]) <= 1
    desk.page.keyboard.press("Home")
    desk.page.keyboard.press("j")
    desk.drag((50.5, 180.5), (50.5, 330.5))
    expect(ruler).to_have_text("150 px, spacing unknown")
    desk.page.keyboard.down(" ")
    expect(ruler).to_be_hidden()
    desk.page.keyboard.up(" ")
    expect(ruler).to_be_visible()
    expect(desk.button("Undo")).to_be_disabled()
    assert not desk.mask().any()
    desk.page.keyboard.press("Escape")
    expect(ruler).to_be_hidden()
    desk.drag((50.5, 180.5), (90.5, 180.5))
    desk.page.keyboard.press("b")
    desk.drag((90, 90), (150, 150))
    case = desk.state()["current"]["assignment"]
    desk.page.keyboard.press("Enter")
    desk.wait(f"window.roundtruth.state().current?.assignment !== '{case}'")
    expect(ruler).to_be_hidden()


def test_ruler_when_the_spacing_is_known_then_in_millimetres_beside_its_end_however_turned(
    open_reads: None, reading_room: ReadingRoom, reader: User
) -> None:
    Image.objects.update(spacing_mm=0.25)
    desk = reading_room.open(reading_room.sign_in(reader, device_scale_factor=2, viewport=SMALL))
    desk.wait_open()
    ruler = desk.page.locator("output.ruler")
    desk.page.keyboard.press("j")
    desk.drag((100.5, 100.5), (180.5, 160.5))
    for _ in range(4):
        desk.frames()
        expect(ruler).to_have_text("25.0 mm")
        box = ruler.bounding_box()
        assert box is not None
        x, y = desk.on_screen(180.5, 160.5)
        assert 0 < box["x"] - x < 20
        assert 0 < box["y"] - y < 20
        assert box["width"] > box["height"]
        desk.page.keyboard.press("Shift+R")


def test_screen_when_it_gets_other_pixels_then_the_canvases_have_them(
    open_reads: None, reading_room: ReadingRoom, reader: User
) -> None:
    context = reading_room.sign_in(reader)
    # An emulated screen changes without the event that a real one sends: the test sends it.
    context.add_init_script(
        "const real = window.matchMedia.bind(window); window.matchMedia = (query) =>"
        " query.includes('dppx') ? (window.screenQuery = real(query)) : real(query)"
    )
    desk = reading_room.open(context)
    desk.wait_open()
    sides = "(c => [c.width, c.height])(document.querySelector('.stage canvas'))"
    width, height = desk.ask(sides)  # type: ignore[misc]
    session = context.new_cdp_session(desk.page)
    for ratio in (2, 3):
        metrics = {**VIEWPORT, "deviceScaleFactor": ratio, "mobile": False}
        session.send("Emulation.setDeviceMetricsOverride", metrics)
        desk.wait(f"devicePixelRatio === {ratio}")
        desk.ask("window.screenQuery.dispatchEvent(new Event('change'))")
        assert desk.ask(sides) == [ratio * width, ratio * height]
    desk.drag((90, 90), (150, 150))
    assert desk.mask()[120, 120]


def mask_alphas(desk: Desk) -> np.ndarray:
    """Return how opaque the mask is drawn, in screen pixels across its left edge."""
    desk.frames()
    found = desk.ask(
        "(() => { const c = document.querySelectorAll('.stage canvas')[3];"
        " const at = window.roundtruth.imageToScreen(60, 180);"
        " const box = c.getBoundingClientRect(); const r = devicePixelRatio;"
        " const d = c.getContext('2d').getImageData(Math.round((at.x - box.left) * r) - 20,"
        " Math.round((at.y - box.top) * r), 40, 1).data;"
        " return Array.from(d).filter((_, i) => i % 4 === 3) })()"
    )
    return np.array(found)


def test_mask_when_zoomed_then_its_line_is_as_thick_and_its_edge_as_sharp(
    desk_at_ratio: Desk, ratio: int
) -> None:
    desk, thickness = desk_at_ratio, {1: 2, 2: 3}[ratio]
    keyboard = desk.page.keyboard
    keyboard.press("p")
    for corner in ((60, 100), (240, 100), (240, 260), (60, 260)):
        desk.page.mouse.click(*desk.on_screen(*corner))
    keyboard.press("Enter")
    for zoom in (0.5, 4.0):
        desk.zoom_to(zoom, (60, 180))
        filled = mask_alphas(desk)
        edge = int(np.argmax(filled > 0))
        assert 15 <= edge <= 25
        line, inside = filled[edge : edge + thickness], filled[edge + thickness :]
        assert set(line) == {255}
        assert set(inside) == {77}  # 0.3 of 255
        keyboard.press("o")
        outlined = mask_alphas(desk)
        assert set(outlined[edge : edge + thickness]) == {255}
        assert not outlined[edge + thickness :].any()
        keyboard.press("o")
        assert not mask_alphas(desk).any()
        keyboard.press("o")
        keyboard.down(" ")
        assert not mask_alphas(desk).any()
        keyboard.up(" ")
        np.testing.assert_array_equal(mask_alphas(desk), filled)
    desk.page.get_by_role("slider", name="Mask opacity").fill("0.6")
    assert set(mask_alphas(desk)[-10:]) == {round(0.6 * 255)}


def test_brush_when_the_pointer_first_enters_then_its_ring_is_around_it(desk: Desk) -> None:
    desk.page.mouse.move(*desk.on_screen(150, 180))
    desk.frames()
    radius = desk.state()["radius"] * desk.ask("window.roundtruth.zoom()")  # type: ignore[operator]
    ring = desk.ask(
        "(() => { const c = document.querySelector('[aria-label=\"Mask editor\"]');"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " let [n, x, y] = [0, 0, 0]; for (let i = 0; i < d.length / 4; i++) if (d[4 * i + 3])"
        " { n++; x += i % c.width; y += Math.floor(i / c.width) }"
        " const box = c.getBoundingClientRect();"
        " return [x / n + box.left, y / n + box.top, n] })()"
    )
    x, y, pixels = ring  # type: ignore[misc]
    np.testing.assert_allclose((x, y), desk.on_screen(150, 180), atol=1)
    assert pixels > 2 * np.pi * radius
