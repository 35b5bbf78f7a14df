"""Where scripts do not run or do not come there are words; and a slow network is not waited for."""

from __future__ import annotations

import re
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Response, expect

from tests.browser.conftest import MakeStudy, Open
from tests.browser.rater import Rater
from tests.browser.studies import Server


def test_without_scripts_the_page_says_what_it_needs(
    study: MakeStudy, server: Server, browser: Browser
) -> None:
    made = study()
    context = browser.new_context(java_script_enabled=False, locale="de-DE")
    page = context.new_page()
    page.goto(f"{server.address}/r/{made.tokens[0]}")
    words = page.locator("noscript .first-words p").all_inner_texts()
    assert words[0].startswith("Diese Seite braucht JavaScript")
    assert [text for text in words if text.startswith("This page needs JavaScript")] != []
    assert page.locator("noscript .first-words").is_visible()
    context.close()


@pytest.mark.parametrize("lost", ["**/rate-assets/stage.js", "**/rate/assets/*.js"])
def test_a_script_that_does_not_come_gives_words_and_another_try(
    study: MakeStudy, server: Server, browser: Browser, lost: str
) -> None:
    made = study(golden=0.0)
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.route(lost, lambda route: route.abort())
    rater = Rater(context.new_page(), made, server.address)
    rater.go(made.tokens[0])
    expect(rater.page.locator("#not-loaded")).to_be_visible(timeout=15_000)  # not after 20 s alone
    assert "could not be loaded" in rater.page.inner_text("#not-loaded")
    context.unroute(lost)
    rater.page.click("#not-loaded a")
    rater.stage("consent")
    assert not rater.page.is_visible("#not-loaded")
    context.close()


@pytest.mark.slow
def test_on_a_slow_network_the_next_images_are_there_before_the_answer(
    study: MakeStudy, enter: Open
) -> None:
    made = study(golden=0.0, reference="shown", trials=4)
    rater = enter(made)
    page = rater.page
    sizes: dict[str, int] = {}

    def weigh(response: Response) -> None:
        path = urlsplit(response.url).path
        if path.startswith("/s/"):
            sizes[path] = int(response.headers["content-length"])

    page.on("response", weigh)
    rater.stage("consent")
    said = re.search(r"About ([\d.]+) MB of images", page.inner_text("#stage-consent"))
    assert said is not None
    rater.begin()
    wire = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 150, "downloadThroughput": 60_000, "uploadThroughput": -1}
    wire.send("Network.enable")
    wire.send("Network.emulateNetworkConditions", slow)
    for ahead in (2, 1):  # of three trials of practice
        sets = rater.trial["following"]
        following = [url for slots in sets for url in slots.values()]
        for _wait in range(100):  # while the rater looks
            if set(following) <= set(sizes):
                break
            page.wait_for_timeout(100)
        assert len(sets) == ahead
        asked = [urlsplit(url).path for url in rater.requests]
        turns = [sorted(asked.index(url) for url in slots.values()) for slots in sets]
        assert turns == sorted(turns)  # the nearest first, each whole
        assert all(one[-1] < other[0] for one, other in pairwise(turns))
        before = len([url for url in rater.requests if "/s/" in url])
        rater.answer(rater.right_key())
        rater.state("feedback")
        rater.press("Enter")
        rater.state("ready")
        assert rater.trial["slots"] == sets[0]
        fetched = [url for url in rater.requests if "/s/" in url][before:]
        assert not [url for url in fetched if urlsplit(url).path in following]
    rater.answer(rater.right_key())
    rater.state("feedback")
    rater.press("Enter")
    rater.state("interlude")
    rater.press("Enter")
    # three of practice and four more, of three images each
    loaded = sum(sizes.values()) / len(sizes) * 7 * 3 / 1e6
    assert float(said[1]) == pytest.approx(loaded, rel=0.2)
