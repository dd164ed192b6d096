"""The reading room in Chromium: the screen is what the server has, and nothing is lost."""

from __future__ import annotations

import json
import re
import time

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import expect

from annotation import storage
from annotation.models import Annotation, Assignment, Candidate, Draft, LostDraft, Project, User
from mlloop.masks import decode_mask, decode_probability, threshold_mask
from tests.annotation import factories
from tests.browser.conftest import Desk, ReadingRoom

pytestmark = pytest.mark.browser

SHAPE = (360, 300)
SECRETS = ("secret-name", "secret-source", "secret-finding", "resnet18", "unet", "ensemble", "fold")


@pytest.fixture
def open_reads(reading_room: ReadingRoom, project: Project) -> None:
    """Two cases of stage II, each with two networks and their ensemble."""
    serving = factories.make_round(project, stage="stage_2")
    for seed in range(2):
        image = factories.make_image(project, shape=SHAPE, seed=seed)
        factories.make_proposals(serving, image)


@pytest.fixture
def desk(open_reads: None, reading_room: ReadingRoom, reader: User) -> Desk:
    """An open read on a reader's screen."""
    desk = reading_room.open(reading_room.sign_in(reader))
    desk.wait_open()
    return desk


def drafted(desk: Desk) -> np.ndarray:
    """Return the mask that the server has of the case on the screen."""
    desk.wait_saved()
    draft = Draft.objects.get(assignment_id=desk.state()["current"]["assignment"])
    return decode_mask(storage.read(draft.mask_key))


def annotated(assignment: str) -> tuple[Annotation, np.ndarray]:
    annotation = Annotation.objects.get(assignment_id=assignment)
    return annotation, decode_mask(storage.read(annotation.mask_key))


def film_pixels(desk: Desk) -> list[int]:
    """Return the film canvas at a few places, as drawn."""
    return desk.ask(
        "(() => { const c = document.querySelector('.stage canvas');"
        " return [...c.getContext('2d').getImageData(c.width / 2, c.height / 2, 16, 1).data] })()"
    )


def test_paint_when_released_then_the_server_has_the_pixels_of_the_screen(desk: Desk) -> None:
    desk.drag((80, 90), (140, 130), (150, 220))
    drawn = desk.mask()
    assert drawn.sum() > 2000
    assert drawn[90, 80]
    assert drawn[130, 140]
    assert not drawn[300, 250]
    np.testing.assert_array_equal(drafted(desk), drawn)


@pytest.mark.parametrize("zoom", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("ratio", [1, 2])
def test_paint_when_zoomed_then_the_stroke_is_where_the_pointer_was(
    open_reads: None, reading_room: ReadingRoom, reader: User, zoom: float, ratio: int
) -> None:
    desk = reading_room.open(reading_room.sign_in(reader, device_scale_factor=ratio))
    desk.wait_open()
    desk.page.mouse.move(*desk.on_screen(150, 180))
    for _ in range(60):
        if abs(now := desk.ask("window.roundtruth.zoom()") / zoom - 1) < 0.1:
            break
        desk.page.mouse.wheel(0, 40 if now > 0 else -40)
        desk.page.wait_for_timeout(20)
    desk.drag((140.5, 170.5), (160.5, 190.5))
    mask = desk.mask()
    rows, columns = np.nonzero(mask)
    radius = desk.state()["radius"]
    slack = max(1.0, 1.0 / zoom)
    assert abs(rows.min() - (170.5 - radius)) <= slack
    assert abs(columns.max() - (160.5 + radius)) <= slack
    np.testing.assert_array_equal(drafted(desk), mask)


def test_erase_undo_and_redo_when_used_then_every_step_comes_back(desk: Desk) -> None:
    desk.drag((80, 90), (200, 90))
    first = desk.mask()
    desk.button("Eraser").click()
    desk.drag((140, 40), (140, 150))
    second = desk.mask()
    assert second.sum() < first.sum()
    desk.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(desk.mask(), first)
    desk.button("Undo").click()
    assert not desk.mask().any()
    desk.button("Redo").click()
    desk.page.keyboard.press("Control+Shift+z")
    np.testing.assert_array_equal(desk.mask(), second)
    np.testing.assert_array_equal(drafted(desk), second)


def test_window_when_dragged_then_the_film_changes_and_the_mask_does_not(desk: Desk) -> None:
    before, state = film_pixels(desk), desk.state()
    desk.page.keyboard.press("w")
    desk.drag((100, 100), (180, 160))
    desk.page.wait_for_timeout(200)
    assert desk.state()["window"] != state["window"]
    assert film_pixels(desk) != before
    windowed = film_pixels(desk)
    desk.button("Invert").click()
    desk.page.wait_for_timeout(200)
    assert film_pixels(desk)[0] == pytest.approx(255 - windowed[0], abs=1)
    desk.page.keyboard.press("b")
    desk.drag((100, 100), (180, 160), button="right")
    assert not desk.mask().any()


def test_window_when_the_film_has_16_bits_then_a_narrow_one_shows_many_greys(desk: Desk) -> None:
    # 8 bits of pixels would leave at most a few greys in a window of 300 of 65536 values.
    desk.page.keyboard.press("w")
    for _ in range(60):
        desk.drag((280, 100), (20, 100))
        if desk.state()["window"]["width"] < 3000:
            break
    desk.page.wait_for_timeout(300)
    greys = desk.ask(
        "(() => { const c = document.querySelector('.stage canvas');"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " return new Set(d.filter((_, i) => i % 4 === 0)).size })()"
    )
    assert greys > 100


def test_candidates_when_picked_each_then_the_mask_is_theirs(desk: Desk) -> None:
    case = desk.state()["current"]
    assert [row["letter"] for row in case["candidates"]] == ["A", "B", "C"]
    for number, row in enumerate(case["candidates"], start=1):
        desk.page.keyboard.press(str(number))
        desk.wait(f"window.roundtruth.state().basis.candidate === '{row['id']}'")
        wanted = decode_mask(desk.page.request.get(_url(desk, row["mask_url"])).body())
        np.testing.assert_array_equal(desk.mask(), wanted)
    np.testing.assert_array_equal(drafted(desk), wanted)


def test_threshold_when_moved_then_the_preview_is_the_servers_mask(desk: Desk) -> None:
    row = desk.state()["current"]["candidates"][1]
    desk.button("Candidate B: U-Net resnet18 (2)").click()
    desk.wait("window.roundtruth.state().hasProbability")
    slider = desk.page.get_by_role("slider", name="Threshold of U-Net resnet18")
    p8 = decode_probability(desk.page.request.get(_url(desk, row["probability_url"])).body())
    for t8 in (40, 200):
        slider.fill(str(t8))
        desk.wait(f"window.roundtruth.state().basis.threshold === {t8}")
        np.testing.assert_array_equal(desk.mask(), threshold_mask(p8, shape=SHAPE, t8=t8))
    desk.drag((20, 20), (60, 20))
    slider.fill("90")
    desk.wait("window.roundtruth.state().basis.threshold === 90")
    assert desk.mask()[20, 40]
    np.testing.assert_array_equal(drafted(desk), desk.mask())


def test_accept_when_picked_then_the_next_case_opens_in_the_same_movement(desk: Desk) -> None:
    case = desk.state()["current"]
    desk.page.keyboard.press("1")
    desk.wait("window.roundtruth.mask.count() > 0")
    picked = desk.mask()
    desk.page.keyboard.press("Enter")
    desk.wait(f"window.roundtruth.state().current?.assignment !== '{case['assignment']}'")
    following = desk.wait_open()
    assert following["assignment"] != case["assignment"]
    annotation, mask = annotated(case["assignment"])
    assert annotation.verdict == "picked"
    np.testing.assert_array_equal(mask, picked)
    assert not desk.mask().any()
    desk.page.keyboard.press("2")
    desk.wait("window.roundtruth.mask.count() > 0")
    desk.drag((20, 20), (60, 20))
    corrected = desk.mask()
    desk.button("Accept and next (Enter)").click()
    expect(desk.page.get_by_role("heading", name="All read")).to_be_visible()
    expect(desk.page.get_by_role("link", name="Back to Pilot")).to_be_visible()
    annotation, mask = annotated(following["assignment"])
    assert annotation.verdict == "corrected"
    np.testing.assert_array_equal(mask, corrected)


def test_accept_when_nothing_is_marked_then_it_asks_for_no_infection(desk: Desk) -> None:
    case = desk.state()["current"]
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("alert")).to_contain_text("Press 0 if there is no infection")
    desk.page.keyboard.press("0")
    desk.wait(f"window.roundtruth.state().current?.assignment !== '{case['assignment']}'")
    assert Annotation.objects.get(assignment_id=case["assignment"]).verdict == "no_infection"


def test_exclude_flag_and_note_when_given_then_the_annotation_has_them(desk: Desk) -> None:
    case = desk.state()["current"]
    desk.page.keyboard.press("g")
    desk.button("Note").click()
    desk.page.get_by_role("textbox", name="Note").fill("lead over the left base")
    desk.button("Keep note").click()
    desk.page.keyboard.press("x")
    desk.page.get_by_label("Poor image quality").check()
    desk.button("Exclude and next").click()
    desk.wait(f"window.roundtruth.state().current?.assignment !== '{case['assignment']}'")
    annotation = Annotation.objects.get(assignment_id=case["assignment"])
    assert annotation.verdict == "excluded"
    assert annotation.exclusion_reason == "poor_quality"
    assert annotation.note == "lead over the left base"
    assert annotation.is_flagged


def test_save_for_later_when_chosen_then_the_drawing_waits(desk: Desk) -> None:
    case = desk.state()["current"]
    desk.drag((80, 90), (140, 130))
    drawn = desk.mask()
    desk.page.keyboard.press("Shift+S")
    desk.wait(f"window.roundtruth.state().current?.assignment !== '{case['assignment']}'")
    desk.wait_open()
    desk.page.keyboard.press("0")
    desk.wait(f"window.roundtruth.state().current?.assignment === '{case['assignment']}'")
    desk.wait_open()
    np.testing.assert_array_equal(desk.mask(), drawn)


def test_escape_when_drawing_then_only_that_stroke_goes(desk: Desk) -> None:
    desk.drag((80, 90), (140, 130))
    first = desk.mask()
    desk.drag((200, 200), (250, 250), release=False)
    assert desk.mask().sum() > first.sum()
    desk.page.keyboard.press("Escape")
    desk.page.mouse.up()
    np.testing.assert_array_equal(desk.mask(), first)


def test_reload_when_in_mid_drawing_then_nothing_is_lost(desk: Desk) -> None:
    desk.page.route("**/draft/**", lambda route: route.abort())
    desk.drag((80, 90), (140, 130))
    desk.drag((200, 200), (250, 250))
    desk.wait_kept(2)
    expect(desk.page.get_by_role("status", name="Saving")).to_have_text(
        re.compile(r"offline, 2 strokes kept here")
    )
    desk.drag((30, 300), (120, 330), release=False)
    desk.page.wait_for_timeout(400)  # a long stroke is kept every 250 ms
    drawn = desk.mask()
    desk.page.unroute("**/draft/**")
    desk.page.reload()
    desk.wait_open()
    np.testing.assert_array_equal(desk.mask(), drawn)
    np.testing.assert_array_equal(drafted(desk), drawn)


def test_tab_when_killed_then_another_tab_takes_its_strokes_over(
    desk: Desk, reading_room: ReadingRoom
) -> None:
    context = desk.page.context
    context.route("**/draft/**", lambda route: route.abort())
    desk.drag((80, 90), (140, 130))
    desk.wait_kept(1)
    drawn = desk.mask()
    desk.page.close(run_before_unload=False)
    context.unroute("**/draft/**")
    other = reading_room.open(context)
    other.wait_open()
    np.testing.assert_array_equal(other.mask(), drawn)
    np.testing.assert_array_equal(drafted(other), drawn)


def test_offline_when_the_net_returns_then_the_work_is_sent(desk: Desk) -> None:
    context = desk.page.context
    context.set_offline(True)
    desk.drag((80, 90), (140, 130))
    status = desk.page.get_by_role("status", name="Saving")
    expect(status).to_have_text(re.compile("offline, 1 stroke kept here"))
    desk.drag((200, 200), (250, 250))
    drawn = desk.mask()
    expect(status).to_have_text(re.compile("offline, 2 strokes kept here"))
    context.set_offline(False)
    expect(status).to_have_text(re.compile(r"saved \d+ s ago"), timeout=20_000)
    np.testing.assert_array_equal(drafted(desk), drawn)


def test_session_when_lost_then_the_reader_is_told_and_goes_on_after_signing_in(
    desk: Desk, reader: User
) -> None:
    cookies = desk.page.context.cookies()
    desk.page.context.clear_cookies()
    desk.drag((80, 90), (140, 130))
    drawn = desk.mask()
    expect(desk.page.get_by_role("link", name="Sign in")).to_be_visible(timeout=15_000)
    expect(desk.page.get_by_role("alert")).to_contain_text("You are signed out")
    desk.page.context.add_cookies(cookies)
    np.testing.assert_array_equal(drafted(desk), drawn)


def shown(desk: Desk, wanted: npt.NDArray[np.bool_], *, seconds: float = 10.0) -> None:
    """Wait until the screen shows `wanted`: the other mask is fetched and decoded first."""
    until = time.monotonic() + seconds
    while not np.array_equal(desk.mask(), wanted) and time.monotonic() < until:
        desk.page.wait_for_timeout(50)
    np.testing.assert_array_equal(desk.mask(), wanted)


@pytest.mark.parametrize("choice", ["Take mine", "Take theirs"])
def test_two_tabs_when_both_draw_then_the_stale_one_is_told_and_both_masks_are_kept(
    desk: Desk, reading_room: ReadingRoom, choice: str
) -> None:
    stale = reading_room.open(desk.page.context)
    case = stale.wait_open()
    assert case["assignment"] == desk.state()["current"]["assignment"]
    desk.drag((80, 90), (140, 130))
    theirs = drafted(desk)
    stale.drag((200, 200), (250, 250))
    mine = stale.mask()
    dialog = stale.page.get_by_role("dialog", name="Two masks for one case")
    expect(dialog).to_be_visible(timeout=15_000)
    lost = LostDraft.objects.filter(assignment_id=case["assignment"])
    kept = [decode_mask(storage.read(row.mask_key)) for row in lost]
    assert any(np.array_equal(mask, mine) for mask in kept)
    assert any(np.array_equal(mask, theirs) for mask in kept)
    dialog.get_by_role("button", name=choice).click()
    expect(dialog).to_be_hidden()
    wanted = mine if choice == "Take mine" else theirs
    shown(stale, wanted)
    np.testing.assert_array_equal(drafted(stale), wanted)
    stale.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(stale.mask(), theirs if choice == "Take mine" else mine)


@pytest.mark.parametrize("choice", ["Take mine", "Take theirs"])
def test_two_tabs_when_each_picked_another_then_the_verdict_knows_which_was_taken(
    desk: Desk, reading_room: ReadingRoom, choice: str
) -> None:
    stale = reading_room.open(desk.page.context)
    case = stale.wait_open()
    theirs, _, mine = (row["id"] for row in case["candidates"])
    desk.page.keyboard.press("1")
    desk.wait(f"window.roundtruth.state().basis.candidate === '{theirs}'")
    desk.wait_saved()
    stale.page.keyboard.press("3")
    dialog = stale.page.get_by_role("dialog", name="Two masks for one case")
    dialog.get_by_role("button", name=choice).click()
    expect(dialog).to_be_hidden()
    taken = mine if choice == "Take mine" else theirs
    stale.wait(f"window.roundtruth.state().basis.candidate === '{taken}'")
    stale.wait_saved()
    stale.page.keyboard.press("Enter")
    stale.wait(f"window.roundtruth.state().current?.assignment !== '{case['assignment']}'")
    annotation, _ = annotated(case["assignment"])
    assert annotation.verdict == "picked"
    assert annotation.proposal == Candidate.objects.get(id=taken).proposal


def test_save_for_later_when_another_machine_goes_on_then_the_base_is_known_there(
    desk: Desk, reading_room: ReadingRoom, reader: User
) -> None:
    case = desk.state()["current"]
    picked = case["candidates"][1]["id"]
    desk.page.keyboard.press("2")
    desk.wait(f"window.roundtruth.state().basis.candidate === '{picked}'")
    desk.drag((20, 20), (60, 20))
    drawn = desk.mask()
    desk.page.keyboard.press("Shift+S")
    desk.wait(f"window.roundtruth.state().current?.assignment !== '{case['assignment']}'")
    desk.wait_open()
    desk.page.keyboard.press("0")
    desk.wait(f"window.roundtruth.state().current?.assignment === '{case['assignment']}'")
    desk.page.close()
    elsewhere = reading_room.open(reading_room.sign_in(reader))
    assert elsewhere.wait_open()["assignment"] == case["assignment"]
    np.testing.assert_array_equal(elsewhere.mask(), drawn)
    expect(elsewhere.button("Candidate B: U-Net resnet18 (2)")).to_have_attribute(
        "aria-pressed", "true"
    )
    elsewhere.page.keyboard.press("Enter")
    expect(elsewhere.page.get_by_role("heading", name="All read")).to_be_visible()
    annotation, mask = annotated(case["assignment"])
    assert annotation.verdict == "corrected"
    assert str(annotation.proposal_id) == str(Candidate.objects.get(id=picked).proposal_id)
    np.testing.assert_array_equal(mask, drawn)


def test_two_tabs_when_one_submits_then_the_other_is_told_and_its_mask_is_kept(
    desk: Desk, reading_room: ReadingRoom
) -> None:
    other = reading_room.open(desk.page.context)
    case = other.wait_open()
    other.page.route("**/draft/**", lambda route: route.abort())
    other.drag((200, 200), (250, 250))
    other.wait_kept(1)
    other.page.unroute("**/draft/**")
    desk.page.bring_to_front()
    desk.page.keyboard.press("0")
    desk.wait(f"window.roundtruth.state().current?.assignment !== '{case['assignment']}'")
    expect(other.page.get_by_role("alert")).to_contain_text(
        "You submitted this case in another tab, without the last stroke drawn here. "
        "The mask stays in this browser for up to 30 days. "
        "If it reached the server, a curator can get it back for 30 days."
    )
    other.page.reload()
    other.wait_open()
    kept = other.page.evaluate(
        """assignment => new Promise((done) => {
            indexedDB.open("roundtruth").onsuccess = ({ target: { result: db } }) => {
                const heads = db.transaction("heads").objectStore("heads").getAll();
                heads.onsuccess = () => done(heads.result.filter(
                    (head) => head.assignment === assignment && head.stroke > head.savedStroke
                ).length);
            };
        })""",
        case["assignment"],
    )
    assert kept == 1


def test_no_infection_when_another_tab_drew_then_its_drawing_is_shown_and_not_lost(
    desk: Desk, reading_room: ReadingRoom
) -> None:
    blank = reading_room.open(desk.page.context)
    case = blank.wait_open()
    desk.drag((80, 90), (140, 130))
    theirs = drafted(desk)
    blank.page.keyboard.press("0")
    dialog = blank.page.get_by_role("dialog", name="Two masks for one case")
    dialog.get_by_role("button", name="Take theirs").click()
    shown(blank, theirs)
    assert not Annotation.objects.filter(assignment_id=case["assignment"]).exists()
    blank.wait_saved()
    blank.page.keyboard.press("Enter")
    blank.wait(f"window.roundtruth.state().current?.assignment !== '{case['assignment']}'")
    np.testing.assert_array_equal(annotated(case["assignment"])[1], theirs)


def test_blind_read_when_open_then_nothing_betrays_a_candidate(
    reading_room: ReadingRoom, project: Project, reader: User
) -> None:
    image = factories.make_image(project, shape=SHAPE)
    factories.make_reference(image, factories.disc(shape=SHAPE, at=(180, 150), radius=60))
    factories.make_proposals(
        factories.make_round(project, stage="stage_1"), image, kind="out_of_fold"
    )
    context = reading_room.sign_in(reader)
    answers: list[str] = []

    def note(response) -> None:
        if "/static/" in response.url:
            return
        text = response.text() if "json" in response.headers.get("content-type", "") else ""
        answers.append(f"{response.url} {json.dumps(response.headers)} {text}".lower())

    context.on("response", note)
    desk = reading_room.open(context)
    case = desk.wait_open()
    assert case["blind"]
    assert case["purpose"] == "pick"
    assert len(case["candidates"]) == 3
    for number, row in enumerate(case["candidates"], start=1):
        letter = "ABC"[number - 1]
        assert row["name"] is row["threshold"] is row["probability_url"] is None
        expect(desk.button(f"Candidate {letter} ({number})")).to_be_visible()
        desk.page.keyboard.press(str(number))
        desk.wait(f"window.roundtruth.state().basis.candidate === '{row['id']}'")
        probability = f"/api/v1/candidates/{row['id']}/probability/"
        assert desk.page.request.get(_url(desk, probability)).status == 404
    desk.page.wait_for_timeout(500)
    page = desk.page.content().lower()
    assert desk.page.get_by_role("slider").count() == 1  # opacity of the mask, no threshold
    assert "dice" not in page
    assert "px changed" not in page
    seen = [*answers, page]
    assert len(seen) > 6
    for secret in SECRETS:
        assert [text[:200] for text in seen if secret in text] == []


def test_leases_when_the_page_closes_then_the_prefetched_case_is_given_back(desk: Desk) -> None:
    current = desk.state()["current"]["assignment"]
    others = Assignment.objects.filter(state="open").exclude(id=current)
    for _ in range(200):
        if prefetched := others.first():
            break
        desk.page.wait_for_timeout(50)
    assert prefetched is not None
    # The page can give back only what it knows of: it has asked for the pixels by then.
    desk.page.wait_for_function(
        "image => performance.getEntriesByType('resource').some(one => one.name.includes(image))",
        arg=str(prefetched.image_id),
    )
    desk.page.goto("about:blank")
    for _ in range(200):
        if not others.exists():
            break
        desk.page.wait_for_timeout(50)
    assert [str(row.id) for row in Assignment.objects.filter(state="open")] == [current]


def test_page_when_loaded_then_its_policy_allows_nothing_inline(
    desk: Desk, reading_room: ReadingRoom
) -> None:
    response = desk.page.request.get(_url(desk, f"/p/{reading_room.project.slug}/read/"))
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    assert " style=" not in response.text()
    expect(desk.page.get_by_label("Mask editor")).to_be_visible()


def _url(desk: Desk, path: str) -> str:
    return desk.page.evaluate("path => new URL(path, location.href).href", path)


def layer_alpha(desk: Desk, layer: str) -> int:
    """Return how many pixels of a layer's canvas are drawn."""
    return desk.ask(  # type: ignore[return-value]
        f"(() => {{ const c = document.querySelector('.stage canvas.{layer}');"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i]) n++; return n })()"
    )


def test_layers_when_switched_on_in_an_open_read_then_drawn_with_their_legend(desk: Desk) -> None:
    side = desk.page.get_by_role("complementary")
    legend = side.get_by_role("img", name="Probability of infection, ensemble")
    expect(legend).to_be_hidden()
    assert layer_alpha(desk, "heat") == layer_alpha(desk, "lung") == 0
    desk.page.keyboard.press("m")
    expect(legend).to_be_visible()
    expect(desk.button("Infection map")).to_have_attribute("aria-pressed", "true")
    desk.button("Lung outline").click()
    for _ in range(100):
        if layer_alpha(desk, "heat") and layer_alpha(desk, "lung"):
            break
        desk.page.wait_for_timeout(20)
    assert layer_alpha(desk, "heat") > 1000
    assert 100 < layer_alpha(desk, "lung") < layer_alpha(desk, "heat")
    desk.page.keyboard.press("m")
    expect(legend).to_be_hidden()
    desk.page.wait_for_timeout(100)
    assert layer_alpha(desk, "heat") == 0
    assert not desk.mask().any()


def test_severity_when_open_then_said_to_be_the_proposals(desk: Desk) -> None:
    side = desk.page.get_by_role("complementary")
    expect(side.get_by_role("heading", name="Severity of the proposal")).to_be_visible()
    table = side.get_by_role("table", name="Infected share of each lung zone")
    expect(table.get_by_role("row")).to_have_count(4)
    expect(side.get_by_text("not on what you draw")).to_be_visible()
    found = desk.state()["current"]["findings"]
    expect(side.get_by_text(f"{found['n_lesions']} lesion", exact=True)).to_be_visible()


def test_layers_and_severity_when_blind_then_absent_and_404(
    reading_room: ReadingRoom, project: Project, reader: User
) -> None:
    image = factories.make_image(project, shape=SHAPE)
    factories.make_reference(image, factories.disc(shape=SHAPE, at=(150, 120), radius=40))
    factories.make_proposals(factories.make_round(project), image, kind="out_of_fold")
    desk = reading_room.open(reading_room.sign_in(reader))
    case = desk.wait_open()
    assert case["blind"]
    side = desk.page.get_by_role("complementary")
    for name in ("Infection map", "Lung outline", "Disagreement"):
        expect(desk.page.get_by_text(name)).to_have_count(0)
    expect(side.get_by_role("heading", name="Severity of the proposal")).to_be_hidden()
    for key in "mld":
        desk.page.keyboard.press(key)
    desk.page.wait_for_timeout(200)
    assert layer_alpha(desk, "heat") == layer_alpha(desk, "lung") == 0
    for path in (
        *(f"assignments/{case['assignment']}/{layer}/" for layer in ("lung", "disagreement")),
        *(f"candidates/{row['id']}/probability/" for row in case["candidates"]),
    ):
        assert desk.page.request.get(_url(desk, f"/api/v1/{path}")).status == 404
