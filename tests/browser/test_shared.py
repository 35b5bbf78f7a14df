"""One browser, two raters."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import MakeStudy, Open
from tests.browser.rater import Rater


@pytest.mark.slow
def test_an_unsent_answer_waits_for_its_rater_and_goes_out_as_no_other(
    study: MakeStudy, enter: Open
) -> None:
    made = study(trials=3, golden=0.0, raters=2)
    ann = enter(made)
    ann.reach_judging()
    lost: list[Route] = []

    def lose(route: Route) -> None:
        lost.append(route)
        route.abort()

    ann.page.route("**/api/judgement", lose)
    ann.press("ArrowRight", "Enter")
    ann.state("unsaved")
    bob = Rater(ann.page.context.new_page(), made, ann.address)
    bob.go(made.tokens[1])
    bob.stage("consent")
    ann.page.unroute("**/api/judgement")
    ann.press("Tab")
    ann.page.evaluate("window.dispatchEvent(new Event('rating:retry'))")
    ann.state("stopped")
    assert "Somebody else" in ann.page.inner_text(".curtain")
    bob.reach_judging()
    bob.answer_and_wait("ArrowLeft")
    real = [row.answer for row in made.judgements() if row.kind != "training"]
    assert real == ["a"]  # Bob's; Ann's answer is kept
    bob.page.close()
    ann.go(made.tokens[0])
    ann.state("ready")
    expect(ann.page.locator(".count")).to_have_text("2/3")
    real = [row.answer for row in made.judgements() if row.kind != "training"]
    assert sorted(real) == ["a", "b"]
