"""Whoever wants to know how far something is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Whoever wants to know how far a run is."""

    def note(self, text: str) -> None:
        """Say something once."""
        ...

    def update(self, stage: str, done: float, total: float, text: str = "") -> None:
        """Say how far a stage is."""
        ...
