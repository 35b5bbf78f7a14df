"""What a page and a reply say, put together from the texts of the study."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from raters.protocols import REFERENCE_SLOT, Protocol
from raters.texts import LANGUAGES, Texts, preferred, shipped
from raters.texts.table import OF_PROTOCOLS, question_key
from raters.trials.session import Feedback, StudyView


def wanted(request: Request) -> str:
    """Return the languages that a browser asks for, as it says it."""
    return request.headers.get("accept-language", "")


def usual_texts(request: Request) -> Texts:
    """Return what is said where it is not known of which study."""
    return shipped(preferred(wanted(request), LANGUAGES))


def common_words(texts: Texts) -> dict[str, str]:
    """Return the words of the page, without those of ways of asking."""
    return {key: text for key, text in texts.words.items() if not key.startswith(OF_PROTOCOLS)}


def question(study: StudyView, texts: Texts) -> str:
    """Return what is asked of each trial."""
    return texts.words[question_key(study.protocol, study.reference_shown)]


def protocol_on_page(study: StudyView, texts: Texts) -> dict[str, Any]:
    """Return the study's protocol as the judging page needs it, with its words."""
    path = f"{OF_PROTOCOLS}{study.protocol.name}."
    page = study.protocol.for_page(study.ties)
    captions = f"{path}captions."
    return {
        **page,
        "captions": {
            key.removeprefix(captions): text
            for key, text in texts.words.items()
            if key.startswith(captions)
        },
        "counted_as": texts.words[f"{path}counted_as"],
        "help": texts.words[f"{path}help"],
        "answers": [
            {
                **answer,
                "label": answer_label(study.protocol, texts, answer["code"]),
                "help": texts.words.get(f"{path}answer_help.{answer['code']}", ""),
            }
            for answer in page["answers"]
        ],
    }


def answer_label(protocol: Protocol, texts: Texts, code: str) -> str:
    """Return what an answer is called; a step of a slider that has no name is its number."""
    return texts.words.get(f"{OF_PROTOCOLS}{protocol.name}.answers.{code}", code)


def instructions(study: StudyView, texts: Texts, touch: bool = False) -> list[str]:
    """Return what a study's raters are told to do, in paragraphs; ``**`` encloses what is bold.

    ``touch``: at a screen that is used with fingers, without keys.
    """
    how = "instructions_touch" if touch else "instructions"
    views, words = study.protocol.views, texts.words
    path = f"{OF_PROTOCOLS}{study.protocol.name}."
    views_told = [words[f"{how}.{v}"] for v in ("flicker", "split") if v in views]

    def own(name: str) -> str:
        key = f"{path}{name}"
        return words.get(f"{key}_touch", words[key]) if touch else words[key]

    paragraphs = (
        own("instructions"),
        own("ties_instructions") if study.ties else "",
        "" if study.one_key else words[f"{how}.confirm"],
        words[f"{how}.{_reference(study)}"] if study.reference_shown else "",
        " ".join(views_told),
        words[f"{how}.always"],
        words["instructions.practice"],
    )
    return [text for text in paragraphs if text]


def _reference(study: StudyView) -> str:
    """Return the key of what is said of the reference: whether it may stand beside the images."""
    protocol = study.protocol
    beside = "side" in protocol.views and REFERENCE_SLOT not in protocol.compared
    return "reference" if beside else "hold"


def feedback(given: Feedback, study: StudyView, texts: Texts) -> dict[str, Any]:
    """Return what is said to an answer in practice: in all, and of each image by its slot."""
    # steps of a slider are told by their numbers: a range of them was expected
    labels = list(given.expected)
    if not study.protocol.marks:
        labels = [answer_label(study.protocol, texts, code) for code in given.expected]
    damage = texts.say(f"practice.{given.damage}")
    if study.protocol.pairwise:
        side = "left" if given.worse == "b" else "right"
        why = texts.say(f"practice.{side}_better", damage=damage)
    else:
        why = (
            texts.say("practice.unspoilt_image")
            if given.worse is None
            else texts.say("practice.spoilt_image", damage=damage)
        )
        if len(labels) == 1:
            why += " " + texts.say("practice.expected", answer=labels[0])
        else:
            how = "between" if study.protocol.marks else "either"
            why += " " + texts.say(f"practice.expected_{how}", answer=labels[0], other=labels[1])
    parts = [texts.say("practice.right" if given.right else "practice.wrong"), why]
    if not given.right:
        parts.append(texts.say("practice.again" if given.again else "practice.no_more"))
    return {
        "right": given.right,
        "text": " ".join(parts),
        "captions": {
            slot: damage if slot == given.worse else texts.say("practice.unspoilt")
            for slot in study.protocol.slots
        },
    }
