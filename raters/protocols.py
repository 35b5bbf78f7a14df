"""How raters are asked: one row per protocol, and everything else follows from it.

What is said to raters is in the tables of `raters.texts`, under the protocol's name.

`PROTOCOLS` is the table. Third parties add rows through the entry-point group
``restoration_bench.protocols``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.core.errors import BenchError
from bench.core.names import choose
from bench.core.plugins import extended

GROUP = "restoration_bench.protocols"
REFERENCE_SLOT = "reference"
VIEWS = ("side", "flicker", "split", "hold")
"""Ways to look that a row may offer: images side by side, one in place of the other, half of each,
and the reference for as long as a key is held."""
SLOTS = (("a",), ("a", "b"))
"""An item of a study has one stimulus or two: one is rated, or two are compared."""
REFERENCE_RULES = ("optional", "always", "never")
LONGEST_CODE = 8
PAGE_KEYS = ("Enter", " ", "Escape", "r", "z", "u", "?")
"""Keys that the judging page itself uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer: what a client sends, and how it is chosen, counted and exported.

    ``value``: where two images are compared, above 0 if the left one is better, 0 for a tie and
    below 0 if the right one is; where one is rated, its level, higher is better. ``both_bad``: it
    says that neither of two images is any good, of value 0: which is better stays open, so it is a
    tie for the preference model, as Chatbot Arena counts it (Chiang et al. 2024, arXiv:2403.04132),
    and it is reported apart. ``key``: the
    browser's name of the key that chooses it; ``key_sign``: how the button shows that key, the key
    itself where empty. ``exported``: its word in exports, the code where empty.
    """

    code: str
    value: int
    key: str = ""
    key_sign: str = ""
    exported: str = ""
    both_bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One way of asking.

    ``summary``: what is done, for the command line. ``slots`` are the images judged: ``("a",)`` is
    rated, ``("a", "b")`` are compared, ``a`` on the left. ``reference``: whether one may be shown
    beside them: ``optional``, ``always`` or ``never``. ``answers``: in the order of their buttons.

    ``views``: those of `VIEWS` that the page offers. ``compared``: the slots that they compare with
    one another, from left to right, the reference perhaps one of them. ``page_width``: CSS pixels
    that the page's rows of buttons need.

    ``marks``: empty where each answer has a button and a key. Else answers are the steps of a
    slider, and these codes are named along it; the others need neither key nor words.
    ``tolerance``: a repeat agrees with the first time where their values differ by no more.

    ``golden_better`` and ``golden_worse``: codes that golden and training trials accept. Of two
    images, where the better one is the first (or the second) stimulus; of one, where it is the
    reference (or visibly degraded).

    ``analysis``: ``module:function`` that analyses the study's `raters.studies.answers.Answers`,
    with the arguments of `raters.studies.answers.analyse_comparisons`.

    ``texts``: language -> what raters are told, as a table of ``raters/texts`` has it under
    ``protocols.NAME``; empty where those tables have it.
    """

    name: str
    title: str
    summary: str
    slots: tuple[str, ...]
    reference: str
    answers: tuple[Answer, ...]
    views: tuple[str, ...]
    compared: tuple[str, ...]
    page_width: int
    golden_better: tuple[str, ...]
    golden_worse: tuple[str, ...]
    analysis: str
    marks: tuple[str, ...] = ()
    tolerance: int = 0
    texts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise `BenchError` for a row that no study could be made with."""
        codes = [a.code for a in self.answers]
        keys = [a.key for a in self.answers if a.key or not self.marks]
        values = [a.value for a in self.answers if not a.both_bad]
        shown = (*self.slots, REFERENCE_SLOT)
        wrong = [
            ("slots", self.slots, SLOTS, self.slots in SLOTS),
            ("reference", self.reference, REFERENCE_RULES, self.reference in REFERENCE_RULES),
            ("views", self.views, VIEWS, set(self.views) <= set(VIEWS)),
            ("compared", self.compared, shown, set(self.slots) <= set(self.compared) <= set(shown)),
            (
                "compared",
                self.compared,
                "no reference where it is not always shown",
                self.reference == "always" or REFERENCE_SLOT not in self.compared,
            ),
            (
                "views",
                self.views,
                "'hold' too, to see the reference by",
                self.reference == "never"
                or REFERENCE_SLOT in self.compared
                or "hold" in self.views,
            ),
            ("codes", codes, "two or more, each once", len(set(codes)) == len(codes) > 1),
            (
                "codes",
                codes,
                f"1 to {LONGEST_CODE} characters",
                all(0 < len(code) <= LONGEST_CODE for code in codes),
            ),
            (
                "keys",
                keys,
                f"each once, and none of {PAGE_KEYS}",
                len(set(keys)) == len(keys)
                and "" not in keys
                and not {k.lower() for k in keys} & {*PAGE_KEYS, "enter", "escape"},
            ),
            (
                "values",
                values,
                "each once, from -100 to 100",
                len(set(values)) == len(values) and all(abs(value) <= 100 for value in values),
            ),
            (
                "values",
                [a.value for a in self.answers if a.both_bad],
                "0 for what calls both of two images bad",
                all(self.pairwise and a.value == 0 for a in self.answers if a.both_bad),
            ),
            (
                "values",
                values,
                "for each one its negative: sides are swapped",
                not self.pairwise or {-value for value in values} == set(values),
            ),
            (
                "marks",
                self.marks,
                "codes of a rating",
                set(self.marks) <= set(codes) and not (self.marks and self.pairwise),
            ),
            ("tolerance", self.tolerance, "0 or more", self.tolerance >= 0),
            (
                "golden_better",
                self.golden_better,
                codes,
                bool(self.golden_better) and set(self.golden_better) <= set(codes),
            ),
            (
                "golden_worse",
                self.golden_worse,
                codes,
                bool(self.golden_worse) and set(self.golden_worse) <= set(codes),
            ),
        ]
        for name, got, expected, right in wrong:
            if not right:
                raise BenchError(
                    f"protocol '{self.name}': {name}: got {got!r}, expected {expected!r}"
                )

    @property
    def pairwise(self) -> bool:
        """Whether two images are compared, rather than one rated."""
        return len(self.slots) == 2

    @property
    def levels(self) -> tuple[int, ...]:
        """The values of the answers, ascending."""
        return tuple(sorted({answer.value for answer in self.answers}))

    @property
    def has_ties(self) -> bool:
        """Whether a coordinator may allow ties."""
        return any(self.is_tie(answer) for answer in self.answers)

    def is_tie(self, answer: Answer) -> bool:
        """Whether an answer calls two images the same."""
        return self.pairwise and answer.value == 0 and not answer.both_bad

    def choices(self, ties: bool) -> tuple[Answer, ...]:
        """Return the answers of a study: a tie is one only where ties are allowed."""
        return tuple(answer for answer in self.answers if ties or not self.is_tie(answer))

    def answer(self, code: str) -> Answer:
        """Return the answer that ``code`` stands for, else raise `NotAnAnswer`."""
        for answer in self.answers:
            if answer.code == code:
                return answer
        raise NotAnAnswer(f"'{code}' is no answer of '{self.name}'")

    def check(self, code: str, ties: bool) -> str:
        """Return ``code`` if it is a legal answer of a study, else raise `NotAnAnswer`."""
        legal = [answer.code for answer in self.choices(ties)]
        if code not in legal:
            raise NotAnAnswer(f"'{code}' is no answer here; expected one of {', '.join(legal)}")
        return code

    def on_stimuli(self, code: str, swapped: bool) -> str:
        """Turn an answer about sides into one about an item's stimuli, or back.

        A value above 0 then stands for the item's first stimulus; where the sides were swapped,
        that one was on the right. Ties and ratings have no side.
        """
        if not (swapped and self.pairwise):
            return code
        turned = -self.answer(code).value
        if turned == 0:
            return code
        return next(answer.code for answer in self.answers if answer.value == turned)

    def passed(self, code: str, swapped: bool, correct: Sequence[str]) -> bool:
        """Whether an answer to a golden or training trial is one of ``correct``, on stimuli."""
        return self.on_stimuli(code, swapped) in correct

    def agree(self, one: str, other: str) -> bool:
        """Whether two answers about the same stimuli are the same, within the tolerance."""
        if not self.tolerance:
            return one == other
        return abs(self.answer(one).value - self.answer(other).value) <= self.tolerance

    def coarse(self, value: int) -> int:
        """Return which part of the scale a value is in: parts are twice the tolerance wide."""
        return value // (2 * self.tolerance) if self.tolerance else value

    @property
    def named(self) -> tuple[Answer, ...]:
        """The answers that have words of their own."""
        return tuple(a for a in self.answers if not self.marks or a.code in self.marks)

    def preference(self, code: str, swapped: bool) -> int | None:
        """Return 1 where the item's first stimulus is preferred, -1 for the second, 0 for a tie.

        None for a rating.
        """
        if not self.pairwise:
            return None
        value = self.answer(self.on_stimuli(code, swapped)).value
        return (value > 0) - (value < 0)

    def exported(self, code: str) -> str:
        """Return the word for an answer in exports."""
        return self.answer(code).exported or code

    def for_page(self, ties: bool) -> dict[str, Any]:
        """Return what the judging page needs, as JSON can hold it: nothing of known answers."""
        return {
            "name": self.name,
            "slots": self.slots,
            "views": self.views,
            "compared": self.compared,
            "page_width": self.page_width,
            "marks": self.marks,
            "answers": [
                {"code": a.code, "key": a.key, "key_sign": a.key_sign or a.key}
                for a in self.choices(ties)
            ],
        }


def levels(count: int) -> tuple[Answer, ...]:
    """Return the answers of a rating: levels from 1 up to ``count``, each chosen by its digit."""
    return tuple(
        Answer(code=str(level), value=level, key=str(level)) for level in range(1, count + 1)
    )


def continuous(marks: tuple[str, ...]) -> tuple[Answer, ...]:
    """Return the steps of a scale from 0 to 100; digits choose the ``marks``, in their order."""
    keys = {code: str(number) for number, code in enumerate(marks, 1)}
    return tuple(
        Answer(code=str(value), value=value, key=keys.get(str(value), "")) for value in range(101)
    )


FIFTHS = ("10", "30", "50", "70", "90")
"""The middles of five equal parts of the scale, which is where ITU-R BT.500-15 names them."""

COMPARISONS = "raters.studies.answers:analyse_comparisons"
OPINIONS = "raters.studies.answers:analyse_opinions"

PROTOCOLS = {
    "pair": Protocol(
        name="pair",
        title="Two-alternative forced choice",
        summary="pairs",
        slots=("a", "b"),
        reference="optional",
        answers=(
            Answer(
                code="a",
                value=1,
                key="ArrowLeft",
                key_sign="←",
                exported="left",
            ),
            Answer(
                code="same",
                value=0,
                key="ArrowDown",
                key_sign="↓",
                exported="not sure",
            ),
            Answer(
                code="b",
                value=-1,
                key="ArrowRight",
                key_sign="→",
                exported="right",
            ),
        ),
        views=("side", "flicker", "split", "hold"),
        compared=("a", "b"),
        page_width=1000,
        golden_better=("a",),
        golden_worse=("b",),
        analysis=COMPARISONS,
    ),
    "pair-bad": Protocol(
        name="pair-bad",
        title="Two-alternative forced choice, or both are bad",
        summary="pairs, or both are bad",
        slots=("a", "b"),
        reference="optional",
        answers=(
            Answer(code="a", value=1, key="ArrowLeft", key_sign="←", exported="left"),
            Answer(code="same", value=0, key="ArrowDown", key_sign="↓", exported="not sure"),
            Answer(
                code="bad",
                value=0,
                key="ArrowUp",
                key_sign="↑",
                exported="both bad",
                both_bad=True,
            ),
            Answer(code="b", value=-1, key="ArrowRight", key_sign="→", exported="right"),
        ),
        views=("side", "flicker", "split", "hold"),
        compared=("a", "b"),
        page_width=1080,
        golden_better=("a",),
        golden_worse=("b",),
        analysis=COMPARISONS,
    ),
    "acr": Protocol(
        name="acr",
        title="Absolute category rating, ITU-T P.910",
        summary="ratings 1 to 5",
        slots=("a",),
        reference="never",
        answers=levels(5),
        views=(),
        compared=("a",),
        page_width=760,
        golden_better=("4", "5"),
        golden_worse=("1", "2", "3"),
        analysis=OPINIONS,
    ),
    "continuous": Protocol(
        name="continuous",
        title="Continuous quality scale, ITU-R BT.500",
        summary="ratings 0 to 100 by a slider",
        slots=("a",),
        reference="never",
        answers=continuous(FIFTHS),
        views=(),
        compared=("a",),
        page_width=980,
        marks=FIFTHS,
        tolerance=10,  # half of a fifth
        golden_better=tuple(map(str, range(60, 101))),  # good and excellent, as in acr
        golden_worse=tuple(map(str, range(60))),
        analysis=OPINIONS,
    ),
    "dcr": Protocol(
        name="dcr",
        title="Degradation category rating, ITU-T P.910",
        summary="ratings of what changed from the reference",
        slots=("a",),
        reference="always",
        answers=levels(5),
        views=("side", "flicker", "split", "hold"),
        compared=("reference", "a"),
        page_width=1080,
        golden_better=("4", "5"),
        golden_worse=("1", "2", "3"),
        analysis=OPINIONS,
    ),
}


class NotAnAnswer(BenchError):
    """The client sent something that the protocol does not know."""


def protocols() -> dict[str, Protocol]:
    """Return the table with the protocols of installed third-party packages."""
    table = extended(PROTOCOLS, GROUP, Protocol)
    if wrong := [name for name, row in table.items() if row.name != name]:
        raise BenchError(f"entry point {GROUP}:{wrong[0]}: its row is called otherwise; rename one")
    return table


def protocol_called(name: str) -> Protocol:
    """Return one row; raises `BenchError`, naming the nearest, for a protocol that is not here."""
    if own := PROTOCOLS.get(name):  # without a look at what is installed
        return own
    table = protocols()
    return table[choose("protocol", name, table)]
