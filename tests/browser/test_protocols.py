"""Protocols of somebody else: the page is as their rows say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.rater import Rater
from tests.browser.studies import Server, make_study
from tests.support.outside import put_protocols


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, and this process, where the protocols of the outside package are installed."""
    site = put_protocols(tmp_path / "site")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=":")
    started = Server(f"sqlite:///{tmp_path / 'studies.db'}").start()
    yield started
    started.stop()


@pytest.mark.slow
def test_buttons_keys_views_and_words_are_those_of_the_row(
    browser: Browser, outside: Server, run_folder: Path
) -> None:
    graded = make_study(
        run_folder,
        outside.url,
        protocol="outside-graded",
        reference="shown",
        ties=True,
        trials=2,
        golden=0.0,
    )
    three = make_study(run_folder, outside.url, protocol="outside-three", trials=2, golden=0.0)
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    rater = Rater(context.new_page(), graded, outside.address)
    page = rater.page
    rater.go(graded.tokens[0])
    rater.stage("consent")
    page.click("#stage-consent button")
    told = page.inner_text("#stage-instructions")
    assert "Or say that they are the same." in told
    assert "half of each" not in told
    page.click("#stage-instructions button")
    for name in ("dark", "bright"):
        page.select_option(f"#seen-{name}", "5")
    page.click("#check-done")
    rater.state("ready")
    assert page.inner_text('[data-part="spoken"]') == "Practice: Couple 1 of 3"
    assert [text.split() for text in page.locator("[data-answer]").all_inner_texts()][2:5] == [
        ["3", "A", "slightly"],
        ["4", "The", "same"],
        ["5", "B", "slightly"],
    ]
    # flicker and hold are offered, side and split are not; the first one is how images begin
    shown = [
        page.is_visible(f'[data-act="{name}"]') for name in ("side", "flicker", "split", "hold")
    ]
    assert shown == [False, True, False, True]
    assert page.inner_text(".room figcaption") == "One"
    rater.press("Space")
    expect(page.locator(".room figcaption")).to_have_text("Other")
    page.keyboard.down("r")
    expect(page.locator(".room figcaption")).to_have_text("Original")
    page.keyboard.up("r")
    rater.press("?")
    lines = [line.split() for line in page.locator("dialog dl > div:visible").all_inner_texts()]
    assert lines[0] == ["1", "…", "7", "say", "which", "is", "better,", "and", "how", "much"]
    assert lines[1] == ["4", "no", "difference"]
    page.click('[data-act="closeHelp"]')
    rater.practise()
    rater.answer_and_wait("7")
    rater.answer("4")
    rater.stage("thanks")
    assert [row.answer for row in graded.judgements() if row.kind != "training"] == ["b3", "0"]
    assert rater.errors == []
    context.clear_cookies()
    rater.go(three.tokens[0])
    rater.begin()
    assert page.locator("[data-answer]").count() == 3
    rater.press("4", "5", "ArrowLeft")  # no keys of this row
    assert not page.is_enabled('[data-part="confirm"]')
    rater.press("3")
    assert page.is_enabled('[data-part="confirm"]')
    context.close()
