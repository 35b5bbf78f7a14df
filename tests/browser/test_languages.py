"""Every sentence in the rater's language: at each stage, in what is spoken, and where it fails."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from raters.database.store import Store
from raters.protocols import PROTOCOLS
from raters.studies.changes import close_study
from raters.studies.room import needed
from raters.texts import LANGUAGES, Texts, shipped
from raters.texts.questions import read_questions
from tests.browser.conftest import MakeStudy, Open
from tests.browser.rater import Rater
from tests.browser.studies import Study

SEEN = """() => {
  const words = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(node.parentElement.tagName)
      && node.parentElement.closest('[id^="stage-"]')) words.push(node.textContent.trim());
  }
  for (const node of document.querySelectorAll('[id^="stage-"] *')) {
    for (const name of ['aria-label', 'title', 'alt', 'placeholder']) {
      if (node.getAttribute(name)) words.push(node.getAttribute(name));
    }
  }
  return words.filter(Boolean);
}"""
OF_ALL = {"A", "B", "Auto", "Zoom", "Enter", "Shift", "Pause", "R", "Z", "U", "?", "OK"}
"""Words that some language shares with English."""


def english(language: str) -> set[str]:
    """Return what English says otherwise: whole texts and their lines, as they come on the page."""
    said = set()
    other = (
        shipped(language)
        .of_study(trials=3, minutes=2, time_limit="", colour_plates="", megabytes="")
        .words
    )
    for key, text in (
        shipped()
        .of_study(trials=3, minutes=2, time_limit="", colour_plates="", megabytes="")
        .words.items()
    ):
        for line in text.split("\n"):
            plain = re.sub(r"\*\*|^- ", "", line).strip()
            if plain and plain not in other[key]:
                said.add(re.split(r"\{\w+\}", plain)[0].strip())
    return said - OF_ALL - {""}


def found(page: Page, wrong: set[str]) -> list[str]:
    seen = page.evaluate(SEEN)
    long = [text for text in wrong if " " in text]
    return [text for text in seen if text in wrong or any(part in text for part in long)]


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_a_study_shows_no_english_sentence(study: MakeStudy, enter: Open, language: str) -> None:
    wrong = english(language)
    made = study(trials=3, golden=0.0, ties=True, language=language)
    rater = enter(made)
    page, looked = rater.page, list[str]()

    def look(stage: str) -> None:
        looked.extend(f"{stage}: {text}" for text in found(page, wrong))

    rater.stage("consent")
    assert page.get_attribute("html", "lang") == language
    assert page.title() == shipped(language).say("study.title")
    assert page.inner_text("#stage-consent button") == shipped(language).say("consent.agree")
    look("consent")
    rater.begin()
    look("practice")
    for number in range(3):
        rater.answer(rater.right_key())
        rater.state("feedback")
        look("feedback")
        rater.press("Enter")
        rater.state("ready" if number < 2 else "interlude")
    look("interlude")
    rater.press("Enter")
    rater.state("ready")
    page.click('[data-act="pause"]')
    look("pause")
    page.click('[data-act="pause"]')
    rater.press("ArrowLeft")
    look("chosen")
    page.set_viewport_size({"width": 700, "height": 400})
    page.wait_for_selector('.judge[data-small="true"]')
    look("small")
    page.set_viewport_size({"width": 1280, "height": 720})
    page.wait_for_selector('.judge[data-small="false"]')
    rater.press("Enter")
    page.wait_for_function("document.querySelector('.count').textContent === '2/3'")
    rater.state("ready")
    look("saved")
    rater.press("u")
    rater.state("chosen")
    look("revising")
    rater.press("Escape")
    rater.answer_and_wait("ArrowLeft")
    store = Store(made.url)
    close_study(store, made.name)
    store.close()
    rater.answer("ArrowLeft")
    rater.stage("thanks")
    look("thanks")
    assert looked == []
    assert rater.errors == [] or all("403" in error for error in rater.errors)
    page.context.clear_cookies()
    page.goto(f"{rater.address}/r/nothing")  # of no study: the browser's language
    assert page.inner_text("h1") == shipped().say("refused.wrong.title")


def test_a_browser_is_answered_in_its_language_also_where_a_link_is_wrong(
    study: MakeStudy, enter: Open
) -> None:
    made = study(language="browser", raters=2)
    rater = enter(made, locale="es-MX")
    rater.stage("consent")
    assert rater.page.inner_text("#stage-consent h2") == "Participar"
    rater.page.goto(f"{rater.address}/r/nothing")
    assert rater.page.get_attribute("html", "lang") == "es"
    assert rater.page.inner_text("h1") == "No conocemos este enlace"
    other = enter(made, 1, locale="fr-FR")  # which is not there
    other.stage("consent")
    assert other.page.get_attribute("html", "lang") == "en"


def test_a_closed_study_says_so_in_its_own_words(study: MakeStudy, enter: Open) -> None:
    made = study(language="de", own=[Texts("de", {"refused.closed.text": "Schluss für heute."})])
    store = Store(made.url)
    close_study(store, made.name)
    store.close()
    rater = enter(made)
    assert rater.page.inner_text("h1") == "Diese Studie ist geschlossen"
    assert rater.page.inner_text("p") == "Schluss für heute."


ASKED = [
    {
        "id": "glasses",
        "question": "Do you wear glasses?",
        "kind": "choice",
        "choices": ["yes", "no"],
    },
    {"id": "work", "question": "What do you do?", "kind": "text", "optional": True},
    {"id": "age", "question": "How old are you?", "kind": "number"},
]


def test_questions_and_colours_are_asked_before_judging(study: MakeStudy, enter: Open) -> None:
    made = study(colours=True, own=[Texts("en", {}, read_questions(ASKED))])
    rater = enter(made)
    page = rater.page
    rater.stage("consent")
    page.click("#stage-consent button")
    rater.stage("questions")
    page.reload()
    rater.stage("questions")  # consent is not asked for twice
    fields = page.locator("#asked :is(input, select)")
    fields.nth(0).select_option("no")
    assert not page.is_enabled("#questions-done")
    fields.nth(2).fill("41.5")
    page.click("#questions-done")
    rater.stage("instructions")
    page.click("#stage-instructions button")
    rater.stage("checks")
    assert page.locator("#plates img").count() == 5
    page.wait_for_function(
        "[...document.querySelectorAll('#plates img')].every((one) => one.naturalWidth === 260)"
    )
    page.locator("#plates input").nth(1).fill("7")
    for name in ("dark", "bright"):
        page.select_option(f"#seen-{name}", "5")
    page.click("#check-done")
    rater.state("ready")
    row = made.rows("rater", "id, answers, screen")[-1]
    assert '"glasses": 1' in row.answers
    assert '"work": null' in row.answers
    assert '"age": 41.5' in row.answers
    assert '"colour_read": ["", "7", "", "", ""]' in row.screen
    assert '"colour_vision": "unclear"' in row.screen
    assert rater.errors == []


def test_the_door_asks_for_the_window_that_the_coordinator_was_told(
    study: MakeStudy, enter: Open
) -> None:
    made = study()
    for window in ((900, 300), (1000, 340), (2560, 200)):
        rater = enter(made, viewport={"width": window[0], "height": window[1]})
        width, height = needed(PROTOCOLS["pair"], (160, 160), window)
        if window[0] >= width and window[1] >= height:
            rater.stage("consent")
            continue
        rater.stage("door")
        told = rater.page.inner_text("#door-size")
        assert f"need a window of {width} × {height}" in told
        assert f"yours is {window[0]} × {window[1]}" in told
        assert made.rows("rater", "id, consented")[-1].consented is None


def test_a_screen_with_too_few_pixels_is_told_of_kindly(study: MakeStudy, enter: Open) -> None:
    small = {"width": 300, "height": 250}
    rater = enter(study(), viewport=small, screen=small)
    rater.stage("door")
    assert "works on a larger one" in rater.page.inner_text("#door-screen")
    assert enter_large(rater)


def enter_large(rater: Rater) -> bool:
    """Whether consent follows by itself where the window grows."""
    rater.page.set_viewport_size({"width": 1280, "height": 720})
    rater.stage("consent")
    return True


@pytest.mark.slow
def test_a_session_ends_by_itself_when_its_time_is_over(study: MakeStudy, enter: Open) -> None:
    made = study(trials=4, golden=0.0, time_limit=1.0)
    rater = enter(made)
    rater.reach_judging()
    rater.answer_and_wait("ArrowLeft")
    rater.page.wait_for_selector("html[data-stage=thanks]", timeout=90_000)
    assert "The time is over" in rater.page.inner_text("#stage-thanks")
    assert len(rater.page.inner_text("#code")) == 8
    assert [row.answer for row in made.judgements() if row.kind != "training"] == ["a"]


def leave(rater: Rater, how: str) -> None:
    rater.press("?")
    rater.page.click('[data-act="withdraw"]')
    rater.page.click(f'[data-act="{how}"]')
    rater.stage("withdrawn")


def of_rater(made: Study, number: int) -> list[object]:
    return [row for row in made.rows("rater", "id, withdrawn") if row.id == number]


def test_who_leaves_says_what_becomes_of_their_answers(study: MakeStudy, enter: Open) -> None:
    own = Texts("en", {"study.contact": "ada@lab.example"})
    made = study(trials=4, golden=0.0, raters=2, own=[own])
    last = made.rows("rater", "id")[-1].id
    keeps, deletes = enter(made, 0), enter(made, 1)
    for rater, how in ((keeps, "reallyWithdraw"), (deletes, "deleteAll")):
        rater.stage("consent")
        number = last - 1 if rater is keeps else last
        assert f"Your number in this study is {number}." in rater.page.inner_text("#stage-consent")
        assert "ada@lab.example" in rater.page.inner_text("#stage-consent")
        rater.begin()
        rater.answer("ArrowLeft")
        rater.state("feedback")
        rater.press("Enter")
        rater.state("ready")
        leave(rater, how)
    said = keeps.page.inner_text("#stage-withdrawn")
    assert f"kept under the number {last - 1}" in said
    assert "has been deleted" not in said
    said = deletes.page.inner_text("#stage-withdrawn")
    assert "All that came from you has been deleted." in said
    assert "kept under" not in said
    assert len(of_rater(made, last - 1)) == 1
    assert of_rater(made, last) == []
    assert len(made.judgements()) == 1


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_english_sentences_would_be_found(language: str) -> None:
    assert {"Taking part", "What to do", "Thank you!"} <= english(language)
    assert len(english(language)) > 150
