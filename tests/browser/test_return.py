"""After the end, back to the platform that people came from."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import MakeStudy, Open
from tests.browser.studies import Server


def test_who_has_finished_is_taken_back_with_their_code(
    study: MakeStudy, enter: Open, server: Server
) -> None:
    platform = f"http://localhost:{server.port}/rate-assets/error.css"  # another site: no cookie
    made = study(trials=2, golden=0.0, return_url=f"{platform}?cc={{code}}")
    rater = enter(made)
    rater.reach_judging()
    rater.answer_and_wait("ArrowLeft")
    rater.answer("ArrowRight")
    rater.stage("thanks")
    code = rater.page.inner_text("#code")
    expect(rater.page.locator("#back")).to_have_attribute("href", f"{platform}?cc={code}")
    rater.page.wait_for_url(f"{platform}?cc={code}")
    assert rater.errors == []
