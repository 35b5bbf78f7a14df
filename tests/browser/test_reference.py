"""The reference must have been seen before an answer counts."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import MakeStudy, Open
from tests.browser.rater import Rater
from tests.browser.studies import Study


def looks(made: Study) -> list[Any]:
    """Return layout, number of showings and milliseconds of each judgement."""
    numbers = {row.id for row in made.judgements()}
    rows = made.rows("judgement", "id, layout, reference_shown, reference_ms")
    return [(r.layout, r.reference_shown, r.reference_ms) for r in rows if r.id in numbers]


def can_answer(rater: Rater) -> bool:
    return rater.page.is_enabled('[data-answer="a"]')


def test_where_there_is_room_the_reference_stands_between_and_is_seen_at_once(
    study: MakeStudy, enter: Open
) -> None:
    made = study(reference="shown", golden=0.0)
    rater = enter(made)
    rater.begin()
    expect(rater.page.locator(".room figcaption")).to_have_text(["A", "Reference", "B"])
    assert "closer to the reference" in rater.page.inner_text(".judge h1")
    expect(rater.page.locator('[data-answer="a"]')).to_be_enabled()
    rater.answer("ArrowLeft")
    rater.state("feedback")
    ((layout, times, milliseconds),) = looks(made)
    assert (layout, times) == ("a reference b", 1)
    assert 500 <= milliseconds < 30_000
    assert rater.errors == []


def test_where_there_is_none_it_has_to_be_held_before_an_answer_is_taken(
    study: MakeStudy, enter: Open
) -> None:
    made = study(reference="shown", golden=0.0)
    # 160 pixels are 320 of the page: two fit into 984 with what is between them, three do not
    rater = enter(made, viewport={"width": 1000, "height": 640}, device_scale_factor=0.5)
    page = rater.page
    rater.begin()
    expect(page.locator(".room figcaption")).to_have_text(["A", "B"])
    assert rater.status == "Look at the reference first: hold R or the button “Reference”."
    page.wait_for_timeout(600)  # time alone is not enough
    rater.press("ArrowLeft", "Enter")
    assert not can_answer(rater)
    button = page.locator('[data-act="hold"]')
    page.keyboard.down("r")
    expect(page.locator(".room figcaption").first).to_have_text("Reference")
    assert rater.status == ""
    page.wait_for_timeout(100)
    page.keyboard.up("r")
    assert not can_answer(rater)  # a glimpse is no look
    assert "Look at the reference first" in rater.status
    button.hover()
    page.mouse.down()
    expect(page.locator('[data-answer="a"]')).to_be_enabled()
    page.mouse.up()
    assert can_answer(rater)
    rater.answer("ArrowLeft")
    rater.state("feedback")
    ((layout, times, milliseconds),) = looks(made)
    assert (layout, times) == ("a b", 2)
    assert 500 <= milliseconds < 30_000
    assert rater.errors == []


def test_a_page_that_says_it_was_seen_without_showing_it_gains_nothing(
    study: MakeStudy, enter: Open
) -> None:
    made = study(reference="shown", golden=0.0)
    rater = enter(made)
    rater.begin()
    body = {
        "trial": rater.trial["trial"],
        "answer": "a",
        "key": "a-key-of-its-own",
        "tab": "a-tab-of-its-own",
        "response_ms": 3000,
        "timer_broken": False,
        "reloads": 0,
        "layout": "a reference b",
        "reference_shown": 1,
        "client": {
            "viewport": [1280, 720],
            "dpr": 1,
            "modes": ["side"],
            "flickers": 0,
            "held": 0,
            "zoom": 1,
            "zoom_max": 1,
            "pans": 0,
        },
    }
    for claimed in (0, 499):
        reply = rater.page.request.post(
            f"{rater.address}/api/judgement", data={**body, "reference_ms": claimed}
        )
        assert (reply.status, reply.json()["error"]) == (409, "not_seen")
    assert made.judgements() == []
