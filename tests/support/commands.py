"""The command line in this process: what it prints, without another import of torch."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

import pytest

from bench.cli import main


def called(*arguments: object, status: int = 0) -> str:
    """Call ``bench`` with these arguments; return all that it printed, on one line.

    Its exit status is asserted.
    """
    shown = io.StringIO()
    with (
        patch("sys.argv", ["bench", *map(str, arguments)]),
        redirect_stdout(shown),
        redirect_stderr(shown),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert (ended.value.code or 0) == status, shown.getvalue()
    return " ".join(shown.getvalue().split())


def typed(text: str) -> list[str]:
    """Return the words of a part of a command line in which nothing is quoted."""
    return text.split()
