"""What can go wrong, as the user is told it. Standard library only."""

from __future__ import annotations


class BenchError(Exception):
    """Something the user can put right. The message says what was got, expected, and what to do."""


class Unscorable(Exception):
    """A metric has no value for this image; the text, the reason, becomes ``Score.reason``."""


class NotApplicable(Exception):
    """A model cannot restore this image (no PSF, no output in the folder); the text says why."""


def message_of(error: BaseException) -> str:
    """Return an error in one line, with its kind unless the text is ours."""
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, BenchError) else f"{type(error).__name__}: {text}"[:500]
