"""What a section of the page holds, and what stands in its place where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.report.drawing.tables import Table
from bench.report.drawing.theme import Plot


@dataclass(frozen=True, slots=True)
class Html:
    """A finished piece of the page, of a section's own template (`bench.report.drawing.html`)."""

    text: str


Block = str | Table | Html | Sequence[Plot]
"""A paragraph of plain text, a table, a piece of HTML, or plots side by side."""


@dataclass(frozen=True)
class Content:
    """A section, top to bottom: ``body``, then ``notes`` in small print, folded under its heading.

    ``permits`` are sources that the page's Content-Security-Policy allows more, by directive.
    ``lead`` is what of it stands unfolded, on the first screens of the page. ``findings`` are
    sentences for the head of the page. ``kept`` are tables and plots that are
    written to files and not shown. ``heading`` stands above the section where its title in the
    navigation would not do. ``style`` is CSS, ``scripts`` are script elements for the page's end.
    """

    body: Sequence[Block] = ()
    lead: Sequence[Block] = ()
    findings: Sequence[str] = ()
    notes: Sequence[str] = ()
    kept: Sequence[Table | Plot] = ()
    heading: str = ""
    style: str = ""
    scripts: Html = Html("")
    permits: Mapping[str, str] = field(default_factory=dict)

    def tables(self) -> list[Table]:
        """Return every table, those that are not shown last."""
        return [one for one in (*self.lead, *self.body, *self.kept) if isinstance(one, Table)]

    def plots(self) -> list[Plot]:
        """Return every plot, those that are not shown last."""
        shown = [
            plot
            for block in (*self.lead, *self.body)
            if not isinstance(block, str | Table | Html)
            for plot in block
        ]
        return [*shown, *(one for one in self.kept if isinstance(one, Plot))]


@dataclass(frozen=True, slots=True)
class Missing:
    """Why something is not there, in words that can follow a colon and end in a full stop."""

    reason: str
