"""The tables of texts: ``en.toml`` and its translations, key -> what is said.

A key is the path to it, as ``leave.title``. ``{name}`` stands for what is filled in: a fact of the
study (`FACTS`) as soon as the study is read, else what the moment says. What a way of asking says
is under ``protocols.NAME``, in these tables or in the row of a protocol from outside.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from raters.protocols import REFERENCE_SLOT, Protocol
from raters.texts.questions import Question

LANGUAGES = ("en", "de", "es", "zh")
"""Those that come with the package; where no language is wanted, the first one is spoken."""
FACTS = (
    "researcher",
    "contact",
    "purpose",
    "duration",
    "kept_for",
    "trials",
    "minutes",
    "time_limit",
    "colour_plates",
    "practice",
    "practice_again",
    "megabytes",
)
"""What may be filled in everywhere: words under ``study``, and what follows from its options."""
OF_PROTOCOLS = "protocols."
_NAME = re.compile(r"\{([a-z_]+)\}")
_TOLD = re.compile(r"<[^<>]*\sdata-text=\"([a-z_.]+)\"[^<>]*>(?=</)")
_NAMED = re.compile(r"\sdata-(label|title)=\"([a-z_.]+)\"")


@dataclass(frozen=True, slots=True)
class Texts:
    """All that raters are told in one language, and the questions that they are asked first."""

    language: str
    words: Mapping[str, str]
    questions: tuple[Question, ...] = ()

    def say(self, key: str, **values: object) -> str:
        """Return what stands under ``key``, with ``values`` filled in. Raises `KeyError`."""
        return fill(self.words[key], values)

    def of_study(self, **facts: object) -> Texts:
        """Return the texts with the study's `FACTS` filled in.

        ``facts``: those that the texts do not hold. A line that names an empty one is left out.
        """
        known = {name: str(value) for name, value in facts.items()}
        for name in ("researcher", "contact", "purpose", "kept_for", "duration"):
            known[name] = fill(self.words[f"study.{name}"], known)
        empty = {name for name, value in known.items() if not value}
        told = {}
        for key, text in self.words.items():
            lines = [line for line in text.split("\n") if not empty & set(names_in(line))]
            told[key] = fill("\n".join(lines).strip(), known)
        return replace(self, words=told)


def names_in(text: str) -> list[str]:
    """Return what is to be filled in in a text."""
    return _NAME.findall(text)


def fill(text: str, values: Mapping[str, object]) -> str:
    """Return a text with ``values`` in place of their names; other names stay.

    >>> fill("{number} of {total}", {"number": 3})
    '3 of {total}'
    """
    return _NAME.sub(lambda found: str(values.get(found[1], found[0])), text)


def flattened(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Return the entries of nested tables by their paths.

    >>> dict(flattened({"leave": {"title": "Leave?"}}))
    {'leave.title': 'Leave?'}
    """
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def toml(language: str) -> str:
    """Return a table as it is shipped, comments and all."""
    return (files("raters.texts") / f"{language}.toml").read_text(encoding="utf-8")


@cache
def shipped(language: str = LANGUAGES[0]) -> Texts:
    """Return the texts that come with the package in one of `LANGUAGES`."""
    entries = dict(flattened(tomllib.loads(toml(language))))
    del entries["language"]
    return Texts(language, {key: text.strip() for key, text in entries.items()})


def keys_of(protocol: Protocol) -> tuple[list[str], list[str]]:
    """Return the keys that a protocol must have words under, and those that it may have."""
    shown = [*protocol.slots, *([REFERENCE_SLOT] if protocol.reference != "never" else [])]
    needed = ["question", "counted_as", "instructions", "help"]
    needed += ["question_with_reference"] if protocol.reference == "optional" else []
    needed += ["ties_instructions"] if protocol.has_ties else []
    needed += [f"captions.{slot}" for slot in shown]
    needed += [f"answers.{answer.code}" for answer in protocol.named]
    may = [f"answer_help.{answer.code}" for answer in protocol.named]
    may += ["instructions_touch"]
    may += ["ties_instructions_touch"] if protocol.has_ties else []
    path = f"{OF_PROTOCOLS}{protocol.name}."
    return [path + key for key in needed], [path + key for key in may]


def question_key(protocol: Protocol, reference: bool) -> str:
    """Return the key of what is asked, where a ``reference`` is shown beside or not."""
    beside = reference and protocol.reference == "optional"
    return f"{OF_PROTOCOLS}{protocol.name}.question{'_with_reference' * beside}"


def words_of(protocol: Protocol, language: str) -> dict[str, str]:
    """Return what a protocol says in a language, of the tables or of its row; empty if nothing."""
    path = f"{OF_PROTOCOLS}{protocol.name}."
    if protocol.texts:
        own = dict(flattened(protocol.texts.get(language, {}), path))
        return {key: text.strip() for key, text in own.items()}
    if language not in LANGUAGES:
        return {}
    words = shipped(language).words
    return {key: text for key, text in words.items() if key.startswith(path)}


def preferred(wanted: str, languages: Sequence[str]) -> str:
    """Return which of ``languages`` a browser would have, by its ``Accept-Language``.

    The first of them where it names none.

    >>> preferred("fr-CH, de-AT;q=0.8, en;q=0.5", ("en", "de"))
    'de'
    """
    ranked = []
    for place, part in enumerate(wanted.split(",")):
        tag, _, quality = part.strip().lower().partition(";q=")
        try:
            ranked.append((-float(quality or 1), place, tag.split("-")[0]))
        except ValueError:
            continue
    spoken = {language.lower().split("-")[0]: language for language in reversed(languages)}
    chosen = (spoken[tag] for weight, _, tag in sorted(ranked) if weight < 0 and tag in spoken)
    return next(chosen, languages[0])


def in_html(template: str, texts: Texts) -> str:
    """Return a page's part with its words in it, where no script puts them there.

    ``data-text`` names the key of an element's text, ``data-label`` and ``data-title`` that of its
    attributes ``aria-label`` and ``title``.
    """
    attributes = {"label": "aria-label", "title": "title"}
    named = _NAMED.sub(
        lambda found: f'{found[0]} {attributes[found[1]]}="{texts.words[found[2]]}"', template
    )
    return _TOLD.sub(lambda found: found[0] + texts.words[found[1]], named)
