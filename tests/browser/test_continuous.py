"""A scale from 0 to 100, by mouse, keys and fingers."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import MakeStudy, Open
from tests.browser.test_touch import Fingers, begin, on

SLIDER = ".scale input"
OPACITY = "(e) => getComputedStyle(e, '::-webkit-slider-thumb').opacity"


def test_any_place_is_chosen_by_mouse_or_keys_confirmed_and_changed(
    study: MakeStudy, enter: Open
) -> None:
    made = study(protocol="continuous", trials=4, golden=0.0)
    rater = enter(made)
    page = rater.page
    rater.begin()
    slider, confirm = page.locator(SLIDER), page.locator('[data-part="confirm"]')
    # nothing is chosen, or seen on the scale, before it was touched
    expect(slider).to_be_focused()
    assert slider.evaluate("(e) => e.className") == ""
    rater.press("Enter")
    rater.state("ready")
    rater.press("1", "Enter")
    rater.state("feedback")
    said = page.inner_text('[data-part="note-text"]')
    right = rater.study.right(rater.trial["trial"]).code
    assert ("60 to 100" if right == "60" else "0 to 59") in said
    rater.press("Enter")
    for _ in range(8):  # what was missed comes again
        rater.page.wait_for_selector('.judge:is([data-state="ready"], [data-state="interlude"])')
        if page.get_attribute(".judge", "data-state") == "interlude":
            break
        good = int(rater.study.right(rater.trial["trial"]).code) >= 60
        rater.press("5" if good else "1", "Enter")
        rater.state("feedback")
        rater.press("Enter")
    rater.press("Enter")
    rater.state("ready")
    # the middle, where the unseen slider is, can be chosen too
    box = slider.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert slider.input_value() == "50"
    rater.press("PageUp", "ArrowRight", "ArrowRight")  # Chromium: a tenth, and one
    assert slider.input_value() == "62"
    assert slider.get_attribute("aria-valuetext") == "62: Good"
    count = rater.count
    rater.press("Enter")
    expect(page.locator(".judge .count")).not_to_have_text(count)
    rater.state("ready")
    assert slider.evaluate("(e) => e.className") == ""
    assert not confirm.is_enabled()
    rater.press("u")  # the last answer again
    rater.state("chosen")
    assert slider.input_value() == "62"
    rater.press("Home", "Enter")
    rater.state("ready")
    rater.press("4", "Enter")
    rater.state("ready")
    given = [row.answer for row in made.judgements() if row.kind != "training"]
    assert given == ["62", "70"]
    assert [row.answer for row in made.rows("revision")][-1] == "0"
    assert rater.errors == []


def test_fingers_drag_the_mark_on_a_phone(study: MakeStudy, enter: Open) -> None:
    made = study(protocol="continuous", trials=4, golden=0.0)
    rater = on(enter, made, "phone")
    fingers = Fingers(rater)
    rater.stage("consent")
    begin(rater, fingers)
    slider = rater.page.locator(SLIDER)
    box = slider.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    y, left, right = box["y"] + box["height"] / 2, box["x"], box["x"] + box["width"]
    assert 0 <= left < right <= 390
    fingers.drag((left + 0.2 * box["width"], y), (left + 0.5 * box["width"], y), (right - 5, y))
    assert slider.input_value() == "100"
    fingers.tap('[data-part="confirm"]')
    rater.state("feedback")
    assert made.judgements()[-1].answer == "100"
    assert rater.errors == []
