"""What a rater is asked and what may be answered. `PROTOCOLS` is the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.errors import BenchError

TIE = "same"


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way of asking. ``slots`` are the images judged; a reference may be shown beside them.

    ``answers`` are what a client may send, in the order of their buttons, with the words on them.
    In `pair`, ``a`` is the image on the left and ``b`` the one on the right.
    """

    name: str
    title: str
    slots: tuple[str, ...]
    question: str
    question_with_reference: str
    answers: tuple[tuple[str, str], ...]
    reference: str
    """``optional``, ``always`` or ``never`` shown."""

    @property
    def pairwise(self) -> bool:
        """Whether two images are compared, rather than one rated."""
        return len(self.slots) == 2

    def choices(self, ties: bool) -> tuple[tuple[str, str], ...]:
        """Return the answers of a study: ``same`` is one only where ties are allowed."""
        return tuple(answer for answer in self.answers if ties or answer[0] != TIE)


PROTOCOLS = {
    "pair": Protocol(
        "pair", "Two-alternative forced choice", ("a", "b"),
        "Which image looks better?", "Which image is closer to the reference?",
        (("a", "A is better"), (TIE, "The same"), ("b", "B is better")), "optional",
    ),
    "acr": Protocol(
        "acr", "Absolute category rating, ITU-T P.910", ("a",),
        "How good is this image?", "How good is this image?",
        (("1", "Bad"), ("2", "Poor"), ("3", "Fair"), ("4", "Good"), ("5", "Excellent")), "never",
    ),
    "dcr": Protocol(
        "dcr", "Degradation category rating, ITU-T P.910", ("a",),
        "How does this image differ from the reference?",
        "How does this image differ from the reference?",
        (("1", "Very annoying"), ("2", "Annoying"), ("3", "Slightly annoying"),
         ("4", "Perceptible but not annoying"), ("5", "Imperceptible")), "always",
    ),
}  # fmt: skip


class NotAnAnswer(BenchError):
    """The client sent something that the protocol does not know."""


def check_answer(protocol: Protocol, ties: bool, answer: str) -> str:
    """Return ``answer`` if it is legal, else raise `NotAnAnswer`."""
    legal = [code for code, _ in protocol.choices(ties)]
    if answer not in legal:
        raise NotAnAnswer(f"'{answer}' is no answer here; expected one of {', '.join(legal)}")
    return answer


def on_stimuli(answer: str, swapped: bool) -> str:
    """Turn an answer about sides into one about an item's stimuli, or back.

    ``a`` stands for the item's first stimulus; where the sides were swapped, that one was on the
    right. Ties and ratings have no side.
    """
    return {"a": "b", "b": "a"}.get(answer, answer) if swapped else answer


def passed(answer: str, swapped: bool, correct: Sequence[str]) -> bool:
    """Whether an answer to a golden or training trial is one of ``correct``, given on stimuli."""
    return on_stimuli(answer, swapped) in correct
