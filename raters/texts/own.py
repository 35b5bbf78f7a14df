"""A study's own words: the coordinator's files over the tables that are shipped."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError
from bench.core.names import choose
from raters.protocols import Protocol, protocols
from raters.texts.questions import Question, alike, as_json, read_questions
from raters.texts.table import (
    FACTS,
    LANGUAGES,
    OF_PROTOCOLS,
    Texts,
    flattened,
    keys_of,
    names_in,
    shipped,
    words_of,
)

BROWSER = "browser"
"""In place of a language: the one that each rater's browser asks for."""
LONGEST = 4000
ASKED = "questions"


def read_texts(path: Path) -> Texts:
    """Read a file of texts: a part of them, or all. It is in English where it names no language.

    Raises `BenchError` for a file that cannot be read, for keys that are unknown, with the nearest,
    and for names in braces that nothing fills.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BenchError(
            f"cannot read the texts in '{path}' ({error}); 'bench rate texts' writes such a file"
        ) from None
    try:
        language = table.pop("language", LANGUAGES[0])
        if not (isinstance(language, str) and re.fullmatch(r"[A-Za-z]{2,3}(-\w{2,8})*", language)):
            raise BenchError(f"language: got {language!r}, expected a tag such as 'de'")
        questions = read_questions(table.pop(ASKED, []))
        return Texts(language, _checked(dict(flattened(table))), questions)
    except BenchError as error:
        raise BenchError(f"texts in '{path}': {error}") from None


def _checked(words: Mapping[str, Any]) -> dict[str, str]:
    """Return the words of a file if all of them can be used."""
    usual = dict(shipped().words)
    for row in protocols().values():
        required, possible = keys_of(row)
        own = words_of(row, next(iter(row.texts), LANGUAGES[0]))
        usual |= {key: own.get(key, "") for key in (*required, *possible)}
    for key, text in words.items():
        choose("text", key, usual)
        if not isinstance(text, str) or len(text) > LONGEST:
            raise BenchError(f"{key}: expected a text of at most {LONGEST} characters")
        may = sorted(f"{{{name}}}" for name in {*FACTS, *names_in(usual[key])})
        for name in re.findall(r"\{[^{}]*\}?", text):
            if name not in may:
                raise BenchError(
                    f"{key}: nothing fills in '{name}'; expected one of {', '.join(may)}"
                )
    return {key: text.strip() for key, text in words.items()}


def texts_of_study(
    protocol: Protocol,
    language: str | None = None,
    own: Sequence[Texts] = (),
    question: str | None = None,
) -> list[Texts]:
    """Return what a study's raters are told, in each of its languages, the usual one first.

    ``language``: one of them, `BROWSER` for all that there are, or None for those of ``own``,
    English where that is empty. ``own``: the coordinator's words, over those that are shipped.
    ``question``: what is asked, in every language. Raises `BenchError` for a language that lacks
    words, naming them, and where languages ask raters different things about themselves.
    """
    given = {texts.language: texts for texts in own}
    if len(given) < len(own):
        raise BenchError("two files of texts are in one language; give one --texts for each")
    if language == BROWSER:
        there = [code for code in LANGUAGES if words_of(protocol, code)]
        languages = [*there, *(code for code in given if code not in there)]
    elif language is None:
        languages = list(given) or [LANGUAGES[0]]
    else:
        languages = [language]
        if others := ", ".join(sorted(set(given) - {language})):
            raise BenchError(
                f"texts are in {others}, and the study in {language}; one is to change"
            )
    found = [_in_one(protocol, code, given.get(code), question) for code in languages]
    for texts in found[1:]:
        if not alike(found[0].questions, texts.questions):
            raise BenchError(
                f"the questions in '{found[0].language}' and '{texts.language}' are not the same; "
                "expected the same ids, kinds and numbers of choices in every language of the study"
            )
    return found


def _in_one(protocol: Protocol, language: str, own: Texts | None, question: str | None) -> Texts:
    common = _common(language) if language in LANGUAGES else {}
    given = own.words if own else {}
    usual = {
        key: text  # words for touch screens stand for those that they were written beside
        for key, text in words_of(protocol, language).items()
        if key.removesuffix("_touch") == key or key.removesuffix("_touch") not in given
    }
    words = {**common, **usual, **given}
    path = f"{OF_PROTOCOLS}{protocol.name}."
    if question is not None:
        asked = [key for key in keys_of(protocol)[0] if key.startswith(f"{path}question")]
        words |= dict.fromkeys(asked, question)
    wanted = [*_common(LANGUAGES[0]), *keys_of(protocol)[0]]
    if missing := [key for key in wanted if key not in words]:
        shown = ", ".join(missing[:8]) + (f" and {len(missing) - 8} more" * (len(missing) > 8))
        raise BenchError(
            f"'{language}' lacks {len(missing)} texts: {shown}; a --texts FILE.toml with "
            f'language = "{language}" can hold them, or give --language'
        )
    told = {
        key: text
        for key, text in words.items()
        if not key.startswith(OF_PROTOCOLS) or key.startswith(path)
    }
    return Texts(language, told, own.questions if own else ())


def stored(texts: Sequence[Texts]) -> list[dict[str, Any]]:
    """Return texts as the study's row keeps them."""
    return [
        {"language": t.language, "words": dict(t.words), "questions": as_json(t.questions)}
        for t in texts
    ]


def kept(row: Any, protocol: Protocol) -> dict[str, Texts]:
    """Return the texts of a study by its row, the usual language first.

    They are as they were when it was made, so that nothing changes under its raters; but a study of
    a time before it had any speaks English.
    """
    if row.texts is None:
        texts = texts_of_study(protocol, question=row.question)
    else:
        texts = [
            Texts(
                entry["language"], entry["words"], tuple(_question(q) for q in entry["questions"])
            )
            for entry in row.texts
        ]
        # and what a later version of this program says besides
        texts = [replace(t, words={**_common(t.language), **t.words}) for t in texts]
    return {one.language: one for one in texts}


def _common(language: str) -> dict[str, str]:
    """Return what every study says, in English where a language is not shipped."""
    words = shipped(language if language in LANGUAGES else LANGUAGES[0]).words
    return {key: text for key, text in words.items() if not key.startswith(OF_PROTOCOLS)}


def _question(entry: Mapping[str, Any]) -> Question:
    return Question(**{**entry, "choices": tuple(entry["choices"])})
