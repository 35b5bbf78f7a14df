"""How work says how far it is: one shape for everything that takes longer than two seconds."""

from __future__ import annotations

from typing import Protocol


class Update(Protocol):
    """Called with a stage, how much of it is done, how much there is, and a line of text."""

    def __call__(self, stage: str, done: float, total: float, text: str = "", /) -> None:
        """Say how far a stage is."""
        ...


class Progress(Protocol):
    """Whoever wants to know how far a run is."""

    def note(self, text: str) -> None:
        """Say something once."""
        ...

    def update(self, stage: str, done: float, total: float, text: str = "", /) -> None:
        """Say how far a stage is."""
        ...


class Unheard:
    """The progress of work that nobody watches."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def update(self, stage: str, done: float, total: float, text: str = "", /) -> None:
        """Show nothing."""


def part_of(update: Update, index: int, count: int) -> Update:
    """Return what hears of the ``index``-th, from 0, of ``count`` pieces of work of one length."""

    def heard(stage: str, done: float, total: float, text: str = "", /) -> None:
        update(stage, index * total + done, count * total, text)

    return heard


def unheard(stage: str, done: float, total: float, text: str = "", /) -> None:
    """Tell nobody."""
