"""What the eye gets: the stored pixels, one for one, in every way of looking."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from bench.image import Pixels
from tests.browser.conftest import ARGUMENTS, MakeStudy, Open, find_chromium
from tests.browser.rater import Rater
from tests.browser.studies import Server

SLOTS = {"pair": ("a", "b"), "acr": ("a",), "dcr": ("reference", "a")}


def on_screen(rater: Rater, pane: int) -> Pixels:
    """Return the device pixels that the browser shows where a pane's canvas is."""
    box = rater.page.evaluate(
        "(i) => { const b = document.querySelectorAll('.room canvas')[i].getBoundingClientRect();"
        " const r = devicePixelRatio; return [b.top * r, b.left * r, b.height * r, b.width * r]; }",
        pane,
    )
    assert np.allclose(box, np.round(box), atol=0.02), f"off the pixel grid: {box}"
    top, left, height, width = np.round(box).astype(int)
    rater.page.mouse.move(1, 1)
    whole = np.asarray(Image.open(io.BytesIO(rater.page.screenshot(scale="device"))).convert("RGB"))
    return whole[top : top + height, left : left + width]


@pytest.mark.parametrize(
    "protocol",
    [
        "pair",
        pytest.param("acr", marks=pytest.mark.slow),
        pytest.param("dcr", marks=pytest.mark.slow),
    ],
)
def test_canvases_hold_the_pixels_of_the_database(
    study: MakeStudy, enter: Open, protocol: str
) -> None:
    options = {"reference": "shown"} if protocol == "pair" else {}
    made = study(protocol=protocol, **options)
    rater = enter(made, viewport={"width": 1280, "height": 720})
    rater.begin()
    slots = SLOTS[protocol] if protocol != "pair" else ("a", "reference", "b")  # 3 x 160 fit
    for pane, slot in enumerate(slots):
        assert np.array_equal(rater.canvas(pane), rater.stored(slot)), slot
    if protocol != "acr":
        for slot in (*SLOTS[protocol], *SLOTS[protocol]):
            rater.press("Space")
            assert rater.shows(rater.stored(slot)), slot
        rater.page.keyboard.down("r")
        assert rater.shows(rater.stored("reference"))
        rater.page.keyboard.up("r")
        assert rater.shows(rater.stored(SLOTS[protocol][1]))
    assert rater.errors == []


@pytest.mark.parametrize(
    "ratio",
    [1, pytest.param(1.25, marks=pytest.mark.slow), 1.5, pytest.param(2, marks=pytest.mark.slow)],
)
def test_one_image_pixel_is_one_device_pixel(
    study: MakeStudy, server: Server, browser: Browser, ratio: float
) -> None:
    # A browser of its own: what `new_context` emulates snaps to other pixels than a real screen.
    made = study(reference="shown")
    window = [f"--force-device-scale-factor={ratio}", "--window-size=1301,823"]
    real = browser.browser_type.launch(executable_path=find_chromium(), args=[*ARGUMENTS, *window])
    try:
        page = real.new_page(no_viewport=True)
        rater = Rater(page, made, server.address)
        rater.go(made.tokens[0])
        rater.begin()
        assert page.evaluate("devicePixelRatio") == ratio
        for pane, slot in enumerate(("a", "reference", "b")):
            assert np.array_equal(on_screen(rater, pane), rater.stored(slot)), slot
    finally:
        real.close()


def test_zoom_repeats_pixels_and_pans_over_all_of_them(study: MakeStudy, enter: Open) -> None:
    rater = enter(study(reference="shown"), viewport={"width": 1100, "height": 640})
    rater.begin()
    stored = rater.stored("a")
    rater.press("z")
    big = stored.repeat(2, axis=0).repeat(2, axis=1)
    assert rater.shows(big)
    rater.press("z")
    big = stored.repeat(4, axis=0).repeat(4, axis=1)
    height, width = rater.canvas().shape[:2]
    assert height < 640
    assert width < 640  # so there is something to pan over
    for _ in range(20):  # into the top left corner
        rater.press("Shift+ArrowLeft", "Shift+ArrowUp")
    assert rater.shows(big[:height, :width])
    box = rater.page.locator(".room canvas").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    rater.page.mouse.move(x, y)
    rater.page.mouse.down()
    rater.page.mouse.move(x - 40, y - 80)  # drags the images: 10 and 20 of their pixels
    rater.page.mouse.up()
    assert rater.shows(big[80 : 80 + height, 40 : 40 + width])
    for pane, slot in ((1, "reference"), (2, "b")):
        other = rater.stored(slot).repeat(4, axis=0).repeat(4, axis=1)
        assert rater.shows(other[80 : 80 + height, 40 : 40 + width], pane)


def test_split_shows_a_left_and_b_right_of_the_line(study: MakeStudy, enter: Open) -> None:
    rater = enter(study())
    rater.begin()
    rater.page.click('[data-act="split"]')
    a, b = rater.stored("a"), rater.stored("b")
    assert rater.shows(np.concatenate([a[:, :80], b[:, 80:]], axis=1))
    rater.page.focus('[data-part="slider"]')
    rater.press(*["ArrowLeft"] * 25)
    assert rater.shows(np.concatenate([a[:, :40], b[:, 40:]], axis=1))
    assert not rater.page.is_enabled('[data-part="confirm"]')  # the slider's arrows choose nothing


@pytest.mark.parametrize("size", [(1280, 720), (2560, 1440)])
def test_nothing_scrolls(study: MakeStudy, enter: Open, size: tuple[int, int]) -> None:
    rater = enter(study(), viewport={"width": size[0], "height": size[1]})
    rater.begin()
    for _ in range(3):
        rater.press("z")
        inside = rater.page.evaluate(
            "[...document.querySelectorAll('.judge button, .room canvas')]"
            ".filter((e) => e.offsetParent && e.closest('dialog') === null)"
            ".map((e) => e.getBoundingClientRect())"
            ".every((b) => b.left >= 0 && b.top >= 0 && b.right <= innerWidth"
            " && b.bottom <= innerHeight)"
        )
        assert inside
        page = "document.documentElement"
        assert rater.page.evaluate(f"[{page}.scrollWidth, {page}.scrollHeight]") == list(size)
