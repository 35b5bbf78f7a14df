"""What a rater sees where there is nothing to judge just now, or any more."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from raters.database.store import Store
from raters.studies.changes import close_study
from tests.browser.conftest import MakeStudy, Open


@pytest.mark.slow
def test_a_page_that_waits_goes_on_by_itself_and_the_last_place_gives_no_code_for_nothing(
    study: MakeStudy, enter: Open
) -> None:
    # three pairs, one place each
    made = study(per_pair=1, images=1, trials=4, golden=0.0, raters=3)
    first, second, third = (enter(made, number) for number in range(3))
    first.reach_judging()
    assert first.count == "1/3"
    second.begin()
    for _ in range(3):
        second.answer(second.right_key())
        second.state("feedback")
        second.press("Enter")
        second.state("ready", "waiting")
    expect(second.page.locator(".curtain h2")).to_have_text("One moment, please")
    assert not second.page.is_visible('[data-part="curtain-button"]')
    first.answer_and_wait("ArrowLeft")
    first.press("?")
    first.page.click('[data-act="withdraw"]')
    first.page.click('[data-act="reallyWithdraw"]')
    first.stage("withdrawn")
    assert not first.page.is_visible("#left-code-block")
    second.state("interlude", "ready")  # within fifteen seconds, and nobody has pressed anything
    second.press("Enter")
    second.state("ready")
    assert second.count == "1/2"
    second.answer_and_wait("ArrowLeft")
    second.answer("ArrowLeft")
    second.stage("thanks")
    assert len(second.page.inner_text("#code")) == 8
    third.begin()
    for _ in range(3):
        third.answer(third.right_key())
        third.state("feedback")
        third.press("Enter")
    third.stage("message")
    assert "all the people it needs" in third.page.inner_text("#message-text")
    assert [rater.errors for rater in (first, second, third)] == [[], [], []]


def test_closing_in_mid_session_thanks_with_a_code(study: MakeStudy, enter: Open) -> None:
    made = study(trials=4, golden=0.0)
    rater = enter(made)
    rater.reach_judging()
    rater.answer_and_wait("ArrowLeft")
    store = Store(made.url)
    close_study(store, made.name)
    store.close()
    rater.answer("ArrowRight")
    rater.stage("thanks")
    assert "has been closed" in rater.page.inner_text("#stage-thanks")
    code = rater.page.inner_text("#code")
    assert len(code) == 8
    assert [row.answer for row in made.judgements() if row.kind != "training"] == ["a"]
    rater.page.reload()
    rater.stage("thanks")
    assert rater.page.inner_text("#code") == code
