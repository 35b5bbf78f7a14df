"""Whole sessions, from the link to the completion code."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MakeStudy, Open
from tests.browser.studies import IMAGES, MODELS

PROTOCOLS = [
    pytest.param(
        {"protocol": "pair", "ties": True},
        ["ArrowRight", "ArrowDown", "ArrowLeft"],
        ["b", "same", "a"],
        id="pair",
    ),
    pytest.param(
        {"protocol": "pair-bad", "language": "de"},
        ["ArrowRight", "ArrowUp", "ArrowLeft"],
        ["b", "bad", "a"],
        id="pair-bad",
        marks=pytest.mark.slow,
    ),
    pytest.param({"protocol": "acr"}, ["2", "5", "1"], ["2", "5", "1"], id="acr"),
    pytest.param(
        {"protocol": "dcr"}, ["4", "1", "3"], ["4", "1", "3"], id="dcr", marks=pytest.mark.slow
    ),
]


@pytest.mark.parametrize(("options", "keys", "answers"), PROTOCOLS)
def test_a_session_by_keyboard_alone(
    study: MakeStudy, enter: Open, options: dict[str, object], keys: list[str], answers: list[str]
) -> None:
    made = study(trials=3, golden=0.0, **options)
    rater = enter(made)

    def tab_to(selector: str) -> None:
        for _ in range(40):
            if rater.page.evaluate(f"document.activeElement?.matches({selector!r})"):
                return
            rater.press("Tab")
        raise AssertionError(f"Tab never reached {selector}")

    for name in ("consent", "instructions"):
        rater.stage(name)
        tab_to(f"#stage-{name} button")
        rater.press("Enter")
    rater.stage("checks")
    for name, seen in (("dark", "5"), ("bright", "4")):
        tab_to(f"#seen-{name}")
        rater.press(seen)
    tab_to("#check-done")
    rater.press("Enter")
    rater.stage("judging")
    rater.practise()
    for index, key in enumerate(keys):
        assert rater.count == f"{index + 1}/3"
        rater.answer_and_wait(key) if index < 2 else rater.answer(key)
    rater.stage("thanks")

    given = made.judgements()
    assert [row.answer for row in given if row.kind != "training"] == answers
    assert sum(row.kind == "training" for row in given) == 3
    code = next(
        row.completion_code
        for row in made.rows("rater")
        if row.completion_code and rater.page.inner_text("#code") == row.completion_code
    )
    assert len(code) >= 8
    assert rater.errors == []


@pytest.mark.slow
@pytest.mark.parametrize(("options", "keys", "answers"), PROTOCOLS)
def test_a_session_by_mouse_alone(
    study: MakeStudy, enter: Open, options: dict[str, object], keys: list[str], answers: list[str]
) -> None:
    made = study(trials=3, golden=0.0, **options)
    rater = enter(made)
    rater.begin()
    page = rater.page
    for index in range(3):
        rater.state("ready")
        page.click(f'[data-answer="{made.right(rater.trial["trial"]).code}"]')
        page.click('[data-part="confirm"]')
        rater.state("feedback")
        page.click(".note button")
        rater.state("ready" if index < 2 else "interlude")
    page.click('[data-part="curtain-button"]')
    for index, answer in enumerate(answers):
        expect(page.locator(".count")).to_have_text(f"{index + 1}/3")
        rater.state("ready")
        for name in ("zoom", "flicker", "auto", "split", "side"):
            if page.is_visible(f'[data-act="{name}"]'):
                page.click(f'[data-act="{name}"]')
        page.click(f'[data-answer="{answer}"]')
        page.click('[data-part="confirm"]')
    rater.stage("thanks")
    assert [row.answer for row in made.judgements() if row.kind != "training"] == answers
    assert rater.errors == []


def test_a_crowd_worker_comes_back_and_gets_the_platforms_code(
    study: MakeStudy, enter: Open
) -> None:
    made = study(trials=2, golden=0.0, completion_code="CROWD-7", crowd=1)
    rater = enter(made)
    rater.go_from_platform(made.entry, "5f3ab")
    rater.reach_judging()
    rater.answer_and_wait("ArrowLeft")
    rater.go_from_platform(made.entry, "5f3ab")  # the platform's tab was closed
    rater.state("ready")
    assert rater.count == "2/2"
    rater.answer("ArrowRight")
    rater.stage("thanks")
    assert rater.page.inner_text("#code") == "CROWD-7"
    given = [row.answer for row in made.judgements() if row.kind != "training"]
    assert given == ["a", "b"]
    rater.page.context.clear_cookies()
    rater.go_from_platform(made.entry, "6c4de")
    assert "all the people it needs" in rater.page.inner_text("body")


def test_one_key_answers_where_the_coordinator_wants_that(study: MakeStudy, enter: Open) -> None:
    made = study(trials=2, golden=0.0, one_key=True)
    rater = enter(made)
    rater.begin()
    for _ in range(3):
        rater.state("ready")
        rater.press(rater.right_key())
        rater.state("feedback")
        rater.press("Enter")
    rater.state("interlude")
    rater.press("Enter")
    rater.state("ready")
    assert not rater.page.is_visible('[data-part="confirm"]')
    rater.press("ArrowRight")
    expect(rater.page.locator(".count")).to_have_text("2/2")
    rater.state("ready")
    rater.press("ArrowLeft")
    rater.stage("thanks")
    assert [row.answer for row in made.judgements() if row.kind != "training"] == ["b", "a"]


def test_nothing_a_browser_gets_names_a_model_or_an_image(study: MakeStudy, enter: Open) -> None:
    made = study(trials=2, golden=0.0, ties=True)
    secrets = [*MODELS, *IMAGES, made.name, "folder", "golden", "swapped", "studies.db"]
    leaks: list[str] = []
    rater = enter(made)

    def look(response: object) -> None:
        path = urlsplit(response.url).path  # type: ignore[attr-defined]
        seen = str(response.headers) + response.url  # type: ignore[attr-defined]
        if not path.startswith("/rate/assets"):  # Gradio's own files, the same for everybody
            seen += response.body().decode("latin-1")  # type: ignore[attr-defined]
        leaks.extend(f"{word} in {path}" for word in secrets if word.encode() in seen.encode())

    rater.page.on("response", look)
    rater.page.reload()
    rater.reach_judging()
    rater.answer_and_wait("ArrowLeft")
    rater.answer("ArrowRight")
    rater.stage("thanks")
    html = rater.page.content()
    assert leaks == []
    assert [word for word in secrets if word in html] == []
    assert {urlsplit(url).netloc for url in rater.requests if not url.startswith("blob:")} == {
        urlsplit(rater.address).netloc
    }
    assert made.tokens[0] not in rater.page.url


def test_images_of_one_content_have_one_length_and_constant_headers(
    study: MakeStudy, enter: Open
) -> None:
    made = study(trials=4, golden=0.0, images=1)
    rater = enter(made)
    replies = []
    rater.page.on("response", lambda reply: "/s/" in reply.url and replies.append(reply))
    rater.reach_judging()
    rater.answer_and_wait("ArrowLeft")
    headers = [dict(sorted(reply.headers.items())) for reply in replies]
    assert len(headers) >= 8
    assert all(one == headers[0] for one in headers)
    assert headers[0]["cache-control"] == "no-store"
    assert not {"etag", "last-modified", "server"} & set(headers[0])
    assert len({reply.url for reply in replies}) == len(replies)
