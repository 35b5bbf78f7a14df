"""Questions about the rater, which a coordinator may have asked before judging begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from bench.core.errors import BenchError
from bench.core.names import choose

KINDS = ("choice", "text", "number")
LONGEST = 500
MOST = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question. ``choices``: what may be chosen, where ``kind`` is choice.

    ``optional``: whether it may be left out.
    """

    id: str
    question: str
    kind: str = "choice"
    choices: tuple[str, ...] = ()
    optional: bool = False

    def __post_init__(self) -> None:
        """Raise `BenchError` for a question that nobody could answer."""
        choose("kind", self.kind, KINDS)
        if not self.id.isidentifier() or len(self.id) > 64:
            raise BenchError(f"question '{self.id}': an id has letters, digits and _, as 'glasses'")
        if not self.question.strip():
            raise BenchError(f"question '{self.id}' asks nothing; expected 'question = \"...\"'")
        if (self.kind == "choice") != (len(self.choices) > 1):
            raise BenchError(
                f"question '{self.id}' of kind '{self.kind}' has {len(self.choices)} choices; "
                "expected two or more for 'choice' and none for others"
            )

    def taken(self, value: Any) -> str | float | int | None:
        """Return an answer as it is kept: the number of a choice, a text, a number, or None.

        Raises `BenchError` for what is no answer.
        """
        if value is None or value == "":
            if self.optional:
                return None
        elif self.kind == "text" and isinstance(value, str) and len(value) <= LONGEST:
            return value
        elif not isinstance(value, bool | str):
            if self.kind == "number" and isinstance(value, int | float) and abs(value) < 1e9:
                return value
            if self.kind == "choice" and isinstance(value, int) and 0 <= value < len(self.choices):
                return value
        raise BenchError(f"'{self.id}' was not answered with a {self.kind}")

    def told(self, kept: Any) -> Any:
        """Return what a kept answer says: the words of a choice."""
        return self.choices[kept] if self.kind == "choice" and kept is not None else kept


def read_questions(entries: Any) -> tuple[Question, ...]:
    """Return the questions of a file's ``[[questions]]``. Raises `BenchError`."""
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise BenchError("expected every question under a line [[questions]]")
    known = {field.name: field.type for field in fields(Question)}
    found = []
    for entry in entries:
        for name, value in entry.items():
            choose("entry of a question", name, known)
            right = {"choices": list, "optional": bool}.get(name, str)
            if not isinstance(value, right):
                raise BenchError(f"a question's {name}: got {value!r}, expected {right.__name__}")
        for name in ("id", "question"):
            if name not in entry:
                raise BenchError(f"a question without {name}; it has {', '.join(entry)}")
        found.append(Question(**{**entry, "choices": tuple(map(str, entry.get("choices", ())))}))
    ids = [question.id for question in found]
    if len(set(ids)) < len(ids) or len(ids) > MOST:
        raise BenchError(f"questions {', '.join(ids)}: expected each once, and {MOST} at most")
    return tuple(found)


def as_json(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Return questions as a database or a page gets them; `Question` takes each back."""
    return [{**asdict(question), "choices": list(question.choices)} for question in questions]


def alike(one: Sequence[Question], other: Sequence[Question]) -> bool:
    """Whether two languages ask the same: ids, kinds, and as many choices."""
    return [(q.id, q.kind, len(q.choices), q.optional) for q in one] == [
        (q.id, q.kind, len(q.choices), q.optional) for q in other
    ]
