"""Every button of every page, pressed in a real browser: each does what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE_MS, MakeStudy, Open
from tests.browser.studies import MODELS, Server, Study

OpenDashboard = Callable[[Study], Page]


@pytest.fixture
def dashboard(browser: Browser, server: Server) -> Iterator[OpenDashboard]:
    """Open dashboards, each in a tab of one browser."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)

    def opened(made: Study) -> Page:
        page = context.new_page()
        page.goto(f"{server.address}/dashboard/enter/{made.dashboard}")
        page.wait_for_selector("#live")
        return page

    yield opened
    context.close()


def press(page: Page, summary: str, button: str) -> None:
    """Press a button of the dashboard, which is behind a fold."""
    page.click(f"summary:has-text('{summary}')")
    page.click(f"button:has-text('{button}')")


def test_both_buttons_of_the_dashboard_do_what_they_say(
    study: MakeStudy, dashboard: OpenDashboard
) -> None:
    made = study()
    page = dashboard(made)
    refused: list[str] = []
    page.on("response", lambda reply: reply.status >= 400 and refused.append(reply.url))
    with page.expect_download() as exported:
        page.click("a[download]")
    assert exported.value.suggested_filename == f"{made.name}.csv"
    press(page, "Close the study", "Close the study")
    expect(page.locator(".state")).to_contain_text("Closed")
    assert not [model for model in MODELS if model in page.content()]
    press(page, "Show names", "Show names and results")
    expect(page.locator("#live")).to_contain_text("deblurnet")
    assert sorted(model for model in MODELS if model in page.inner_text("#live")) == sorted(MODELS)
    assert page.locator("button").count() == 0  # there is nothing more to press
    assert refused == []


def test_two_dashboards_in_one_browser_stay_two(study: MakeStudy, dashboard: OpenDashboard) -> None:
    one, other = study(), study()
    first = dashboard(one)
    second = dashboard(other)
    first.reload()
    second.reload()
    assert (first.inner_text("h1"), second.inner_text("h1")) == (one.name, other.name)
    press(first, "Close the study", "Close the study")
    expect(first.locator(".state")).to_contain_text("Closed")
    second.reload()
    expect(second.locator(".state")).to_contain_text("Open")
    states = {row.name: row.state for row in one.rows("study")}
    assert (states[one.name], states[other.name]) == ("closed", "open")
    # who has one study's link has no other's page
    first.context.clear_cookies()
    dashboard(one)
    assert first.goto(second.url).status == 404  # type: ignore[union-attr]


def test_every_button_of_the_raters_pages(study: MakeStudy, enter: Open) -> None:
    made = study(trials=4, golden=0.0, ties=True, reference="shown")
    rater = enter(made)
    page, refused = rater.page, list[str]()
    page.on("response", lambda reply: reply.status >= 400 and refused.append(reply.url))
    rater.begin()  # the buttons of consent, instructions and checks
    rater.practise()
    pressed: set[str] = set()

    def click(act: str) -> None:
        page.click(f'[data-act="{act}"]:visible')
        pressed.add(act)

    for act in (
        "flicker",
        "auto",
        "split",
        "side",
        "hold",
        "zoom",
        "panLeft",
        "panUp",
        "panDown",
        "panRight",
        "help",
        "closeHelp",
        "help",
        "withdraw",
        "closeWithdraw",
        "pause",
        "pause",
    ):
        click(act)
    for number, answer in enumerate(("a", "same", "b")):
        page.click(f'[data-answer="{answer}"]')  # once it is enabled
        click("confirm")
        expect(page.locator(".count")).to_have_text(f"{number + 2}/4")
        rater.state("ready")
    click("revise")
    rater.state("chosen")
    click("revise")
    rater.state("ready")
    click("help")
    click("withdraw")
    click("reallyWithdraw")
    rater.stage("withdrawn")
    there = set(page.eval_on_selector_all("[data-act]", "(all) => all.map((b) => b.dataset.act)"))
    # `retry` is there without a connection only, `takeOver` and `reload` where a tab was left, and
    # `deleteAll` leaves too: test_languages.py presses it
    assert there - pressed <= {"answer", "retry", "takeOver", "reload", "confirm", "deleteAll"}
    assert [row.answer for row in made.judgements()][3:] == ["a", "same", "b"]
    assert (refused, rater.errors) == ([], [])
