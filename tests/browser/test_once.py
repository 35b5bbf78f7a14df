"""Every judgement is stored exactly once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import MakeStudy, Open
from tests.browser.rater import Rater
from tests.browser.studies import Server, Study


def real(made: Study) -> list[str]:
    """Return the stored answers to trials that count."""
    return [row.answer for row in made.judgements() if row.kind != "training"]


def finish(rater: Rater, made: Study, answers: list[str], key: str = "ArrowLeft") -> None:
    """Answer what is left; the study then holds ``answers`` and no more."""
    while rater.count != "3/3":
        rater.answer_and_wait(key)
    rater.answer(key)
    rater.stage("thanks")
    assert real(made) == answers


@pytest.fixture
def judging(study: MakeStudy, enter: Open) -> tuple[Study, Rater]:
    """A rater who is about to give the first of three answers that count."""
    made = study(trials=3, golden=0.0)
    rater = enter(made)
    rater.reach_judging()
    return made, rater


def test_a_double_click_counts_once(judging: tuple[Study, Rater]) -> None:
    made, rater = judging
    rater.page.dblclick('[data-answer="b"]')
    rater.page.dblclick('[data-part="confirm"]')
    expect(rater.page.locator(".count")).to_have_text("2/3")
    rater.state("ready")
    assert real(made) == ["b"]
    finish(rater, made, ["b", "a", "a"])


def test_a_key_held_down_counts_once(judging: tuple[Study, Rater]) -> None:
    made, rater = judging
    for key in ("ArrowRight", "Enter"):
        for _ in range(6):  # without an up in between, the browser marks all but one as repeats
            rater.page.keyboard.down(key)
        rater.page.keyboard.up(key)
    expect(rater.page.locator(".count")).to_have_text("2/3")
    rater.state("ready")
    assert real(made) == ["b"]


def test_a_reload_brings_back_the_trial_with_its_sides(judging: tuple[Study, Rater]) -> None:
    made, rater = judging
    before = rater.trial
    rater.press("ArrowRight")
    with rater.page.expect_response("**/api/trial") as told:
        rater.page.reload()
    after = told.value.json()
    assert after["trial"] == before["trial"]
    assert after["slots"] == before["slots"]
    assert after["resumed"]
    rater.state("ready")
    finish(rater, made, ["a", "a", "a"])
    assert [row.timer_broken for row in made.judgements()][-3:] == [True, False, False]


def test_the_back_button_changes_nothing(judging: tuple[Study, Rater]) -> None:
    made, rater = judging
    rater.answer_and_wait("ArrowRight")
    rater.page.go_back()
    rater.page.go_forward()
    rater.state("ready")
    assert rater.count == "2/3"
    finish(rater, made, ["b", "a", "a"])


def test_only_one_tab_judges(judging: tuple[Study, Rater]) -> None:
    made, rater = judging
    other = Rater(rater.page.context.new_page(), made, rater.address)
    other.go(made.tokens[0])
    other.state("elsewhere")
    assert "open elsewhere" in other.page.inner_text(".curtain")
    other.page.click('[data-part="curtain-button"]')
    other.state("ready")
    assert other.trial["trial"] == rater.trial["trial"]
    rater.press("ArrowRight", "Enter")  # the first tab does not know yet; its answer counts
    rater.state("elsewhere")
    assert real(made) == ["b"]
    other.press("ArrowLeft", "Enter")  # for the same trial: the stored answer stands
    expect(other.page.locator(".count")).to_have_text("2/3")
    other.state("ready")
    assert "Saved before" in other.status
    finish(other, made, ["b", "a", "a"])


def lose_first(action: Callable[[Route], None]) -> Callable[[Route], None]:
    """Do ``action`` to the first request and let the others through."""
    seen: list[Route] = []

    def handle(route: Route) -> None:
        seen.append(route)
        action(route) if len(seen) == 1 else route.continue_()

    return handle


def drop_reply(route: Route) -> None:
    route.fetch()  # the server stores the answer
    route.abort()  # and its reply never arrives


def drop_request(route: Route) -> None:
    route.abort()


def fail(route: Route) -> None:
    route.fulfill(status=502, body="<html>Bad Gateway</html>", content_type="text/html")


def tear_reply(route: Route) -> None:
    route.fulfill(status=200, body=route.fetch().text()[:20], content_type="application/json")


@pytest.mark.parametrize(
    "accident",
    [
        pytest.param(drop_reply, marks=pytest.mark.slow),
        pytest.param(drop_request, marks=pytest.mark.slow),
        pytest.param(fail, marks=pytest.mark.slow),
        tear_reply,
    ],
)
def test_an_answer_whose_sending_fails_is_sent_again_and_stored_once(
    judging: tuple[Study, Rater], accident: Callable[[Route], None]
) -> None:
    made, rater = judging
    rater.page.route("**/api/judgement", lose_first(accident))
    rater.answer_and_wait("ArrowRight")
    assert real(made) == ["b"]
    assert rater.count == "2/3"


@pytest.mark.slow
def test_a_revision_whose_reply_is_lost_is_stored_once(judging: tuple[Study, Rater]) -> None:
    made, rater = judging
    rater.answer_and_wait("ArrowRight")
    rater.page.route("**/api/revision", lose_first(drop_reply))
    rater.press("u")
    rater.state("chosen")
    rater.press("ArrowLeft", "Enter")
    expect(rater.page.locator("[data-part=status]")).to_contain_text("was changed")
    judgement = made.judgements()[-1]
    revisions = [row.answer for row in made.rows("revision") if row.judgement == judgement.id]
    assert (judgement.answer, revisions) == ("b", ["a"])
    assert rater.count == "2/3"


@pytest.mark.slow
def test_offline_the_answer_waits_in_sight_and_judging_stops(judging: tuple[Study, Rater]) -> None:
    made, rater = judging
    context = rater.page.context
    context.set_offline(True)
    rater.press("ArrowRight", "Enter")
    rater.state("unsaved")
    assert "Not saved yet" in rater.status
    assert not rater.page.is_enabled('[data-answer="a"]')
    rater.press("ArrowLeft", "Enter")
    assert real(made) == []
    context.set_offline(False)
    expect(rater.page.locator(".count")).to_have_text("2/3")
    rater.state("ready")
    assert real(made) == ["b"]


@pytest.mark.slow
def test_an_answer_outlives_the_page_and_the_server(
    judging: tuple[Study, Rater], server: Server
) -> None:
    made, rater = judging
    server.kill()
    rater.press("ArrowRight", "Enter")
    rater.state("unsaved")
    page = rater.page.context.new_page()  # the page is closed and opened again
    rater.page.close()
    server.start()
    again = Rater(page, made, rater.address)
    again.go(made.tokens[0])
    again.state("elsewhere")  # for all the server knows, the first page is still open
    assert real(made) == ["b"]
    again.press("Enter")
    again.state("ready")
    assert again.count == "2/3"


@pytest.mark.slow
def test_a_server_restarted_under_an_open_page_loses_nothing(
    judging: tuple[Study, Rater], server: Server
) -> None:
    made, rater = judging
    rater.answer_and_wait("ArrowRight")
    server.kill()
    rater.press("ArrowLeft", "Enter")
    rater.state("unsaved")
    server.start()
    expect(rater.page.locator(".count")).to_have_text("3/3")
    rater.state("ready")
    assert real(made) == ["b", "a"]
    finish(rater, made, ["b", "a", "a"])
