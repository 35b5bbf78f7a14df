"""What the verbs share: tables, progress, errors, and reading of common options."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console

from bench.cli.tables import laid_out
from bench.core.errors import BenchError
from bench.core.names import sides_of

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_EVERY = 5.0
"""Seconds between progress lines where there is no terminal to redraw."""


def console(stderr: bool = False) -> Console:
    """Return a console."""
    return Console(stderr=stderr, highlight=False)


def complain(text: str) -> None:
    """Print an error the way every verb does."""
    console(stderr=True).print(f"[red]error:[/red] {_plain(text)}", soft_wrap=True)


def say(text: str) -> None:
    """Print a line of text as it is."""
    console().print(text, markup=False, soft_wrap=True)


def next_line(*words: object) -> str:
    """Return what to do next, as a shell takes it.

    >>> next_line("run", "--suite", "folder", "--data", "my photographs")
    "next: bench run --suite folder --data 'my photographs'"
    """
    return f"next: {shlex.join(['bench', *map(str, words)])}"


def say_prose(text: str) -> None:
    """Print lines of text, wrapped at spaces on a terminal; whole in a file or a pipe."""
    width = text_width()
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        say(
            line
            if width is None
            else textwrap.fill(
                line,
                width,
                subsequent_indent=f"{indent}  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        )


def text_width() -> int | None:
    """Return the width of the terminal, or $COLUMNS; None, no limit, in a file or a pipe."""
    screen = console()
    fixed = os.environ.get("COLUMNS", "").isdigit()
    return screen.width if screen.is_terminal or fixed else None


_reserved: list[TextIO] = []
"""Where values for programs go while `reserving_stdout` holds the standard output."""


@contextmanager
def reserving_stdout() -> Iterator[None]:
    """Keep the standard output for `print_json`: whatever else is printed goes to standard error.

    That is also what models of others print, and the processes that they work in.
    """
    sys.stdout.flush()
    with ExitStack() as stack:
        kept: TextIO = stack.enter_context(os.fdopen(os.dup(1), "w", encoding="utf-8"))
        os.dup2(2, 1)
        stack.callback(os.dup2, kept.fileno(), 1)
        try:
            sys.stdout.fileno()
        except (OSError, ValueError):  # it is no file: only Python writes to it
            kept = sys.stdout
        _reserved.append(kept)
        stack.callback(_reserved.pop)
        with redirect_stdout(sys.stderr):
            yield


def put_out(text: str) -> None:
    """Write what a program reads to standard output, as it is."""
    out = _reserved[-1] if _reserved else sys.stdout
    out.write(text)
    out.flush()


def print_json(value: Any) -> None:
    """Print a value for a program to read."""
    put_out(json.dumps(value, indent=1) + "\n")


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under a header, as wide as the terminal (or $COLUMNS); whole in a file or a pipe.

    Columns that hold numbers are right-aligned.
    """
    screen = console()
    parts = laid_out(header, [[str(cell) for cell in row] for row in rows], text_width())
    if title:
        screen.print(title, style="italic", markup=False, soft_wrap=True)
    for number, part in enumerate(parts):
        for line in ["", *part.header] if number else part.header:
            screen.print(line, style="bold", markup=False, soft_wrap=True)
        for line in part.rows:
            screen.print(line, markup=False, soft_wrap=True)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def split(text: str) -> tuple[str, ...]:
    """Split a comma-separated option."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


def split_models(text: str) -> tuple[str, ...]:
    """Split model specs at commas, but for those in the name of a file or folder that is there."""
    specs: list[str] = []
    for part in text.split(","):
        specs.append(part)
        for start in range(len(specs) - 1):  # the longest name first
            joined = ",".join(specs[start:]).strip()
            if Path(joined.removeprefix("outputs:")).exists():
                specs[start:] = [joined]
                break
    return tuple(filter(None, map(str.strip, specs)))


def split_specs(text: str) -> tuple[str, ...]:
    """Split specs ``name[:key=value,..]`` at the commas that are not inside one.

    >>> split_specs("quality:blur=0.6,side=256,clahe")
    ('quality:blur=0.6,side=256', 'clahe')
    """
    found: list[str] = []
    for item in split(text):
        if found and ":" in found[-1] and ":" not in item and "=" in item:
            found[-1] += f",{item}"
        else:
            found.append(item)
    return tuple(found)


def part(option: str, text: str) -> float:
    """Read a part of the whole that ``--option`` gives.

    >>> part("golden", "5%")
    0.05
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", text.strip())
    found = float(match[1]) / (100 if match[2] else 1) if match else None
    if found is None or found > 1:
        meant = f"; did you mean {text.strip()}%?" if match and not match[2] else ""
        raise BenchError(f"--{option} {text}: expected a part such as 5% or 0.05{meant}")
    return found


def parse_size(text: str) -> tuple[int, int]:
    """Read ``HEIGHTxWIDTH``.

    >>> parse_size("720x1280")
    (720, 1280)
    """
    if (size := sides_of(text)) is None:
        raise BenchError(f"size '{text}': expected HEIGHTxWIDTH in pixels, such as 720x1280")
    return size


class ShownProgress:
    """Bars on a terminal; a line every few seconds elsewhere. Goes to standard error."""

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last = ("", 0.0)

    def __enter__(self) -> ShownProgress:
        if self._console.is_terminal:
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[text]}", markup=False),
                console=self._console,
            )
            self._bars.start()
        return self

    def __exit__(self, *ended: object) -> None:
        if self._bars:
            self._bars.stop()

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        self._console.print(text, markup=False, soft_wrap=True)

    def update(self, stage: str, done: float, total: float, text: str = "") -> None:
        """Show how far a stage is."""
        if self._bars:
            if stage not in self._tasks:
                self._tasks[stage] = self._bars.add_task(stage, total=total or None, text=text)
            self._bars.update(self._tasks[stage], completed=done, total=total or None, text=text)
            return
        before, when = self._last
        now = time.monotonic()
        if stage != before or now - when > LINE_EVERY or (total and done >= total):
            self._last = (stage, now)
            of = f"/{total:g}" if total else ""
            self.note(f"{stage}: {done:g}{of} {text}".rstrip())
