"""Everything around an answer: pausing, leaving, changing one's mind, small windows, motion."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import MakeStudy, Open
from tests.browser.rater import Rater


def buttons(rater: Rater) -> list[bool]:
    """Say of each answer's button whether it may be pressed."""
    return rater.page.eval_on_selector_all("[data-answer]", "(all) => all.map((b) => !b.disabled)")


def test_leaving_for_good_closes_the_link(study: MakeStudy, enter: Open) -> None:
    made = study()
    rater = enter(made)
    rater.begin()
    rater.press("?")
    rater.page.click('[data-act="withdraw"]')
    rater.page.click('[data-act="closeWithdraw"]')  # second thoughts
    rater.state("ready")
    rater.press("?")
    rater.page.click('[data-act="withdraw"]')
    rater.page.click('[data-act="reallyWithdraw"]')
    rater.stage("withdrawn")
    assert made.rows("rater")[-1].withdrawn is not None
    rater.page.reload()
    rater.stage("message")
    assert "withdrawn" in rater.page.inner_text("#message-text")


def test_a_pause_hides_the_images_and_flags_the_time(study: MakeStudy, enter: Open) -> None:
    made = study()
    rater = enter(made)
    rater.begin()
    rater.page.click('[data-act="pause"]')
    assert rater.page.inner_text(".curtain h2") == "Paused"
    assert not any(buttons(rater))
    rater.press("ArrowLeft")
    rater.press("Enter")  # on the curtain's button: goes on
    assert not rater.page.is_visible(".curtain")
    assert not rater.page.is_enabled('[data-part="confirm"]')
    rater.answer("ArrowLeft")
    rater.state("feedback")
    assert [row.timer_broken for row in made.judgements()] == [True]


def test_practice_says_why_beside_both_images_and_comes_again(
    study: MakeStudy, enter: Open
) -> None:
    made = study(trials=2, golden=0.0)
    rater = enter(made)
    page = rater.page
    rater.begin()
    right = made.right(rater.trial["trial"])
    stored = {slot: rater.stored(slot) for slot in ("a", "b")}
    rater.answer({"a": "ArrowRight", "b": "ArrowLeft"}[right.code])
    rater.state("feedback")
    side = {"a": "left", "b": "right"}[right.code]
    told = page.inner_text('[data-part="note-text"]')
    assert told.startswith(f"Look again. The image on the {side} is the better one: the other is ")
    assert told.endswith("It comes again at the end of the practice.")
    captions = page.locator(".room figcaption").all_inner_texts()
    assert captions["ab".index(right.code)] == f"{right.code.upper()}: unspoilt"
    assert sorted(text.split(": ")[1] for text in captions)[-1] == "unspoilt"
    for pane, slot in enumerate(("a", "b")):  # the images are still there
        assert rater.shows(stored[slot], pane)
    assert rater.count == "practice 1/3"
    for number in range(2, 5):
        rater.press("Enter")
        rater.state("ready")
        assert rater.count == f"practice {number}/4"
        rater.answer(rater.right_key())
        rater.state("feedback")
        assert page.inner_text('[data-part="note-text"]').startswith("That is right.")
    rater.press("Enter")
    rater.state("interlude")
    assert page.inner_text("#curtain-text") == "From now on your answers count. Take your time."
    assert rater.errors == []


def test_the_last_answer_can_be_changed(study: MakeStudy, enter: Open) -> None:
    made = study(trials=3, golden=0.0)
    rater = enter(made)
    rater.reach_judging()
    first = rater.canvas()
    assert not rater.page.is_enabled('[data-act="revise"]')  # practice is over
    rater.answer_and_wait("ArrowLeft")
    second = rater.canvas()
    rater.press("u")
    rater.state("chosen")
    assert (rater.canvas() == first).all()
    assert rater.page.get_attribute('[data-answer="a"]', "aria-pressed") == "true"
    rater.press("Escape")
    rater.state("ready")
    assert (rater.canvas() == second).all()
    rater.press("u", "ArrowRight", "Enter")
    expect(rater.page.locator("[data-part=status]")).to_contain_text("was changed")
    assert (rater.canvas() == second).all()
    judgement = made.judgements()[-1]
    revisions = [row.answer for row in made.rows("revision") if row.judgement == judgement.id]
    assert (judgement.answer, revisions) == ("a", ["b"])


def test_a_window_too_small_says_so_and_takes_no_answers(study: MakeStudy, enter: Open) -> None:
    rater = enter(study(), viewport={"width": 800, "height": 400})
    rater.stage("door")  # before consent
    assert "yours is 800 × 400" in rater.page.inner_text("#door-size")
    rater.page.set_viewport_size({"width": 1280, "height": 720})
    rater.stage("consent")  # by itself
    rater.page.click("#stage-consent button")
    rater.page.click("#stage-instructions button")
    rater.page.set_viewport_size({"width": 800, "height": 400})
    rater.page.select_option("#seen-dark", "5")
    rater.page.select_option("#seen-bright", "5")
    assert "800 × 400" in rater.page.inner_text("#check-size")
    assert not rater.page.is_enabled("#check-done")
    rater.page.set_viewport_size({"width": 1280, "height": 720})
    rater.page.click("#check-done")
    rater.state("ready")
    rater.page.set_viewport_size({"width": 800, "height": 400})
    rater.page.wait_for_selector(".curtain")
    assert rater.page.inner_text(".curtain h2") == "The window is too small"
    assert not any(buttons(rater))
    rater.press("ArrowLeft")
    rater.page.set_viewport_size({"width": 1280, "height": 720})
    rater.page.wait_for_selector(".curtain", state="hidden")
    assert all(buttons(rater))
    assert not rater.page.is_enabled('[data-part="confirm"]')


def test_answers_wait_for_both_images(study: MakeStudy, enter: Open) -> None:
    rater = enter(study(trials=3, golden=0.0))
    held: list[Route] = []
    rater.page.route("**/s/*", lambda route: route.continue_() if held else held.append(route))
    rater.stage("consent")
    rater.page.click("#stage-consent button")
    rater.page.click("#stage-instructions button")
    rater.page.select_option("#seen-dark", "5")
    rater.page.select_option("#seen-bright", "5")
    rater.page.click("#check-done")
    rater.stage("judging")
    rater.page.wait_for_timeout(500)
    assert rater.page.get_attribute(".judge", "data-state") == "loading"
    assert len(held) == 1
    assert not any(buttons(rater))
    held[0].continue_()
    rater.state("ready")
    assert all(buttons(rater))


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_flickers_by_itself_where_less_motion_is_wanted(
    study: MakeStudy, enter: Open, motion: str
) -> None:
    rater = enter(study(), reduced_motion=motion)
    rater.begin()
    assert rater.page.is_enabled('[data-act="auto"]') == (motion == "no-preference")
    if motion == "no-preference":
        rater.page.click('[data-act="auto"]')
        for slot in ("b", "a", "b"):
            rater.page.wait_for_selector(f'.room figure[data-slot="{slot}"]')


def test_progress_is_announced_and_focus_is_visible(study: MakeStudy, enter: Open) -> None:
    rater = enter(study(trials=2, golden=0.0))
    rater.reach_judging()
    spoken = rater.page.locator('[data-part="spoken"]')
    assert spoken.get_attribute("aria-live") == "polite"
    assert spoken.inner_text() == "Pair 1 of 2"
    rater.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert rater.page.evaluate(outline) == "solid"
    unnamed = rater.page.eval_on_selector_all(
        ".judge button",
        "(all) => all.filter((b) => !b.hidden && !b.ariaLabel && "
        "!b.textContent.trim() && b.dataset.part !== 'curtain-button').length",
    )
    assert unnamed == 0


@pytest.mark.slow
def test_the_dashboard_refreshes_by_itself(study: MakeStudy, enter: Open) -> None:
    made = study(trials=2, golden=0.0)
    rater = enter(made)
    dashboard = rater.page.context.new_page()
    dashboard.clock.install()
    dashboard.goto(f"{rater.address}/dashboard/enter/{made.dashboard}")
    dashboard.wait_for_selector("#live")
    assert dashboard.url.endswith(f"/dashboard/of/{made.name}/")
    assert "0 of 1 began" in dashboard.inner_text("#live")
    rater.begin()
    dashboard.clock.run_for(6000)
    expect(dashboard.locator("#live")).to_contain_text("1 of 1 began")
