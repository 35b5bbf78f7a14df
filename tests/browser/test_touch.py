"""Judging with fingers: no key and no mouse is needed anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from raters.texts import LANGUAGES
from tests.browser.conftest import MakeStudy, Open
from tests.browser.rater import Rater
from tests.browser.studies import Server

TAPS = 5
HEARD = """(button) => {
  const heard = { click: false };
  button.addEventListener("click", () => { heard.click = true; }, { once: true, capture: true });
  return heard;
}"""
SCREENS = {"tablet": ((820, 1180), 2), "phone": ((390, 844), 3)}


def on(enter: Open, made: Any, screen: str) -> Rater:
    (width, height), ratio = SCREENS[screen]
    return enter(
        made,
        viewport={"width": width, "height": height},
        device_scale_factor=ratio,
        has_touch=True,
        is_mobile=True,
    )


class Fingers:
    """Touches of one page, as the browser's own protocol makes them."""

    def __init__(self, rater: Rater) -> None:
        self.rater = rater
        self.wire = rater.page.context.new_cdp_session(rater.page)

    def send(self, kind: str, *points: tuple[float, float]) -> None:
        touched = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    def drag(self, *way: tuple[float, float]) -> None:
        self.send("touchStart", way[0])
        for point in way[1:]:
            self.send("touchMove", point)
        self.send("touchEnd")

    def spread(self, x: float, y: float, begin: float, end: float, steps: int = 2) -> None:
        """Move two fingers apart, or together, from ``begin`` to ``end`` beside (x, y)."""
        self.send("touchStart", (x - begin, y))
        self.send("touchStart", (x - begin, y), (x + begin, y))
        for step in range(1, steps + 1):
            half = begin + step / steps * (end - begin)
            self.send("touchMove", (x - half, y), (x + half, y))
        self.send("touchEnd")

    def hold(self, selector: str, until: str) -> None:
        box = self.rater.page.locator(selector).bounding_box()
        assert box is not None
        self.send("touchStart", (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
        self.rater.page.wait_for_selector(until)
        self.send("touchEnd")

    def tap(self, selector: str) -> None:
        """Tap until it is a click: on a busy machine a touch may last as long as a press."""
        button = self.rater.page.locator(selector)
        for _ in range(TAPS):
            heard = button.evaluate_handle(HEARD)
            button.tap()
            for _ in range(100):
                if heard.evaluate("(heard) => heard.click"):
                    return
                self.rater.page.wait_for_timeout(50)
        pytest.fail(f"{TAPS} taps on {selector} were no click")


def begin(rater: Rater, fingers: Fingers) -> None:
    for name in ("consent", "instructions"):
        rater.stage(name)
        fingers.tap(f"#stage-{name} button")
    rater.stage("checks")
    for name in ("dark", "bright"):
        rater.page.select_option(f"#seen-{name}", "5")
    fingers.tap("#check-done")
    rater.stage("judging")
    rater.state("ready")


def middle(rater: Rater, pane: int = 0) -> tuple[float, float, float]:
    """Return the middle of a pane's canvas, and its width."""
    box = rater.page.locator(".room canvas").nth(pane).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"]


@pytest.mark.parametrize("screen", SCREENS)
def test_a_session_by_fingers_alone(study: MakeStudy, enter: Open, screen: str) -> None:
    made = study(trials=2, golden=0.0, reference="shown", ties=True)
    rater = on(enter, made, screen)
    page, fingers = rater.page, Fingers(rater)
    rater.stage("consent")
    told = page.evaluate("document.querySelector('#instructions').textContent")
    assert "Tap an image" in told
    assert not [key for key in ("Space", "Enter", "Hold R") if key in told]
    begin(rater, fingers)
    small = page.evaluate(
        "[...document.querySelectorAll('.judge button, .judge input')]"
        ".filter((e) => e.offsetParent && !e.closest('dialog'))"
        ".map((e) => [e.textContent || e.dataset.part, e.getBoundingClientRect()])"
        ".filter(([, b]) => b.width < 44 || b.height < 44 || b.left < 0 || b.right > innerWidth"
        " || b.top < 0 || b.bottom > innerHeight)"
    )
    assert small == []
    a, b, reference = (rater.stored(slot) for slot in ("a", "b", "reference"))
    # three are 160 pixels each: 80 of a tablet's, 53 of a phone's, so all are beside each other
    assert rater.shows(a, 0)
    assert rater.shows(reference, 1)
    x, y, _ = middle(rater)
    page.touchscreen.tap(x, y)  # flickers
    assert rater.shows(a)
    x, y, width = middle(rater)
    page.touchscreen.tap(x, y)
    assert rater.shows(b)
    fingers.tap('[data-act="split"]')
    x, y, width = middle(rater)
    fingers.drag((x, y), (x - width / 8, y), (x - width / 4, y))
    assert rater.shows(np.concatenate([a[:, :40], b[:, 40:]], axis=1))
    fingers.tap('[data-act="side"]')
    x, y, _ = middle(rater)
    fingers.spread(x, y, 15, 30)
    assert page.inner_text('[data-part="zoom"]') == "2×"
    for pane, pixels in enumerate((a, reference, b)):
        assert rater.shows(pixels.repeat(2, axis=0).repeat(2, axis=1), pane)
    fingers.spread(x, y, 30, 15)
    assert page.inner_text('[data-part="zoom"]') == "1×"
    for number in range(3):
        fingers.tap(f'[data-answer="{made.right(rater.trial["trial"]).code}"]')
        fingers.tap('[data-part="confirm"]')
        rater.state("feedback")
        fingers.tap(".note button")
        rater.state("ready" if number < 2 else "interlude")
    fingers.tap('[data-part="curtain-button"]')
    for answer, count in (("same", "2/2"), ("b", "")):
        rater.state("ready")
        fingers.tap('[data-act="flicker"]')
        if page.locator(".wanted").count():  # unless half a second has gone by, all in sight
            expect(page.locator(f'[data-answer="{answer}"]')).to_be_disabled()
        fingers.hold('[data-act="hold"]', "[data-answer]:enabled")
        expect(page.locator(".room figcaption")).not_to_have_text("Reference")
        fingers.tap(f'[data-answer="{answer}"]')
        fingers.tap('[data-part="confirm"]')
        if count:
            expect(page.locator(".count")).to_have_text(count)
    rater.stage("thanks")
    assert [row.answer for row in made.judgements() if row.kind != "training"] == ["same", "b"]
    assert rater.errors == []


def test_two_fingers_zoom_to_the_same_place_however_often_the_browser_tells_of_them(
    study: MakeStudy, enter: Open
) -> None:
    """A busy one tells of all that moved at once: one finger has then moved before the other."""
    rater = on(enter, study(trials=2, golden=0.0), "phone")
    fingers = Fingers(rater)
    begin(rater, fingers)
    zoom, seen = rater.page.locator('[data-part="zoom"]'), []
    for steps in (8, 3, 2, 1):
        for ends, wanted in (((15, 30), "2×"), ((30, 60), "4×"), ((60, 15), "1×")):
            x, y, _ = middle(rater)
            fingers.spread(x, y, *ends, steps)
            expect(zoom).to_have_text(wanted)
            if wanted == "4×":
                assert rater.canvas().shape[1] < 4 * rater.stored("a").shape[1]  # a part is seen
                seen.append(rater.canvas())
    assert [np.array_equal(canvas, seen[0]) for canvas in seen] == [True] * 4


def test_where_one_image_fits_the_two_are_shown_in_one_place(study: MakeStudy, enter: Open) -> None:
    made = study(golden=0.0)
    options = {"viewport": {"width": 300, "height": 700}, "has_touch": True, "is_mobile": True}
    rater = enter(made, **options)
    begin(rater, Fingers(rater))
    page = rater.page
    assert not page.is_visible('[data-act="side"]')
    expect(page.locator(".room figcaption")).to_have_text(["A"])
    assert rater.shows(rater.stored("a"))
    x, y, _ = middle(rater)
    page.touchscreen.tap(x, y)
    assert rater.shows(rater.stored("b"))
    page.set_viewport_size({"width": 700, "height": 700})  # turned
    Fingers(rater).tap('[data-act="side"]')
    expect(page.locator(".room figcaption")).to_have_text(["A", "B"])


def test_a_screen_too_small_for_one_image_is_told_at_the_door(
    study: MakeStudy, enter: Open
) -> None:
    options = {"viewport": {"width": 170, "height": 500}, "has_touch": True, "is_mobile": True}
    rater = enter(study(golden=0.0), **options)
    rater.stage("door")
    assert "Turning the device may help" in rater.page.inner_text("#door-size")
    assert "F11" not in rater.page.inner_text("#stage-door")


@pytest.mark.parametrize("screen", ["phone", None])
def test_instructions_name_keys_only_where_there_are_some(
    study: MakeStudy, browser: Browser, server: Server, screen: str | None
) -> None:
    made = study(language="browser", ties=True, raters=len(LANGUAGES))
    for token, language in zip(made.tokens, LANGUAGES, strict=True):
        (width, height), ratio = SCREENS["phone"] if screen else ((1280, 720), 1)
        context = browser.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=ratio,
            has_touch=screen is not None,
            is_mobile=screen is not None,
            locale=language,
        )
        page = context.new_page()
        page.goto(f"{server.address}/r/{token}")
        page.wait_for_selector("html[data-stage=consent]")
        told = page.text_content("#instructions") or ""
        assert page.get_attribute("html", "lang") == language
        assert len(told) > 50
        assert any(arrow in told for arrow in "←→↓") == (screen is None), told
        context.close()
