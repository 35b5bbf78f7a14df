"""How networks came to be: curves of everything watched in training, and rows of samples."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from bench.core.errors import BenchError
from bench.core.names import counted
from bench.image import Pixels, read
from bench.report.drawing.axes import explain
from bench.report.drawing.content import Block, Content, Missing
from bench.report.drawing.crops import png_uri
from bench.report.drawing.html import render
from bench.report.drawing.numbers import percent, significant
from bench.report.drawing.theme import INK, WIDTH, Look, Plot, drawing, finish
from bench.report.reading.analysis import Analysis
from bench.report.reading.context import Context

SIDES = {"val": "validation", "train": "training"}
"""Prefix of a quantity -> where it was measured. Others, as the learning rate, have none."""
FIRST = ("psnr", "ssim", "loss")
"""Quantities that come before the terms of the loss and the rest."""
TITLES = {"psnr": "PSNR", "ssim": "SSIM", "fid": "FID", "inception_score": "Inception score"}
UNITS = {"psnr": "dB"}

LEGEND = 10
"""Up to so many models have a line in the legend: the best ones."""
WIDE = 20.0
"""A positive quantity that spans more than this ratio is drawn on a logarithmic axis."""

MODELS, ROWS = 8, 4
"""Models with rows of samples on the page, and rows of each, at most."""
ROW_WIDTH = 488
"""Pixels of a row's width on the page, at most: so much of the page for each."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class SampleRow:
    """Degraded, restored and reference after one epoch. ``source`` is a data URI."""

    title: str
    alt: str
    source: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Course:
    """A model's sample rows, first to last."""

    model: str
    rows: tuple[SampleRow, ...]


def section(context: Context) -> Content | Missing:
    """Return the curves, and what networks made of one crop on the way."""
    plots, courses = curves(context.analysis, context.looks), sample_rows(context.analysis)
    body: list[Block] = []
    if plots:
        text = "What was watched after each epoch. Solid: on validation images; dashed: on the"
        body += [f"{text} training batches.", plots]
    if courses:
        body.append(render("sections/training.html", courses=courses))
    return Content(body) if body else Missing("no curve or sample of a training can be read")


def curves(analysis: Analysis, styles: Mapping[str, Look]) -> list[Plot]:
    """Plot every quantity that was watched, a line for each model: training's and validation's."""
    watched: dict[str, dict[str, dict[str, Points]]] = {}
    for name in analysis.order:
        for quantity, points in _read(analysis.data.training(name)).items():
            side, _, rest = quantity.partition("_")
            what, where = (rest, side) if side in SIDES and rest else (quantity, "")
            watched.setdefault(what, {}).setdefault(name, {})[where] = points
    losses = watched.get("loss", {})
    for what in [w for w in watched if w != "loss"]:
        if all(losses.get(name) == sides for name, sides in watched[what].items()):
            del watched[what]  # the only term of a loss is the loss
    order = sorted(watched, key=_rank)
    return [_plot(what, watched[what], styles) for what in order]


def _rank(what: str) -> int:
    """Return where a quantity stands: those asked for first, terms of the loss, learning rates."""
    if what in FIRST:
        return FIRST.index(what)
    return len(FIRST) + what.startswith("learning_rate")


def _read(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Return quantity -> epochs and values; what is not a finite number has no place in a plot."""
    found: dict[str, list[tuple[float, float]]] = {}
    if not path.is_file():
        return found
    with path.open(newline="", errors="replace") as rows:
        for row in csv.DictReader(rows):
            try:
                what, point = row["quantity"], (float(row["epoch"]), float(row["value"]))
            except (KeyError, TypeError, ValueError):
                continue  # a torn last line, or no value
            if math.isfinite(point[1]):
                found.setdefault(what, []).append(point)
    return found


def _plot(what: str, lines: Mapping[str, Mapping[str, Points]], styles: Mapping[str, Look]) -> Plot:
    title = TITLES.get(what, what.replace("_", " ").capitalize())
    texts = []
    with drawing(WIDTH, 2.9) as (figure, axes):
        for name, sides in lines.items():
            for side, points in sides.items():
                _line(axes, points, styles[name], dashed=side == "train")
            side = "val" if "val" in sides else next(iter(sides))
            first, last = (significant(sides[side][end][1]) for end in (0, -1))
            texts.append(f"{name} {first} to {last}")
        values = [y for sides in lines.values() for points in sides.values() for _, y in points]
        if min(values) > 0 and max(values) / min(values) > WIDE:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
        unit = f", {UNITS[what]}" if what in UNITS else ""
        axes.set_ylabel(title + unit)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        epochs = [x for sides in lines.values() for points in sides.values() for x, _ in points]
        if min(epochs) == max(epochs):
            axes.set_xlim(min(epochs) - 1, max(epochs) + 1)
        shown = list(lines)[:LEGEND]
        axes.legend(
            [Line2D([], [], color=styles[n].colour, marker=styles[n].marker) for n in shown],
            shown,
            frameon=False,
            fontsize=7.5,
            labelcolor=INK,
            ncols=1 + (len(shown) > 5),
        )
        present = [side for side in SIDES if any(side in sides for sides in lines.values())]
        where = " and ".join(SIDES[side] for side in present)
        signs = {"val": "Solid: validation images.", "train": "Dashed: training images."}
        if present:
            explain(figure, " ".join(signs[side] for side in present))
        rest = len(lines) - len(shown)
        return finish(
            figure,
            f"training-{what}",
            title,
            f"{title} by epoch{f' in {where}' if where else ''}, first to last: "
            f"{', '.join(texts)}.",
            [f"{counted(rest, 'further model')} without a name in the legend."] if rest else [],
        )


def _line(axes: Axes, points: Points, look: Look, dashed: bool) -> None:
    epochs, values = zip(*points, strict=True)
    alone = len(values) == 1  # then there is no line to see
    axes.plot(
        epochs,
        values,
        color=look.colour,
        marker=look.marker,
        markevery=[len(values) - 1],
        markersize=5 if alone or not dashed else 0,
        markerfacecolor="none" if dashed else None,
        linestyle=(0, (4, 2.5)) if dashed else "-",
        linewidth=1.0 if dashed else 1.4,
        alpha=0.75 if dashed else 1.0,
    )


def sample_rows(analysis: Analysis) -> list[Course]:
    """Return some rows of the models that have any, best model first, spread from first to last."""
    found: list[Course] = []
    for name in analysis.order:
        paths = sorted(analysis.data.training(name).with_suffix("").glob("epoch-*.png"), key=_epoch)
        rows = (_row(name, path) for path in _spread(paths))
        if kept := tuple(row for row in rows if row):
            found.append(Course(name, kept))
        if len(found) == MODELS:
            break
    return found


def _epoch(path: Path) -> tuple[int, str]:
    number = path.stem.removeprefix("epoch-")
    return (int(number) if number.isdigit() else -1), path.name


def _spread(paths: Sequence[Path]) -> list[Path]:
    places = np.linspace(0, len(paths) - 1, min(ROWS, len(paths))).round().astype(int)
    return [paths[place] for place in places]


def _row(name: str, path: Path) -> SampleRow | None:
    try:
        pixels = read(path)
    except BenchError:
        return None
    small, shrunk = _shrunk(pixels)
    title = f"epoch {_epoch(path)[0]}" + (f", {percent(shrunk)} of its size" if shrunk < 1 else "")
    alt = f"{name} after epoch {_epoch(path)[0]}: degraded, restored, reference"
    return SampleRow(title, alt, png_uri(small), small.shape[1], small.shape[0])


def _shrunk(pixels: Pixels) -> tuple[Pixels, float]:
    height, width = pixels.shape[:2]
    part = min(1.0, ROW_WIDTH / width)
    if part == 1:
        return pixels, part
    size = ROW_WIDTH, max(1, round(height * part))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), part
