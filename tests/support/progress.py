"""A progress that keeps what it is told."""

from __future__ import annotations


class Told:
    """See the module. ``notes`` are the lines meant for the user."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def update(self, stage: str, done: float, total: float, text: str = "", /) -> None:
        pass
