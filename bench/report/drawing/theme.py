"""How every plot looks, and how a figure becomes PNG, PDF and SVG files, and SVG for the page.

Plots are drawn in fixed colours. For the page, ink, grid and paper become the page's own colours,
so that they follow light and dark; models keep theirs, which read on both.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bench.core.files import write_atomic

INK, MUTED, GRID, PAPER = "#16181d", "#6a6f78", "#dfe1e5", "#fefefe"
_ON_PAGE = {INK: "currentColor", MUTED: "var(--muted)", GRID: "var(--rule)", PAPER: "var(--paper)"}

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#b3a100")
"""Okabe and Ito 2008, chosen to be told apart by colour-blind readers; the yellow is darkened to be
seen on white."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

PNG_DPI = 200
LONGEST = 26
"""Letters of a model's name in a plot, unless more are needed to tell it from another."""
WIDTH = 5.2
"""Inches of a plot: half of the page's text width, at the size in which it is shown."""

_STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 8.5,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "butt",
}


@dataclass(frozen=True, slots=True)
class Look:
    """A model's colour and marker, the same in every plot, and its name there: ``short`` of it,
    with its marks."""

    colour: str
    marker: str
    name: str
    short: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A finished plot: its file name, what it shows in words, and its SVG for the page.

    ``png`` and ``file``, the SVG as a file, are what lies beside the page. ``figure`` is what they
    were drawn from.
    """

    name: str
    title: str
    alt: str
    svg: str
    notes: Sequence[str]
    png: bytes
    file: str
    figure: Figure

    def write(self, folder: Path, pdf: bool = False) -> None:
        """Write ``<name>.png`` and ``.svg`` into ``folder``, and where asked for ``.pdf``."""
        write_atomic(folder / f"{self.name}.png", self.png)
        write_atomic(folder / f"{self.name}.svg", self.file.encode())
        if pdf:
            write_atomic(folder / f"{self.name}.pdf", self.pdf())

    def pdf(self) -> bytes:
        """Return the figure for a paper, its fonts inside (TrueType): as slow as all the rest."""
        drawn = io.BytesIO()
        nameless = {"Creator": None, "Producer": None, "CreationDate": None}
        with mpl.rc_context(_STYLE), _whatever_the_font_lacks():
            FigureCanvasPdf(self.figure).print_pdf(drawn, metadata=nameless)  # type: ignore[no-untyped-call]
        return drawn.getvalue()


def looks(names: Sequence[str], base: str, symbols: Mapping[str, str]) -> Mapping[str, Look]:
    """Give every model its colour by its place in the run; ``base`` is in ink.

    ``symbols`` stand beside the names of models that a word is to be said of.
    """
    found: dict[str, Look] = {}
    number = 0
    for name in names:
        short = shortened(name, [look.short for look in found.values()])
        shown = f"{short} {symbols.get(name, '')}".rstrip()
        if name == base:
            found[name] = Look(INK, "o", shown, short)
            continue
        shift = number // len(COLOURS)  # beyond seven models, a colour meets another marker
        marker = MARKERS[(number + shift) % len(MARKERS)]
        found[name] = Look(COLOURS[number % len(COLOURS)], marker, shown, short)
        number += 1
    return found


def shortened(name: str, taken: Sequence[str] = ()) -> str:
    """Return a name that leaves room in a plot: the middle of a long one is an ellipsis.

    What tells models apart is kept: it is none of those ``taken``.

    >>> shortened("checkpoints/restormer_finetuned_iteration_100000")
    'checkpoints/re…tion_100000'
    """
    for letters in range(LONGEST, len(name)):
        kept = letters - 1
        short = f"{name[: kept - kept // 2 + 1]}…{name[len(name) - kept // 2 + 1 :]}"
        if short not in taken:
            return short
    return name


@contextmanager
def drawing(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """Yield a figure with one pair of axes, in the report's style."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)  # its renderer is kept: without one, each text's size costs a draw
        yield figure, figure.add_subplot()


def finish(figure: Figure, name: str, title: str, alt: str, notes: Sequence[str] = ()) -> Plot:
    """Return the figure as a plot, for the page and for files."""
    with _whatever_the_font_lacks():
        settle(figure)
        png, svg = io.BytesIO(), io.StringIO()
        # Straight to the canvases: `savefig` draws each plot once more, for nothing.
        figure.set_dpi(PNG_DPI)
        FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})  # type: ignore[no-untyped-call]
        with mpl.rc_context({"svg.hashsalt": name}):  # the same plot gives the same file
            undated = {"Date": None, "Creator": None}
            FigureCanvasSVG(figure).print_svg(svg, metadata=undated)  # type: ignore[no-untyped-call]
    return Plot(
        name=name,
        title=title,
        alt=alt,
        svg=inline(svg.getvalue(), name, alt),
        notes=notes,
        png=png.getvalue(),
        file=svg.getvalue(),
        figure=figure,
    )


@contextmanager
def _whatever_the_font_lacks() -> Iterator[None]:
    """Draw in silence where a model is named in a script that the font lacks: the SVG shows it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def settle(figure: Figure) -> None:
    """Lay the figure out once: from now on positions are final, and every drawing is quicker."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def inline(svg: str, name: str, alt: str) -> str:
    """Return an SVG file's drawing for an HTML page: own ids, the page's colours."""
    text = svg[svg.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    prefix = re.sub(r"[^A-Za-z0-9]", "-", name)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r"url\(#", f"url(#{prefix}-", text)
    text = re.sub(r'(?:xlink:)?href="#', f'href="#{prefix}-', text)
    for colour, variable in _ON_PAGE.items():
        text = text.replace(colour, variable)
    text = re.sub(r' xmlns(?::xlink)?="[^"]*"| version="[^"]*"', "", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1)
