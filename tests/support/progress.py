"""Progress that is kept, or heard in part."""

from __future__ import annotations

from collections.abc import Callable

from bench.core.progress import Update


class Told:
    """A progress that keeps what it is told. ``notes`` are the lines meant for the user."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def update(self, stage: str, done: float, total: float, text: str = "", /) -> None:
        pass


class Impatient(Told):
    """A progress that somebody interrupts once so much is ``done``."""

    def __init__(self, done: float) -> None:
        super().__init__()
        self._enough = done

    def update(self, stage: str, done: float, total: float, text: str = "", /) -> None:
        if done == self._enough:
            raise KeyboardInterrupt


def steps(heard: Callable[[float, float], object]) -> Update:
    """Return a progress that hears of a training's steps alone: how many are done, of how many."""

    def update(stage: str, done: float, total: float, text: str = "", /) -> None:
        if stage.startswith("train "):
            heard(done, total)

    return update
