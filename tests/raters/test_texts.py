"""What raters are told: the tables that are shipped, a coordinator's own words, and questions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bench.core.errors import BenchError
from raters.protocols import PROTOCOLS, protocol_called
from raters.texts import LANGUAGES, preferred, shipped
from raters.texts.own import read_texts, texts_of_study
from raters.texts.questions import Question, read_questions
from raters.texts.table import OF_PROTOCOLS, in_html, keys_of, names_in, words_of
from tests.support.outside import put_protocols

PAIR = PROTOCOLS["pair"]
PAGE = Path(__file__).parents[2] / "raters" / "web" / "page"


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        path = tmp_path / "my.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


# --- the tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_language_has_the_keys_and_placeholders_of_english(language: str) -> None:
    english, other = shipped().words, shipped(language).words
    assert set(other) == set(english)
    for key, text in english.items():
        assert sorted(set(names_in(other[key]))) == sorted(set(names_in(text))), key
        assert bool(other[key]) == bool(text), key


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_no_sentence_of_another_language_is_left_in_english(language: str) -> None:
    english, other = shipped().words, shipped(language).words
    same = {key for key, text in english.items() if " " in text and other[key] == text}
    assert same == set()


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_has_all_its_words_and_no_others(name: str) -> None:
    needed, may = keys_of(PROTOCOLS[name])
    words = words_of(PROTOCOLS[name], "en")
    assert set(needed) <= set(words) <= {*needed, *may}


def test_every_key_that_a_page_names_is_there_and_every_key_is_used() -> None:
    words = shipped().words
    page = "".join(path.read_text() for path in sorted(PAGE.glob("*.[jh]*")))
    python = "".join(path.read_text() for path in sorted(PAGE.parent.glob("*.py")))
    named = set(re.findall(r'data-(?:text|prose|label|title)="([a-z_.]+)"', page))
    named |= set(re.findall(r'\bt\("([a-z_.]+)"', page))
    assert named <= set(words)
    built = (
        OF_PROTOCOLS,
        "study.",
        "refused.",
        "errors.",
        "status.",
        "instructions.",
        "instructions_touch.",
        "practice.",
    )
    unused = {key for key in words if not key.startswith(built) and f'"{key}"' not in page + python}
    assert unused == set()


def test_a_page_holds_no_sentence_of_its_own() -> None:
    for path in (*PAGE.glob("*.html"), *PAGE.glob("*.js")):
        if path.name.startswith("dashboard"):  # the coordinator's
            continue
        code = re.sub(r"//[^\n]*|/\*.*?\*/|<!--.*?-->", "", path.read_text(), flags=re.DOTALL)
        if path.suffix == ".js":
            said = re.findall(r"[\"'`]([^\"'`\n]*)[\"'`]", code)
        else:
            said = [re.sub(r"&\w+;", "", text) for text in re.findall(r">([^<>]+)<", code)]
        sentences = [text for text in said if re.search(r"[A-Za-z]{2,} [a-z]{2,}[ .,?!…]", text)]
        code_like = re.compile(r"[#\[\](){}=>$/]|use strict")
        assert [text for text in sentences if not code_like.search(text)] == [], path.name


def test_facts_of_a_study_are_filled_in_and_lines_that_lack_theirs_left_out() -> None:
    texts = shipped().of_study(trials=60, minutes=10, time_limit="", colour_plates="", megabytes="")
    consent = texts.words["consent.text"]
    assert "**about 10 minutes**: a short practice, then up to 60 judgements" in consent
    assert not [
        word
        for word in ("What it is for", "Responsible", "It ends after", "colour vision")
        if word in consent
    ]
    assert texts.words["you.contact"] == ""
    assert names_in(consent) == []
    limited = shipped("de").of_study(
        trials=60, minutes=10, time_limit="30", colour_plates=5, megabytes=""
    )
    assert "Es endet nach **30 Minuten**" in limited.words["consent.text"]
    assert "in 5 Bildern lesen, die das Farbensehen" in limited.words["consent.text"]


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-CH, fr;q=0.9", "de"),
        ("fr-CA, zh-Hans-CN;q=0.8, es;q=0.9", "es"),
        ("zh-TW", "zh"),
        ("es;q=0, de;q=0.1", "de"),
        ("xx;q=nonsense,;;,*", "en"),
    ],
)
def test_a_browser_gets_the_language_that_it_would_rather_have(wanted: str, language: str) -> None:
    assert preferred(wanted, LANGUAGES) == language


def test_parts_of_pages_without_scripts_are_told_in_place() -> None:
    part = '<p data-label="look.move"><b data-text="look.split"></b></p>'
    told = in_html(part, shipped("de"))
    assert ' aria-label="Die Bilder verschieben"' in told
    assert ">Geteilt</b>" in told


# --- own words -----------------------------------------------------------------------------------


def test_own_words_stand_over_those_that_are_shipped(written: Any) -> None:
    own = read_texts(
        written(
            'language = "de"\n[study]\nresearcher = "Dr. Ada, Lab"\n[consent]\n'
            'text = "Nur {trials} Bilder von {researcher}."\n'
            '[protocols.pair.answers]\na = "Links"\n'
        )
    )
    (texts,) = texts_of_study(PAIR, own=[own])
    assert texts.language == "de"
    told = texts.of_study(trials=8, minutes=2, time_limit="", colour_plates="", megabytes="").words
    assert told["consent.text"] == "Nur 8 Bilder von Dr. Ada, Lab."
    assert told["protocols.pair.answers.a"] == "Links"
    assert told["protocols.pair.answers.b"] == "B ist besser"
    assert not [key for key in told if key.startswith("protocols.acr")]


def test_the_question_of_the_command_is_asked_in_every_language() -> None:
    for texts in texts_of_study(PAIR, "browser", question="Sharper?"):
        assert texts.words["protocols.pair.question"] == "Sharper?"
        assert texts.words["protocols.pair.question_with_reference"] == "Sharper?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[consent]\ntitel = "x"', "no text 'consent.titel'; did you mean 'consent.title'"),
        ("[consent]\ntitle = 3", "consent.title: expected a text"),
        ('[consent]\ntitle = "{reseacher}"', "nothing fills in '{reseacher}'.*{researcher}"),
        ('[consent]\ntitle = "{trials"', "nothing fills in '{trials'"),
        ('[consent]\ntitle = "{number}"', "nothing fills in '{number}'"),
        ('language = "German!"', "language: got 'German!', expected a tag"),
        ("[consent", "cannot read the texts"),
        ('[[questions]]\nid = "age"', "a question without question"),
        ('[[questions]]\nid = "age"\nquestion = "?"\nkind = "choices"', "did you mean 'choice'"),
        ('[[questions]]\nid = "age"\nquestion = "?"\nchoises = []', "did you mean 'choices'"),
        ('[[questions]]\nid = "age"\nquestion = "Age?"', "0 choices; expected two or more"),
        ('[[questions]]\nid = "a b"\nquestion = "?"\nkind = "text"', "an id has letters"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(written: Any, text: str, message: str) -> None:
    path = written(text)
    with pytest.raises(BenchError, match=message.replace("{", r"\{")) as caught:
        read_texts(path)
    assert str(path) in str(caught.value)


def test_another_language_needs_all_texts_and_the_missing_ones_are_named(written: Any) -> None:
    whole = "\n".join(
        (PAGE.parents[1] / "texts" / "en.toml")
        .read_text(encoding="utf-8")
        .replace('language = "en"', 'language = "fr"')
        .splitlines()
    )
    (texts,) = texts_of_study(PAIR, own=[read_texts(written(whole))])
    assert (texts.language, texts.words["leave.stay"]) == ("fr", "Stay")
    part = whole.replace('stay = "Stay"', "").replace('same = "The same"', "")
    with pytest.raises(BenchError, match=r"'fr' lacks 2 texts: leave\.stay, .*pair\.answers\.same"):
        texts_of_study(PAIR, own=[read_texts(written(part))])


def test_languages_that_do_not_go_together_are_refused(written: Any) -> None:
    german = read_texts(written('language = "de"\n[leave]\nstay = "Da bleiben"'))
    asking = read_texts(
        written('[[questions]]\nid = "age"\nquestion = "How old are you?"\nkind = "number"')
    )
    with pytest.raises(BenchError, match="texts are in de, and the study in en"):
        texts_of_study(PAIR, "en", [german])
    with pytest.raises(BenchError, match="two files of texts are in one language"):
        texts_of_study(PAIR, None, [german, german])
    with pytest.raises(BenchError, match="questions in 'en' and 'de' are not the same"):
        texts_of_study(PAIR, "browser", [asking])
    assert [t.language for t in texts_of_study(PAIR, None, [german])] == ["de"]
    assert [t.language for t in texts_of_study(PAIR, "browser", [german])] == list(LANGUAGES)


def test_a_protocol_from_outside_speaks_the_languages_of_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: Any
) -> None:
    monkeypatch.syspath_prepend(put_protocols(tmp_path / "site"))
    row = protocol_called("outside-three")
    assert [t.language for t in texts_of_study(row, "browser")] == ["en"]
    with pytest.raises(BenchError, match=r"'de' lacks 8 texts: protocols\.outside-three\.question"):
        texts_of_study(row, "de")
    own = read_texts(written('[protocols.outside-three.answers]\n3 = "Yes, well"'))
    (texts,) = texts_of_study(row, own=[own])
    assert texts.words["protocols.outside-three.answers.3"] == "Yes, well"


# --- questions -----------------------------------------------------------------------------------


def test_answers_are_taken_as_their_questions_ask() -> None:
    choice, text, number = read_questions(
        [
            {"id": "glasses", "question": "Glasses?", "kind": "choice", "choices": ["yes", "no"]},
            {"id": "work", "question": "Work?", "kind": "text", "optional": True},
            {"id": "age", "question": "Age?", "kind": "number"},
        ]
    )
    assert (choice.taken(1), choice.told(1)) == (1, "no")
    assert (text.taken("painter"), text.taken(None), text.taken("")) == ("painter", None, None)
    assert number.taken(41.5) == 41.5
    for question, wrong in (
        (choice, 2),
        (choice, -1),
        (choice, "yes"),
        (choice, True),
        (choice, None),
        (text, 3),
        (text, "x" * 501),
        (number, "41"),
        (number, None),
        (number, float("nan")),
    ):
        with pytest.raises(BenchError, match=question.id):
            question.taken(wrong)


def test_a_question_is_asked_once() -> None:
    entry = {"id": "age", "question": "Age?", "kind": "number"}
    with pytest.raises(BenchError, match="expected each once"):
        read_questions([entry, entry])
    assert Question(**entry).choices == ()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PROTOCOLS)
def test_at_a_touch_screen_no_key_is_named(name: str, language: str) -> None:
    words = words_of(PROTOCOLS[name], language)
    path = f"{OF_PROTOCOLS}{name}."
    told = [words[f"{path}instructions_touch"]]
    if PROTOCOLS[name].has_ties:
        told.append(words[f"{path}ties_instructions_touch"])
    keys = re.compile(r"[←→↑↓]|\bkeys?\b|Taste|tecla|键")
    assert not keys.search(" ".join(told))
    assert keys.search(words[f"{path}instructions"])
