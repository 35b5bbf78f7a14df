"""What the side-by-side viewer (`bench.viewer`) holds: few images, large, without loss."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from bench.core.errors import BenchError
from bench.report.drawing.content import Content, Html, Missing
from bench.report.drawing.crops import Size, Window, pixels_of, png_uri, where_to_look
from bench.report.drawing.html import render
from bench.report.reading.analysis import Analysis
from bench.report.reading.context import Context
from bench.report.reading.gather import Shot
from bench.report.sections.samples import score_text
from bench.viewer.parts import css, frame, script

SCENES, MODELS = 4, 8
"""So many images, and so many restored versions of each: the best models by the first metric."""
PIXELS = 3_000_000
"""The viewer holds no more pixels than this, so no more than 12 MB, whatever the run."""
START = """const viewer = document.querySelector(".viewer");
if (viewer) startViewer(viewer, JSON.parse(document.querySelector("#viewer-data").textContent));"""


@dataclass(frozen=True, slots=True)
class View:
    """One version of an image. ``source`` is a data URI."""

    name: str
    score: str
    source: str


@dataclass(frozen=True, slots=True)
class ViewedScene:
    """One image, or a part of it, in all versions: the degraded first, the reference last."""

    image: str
    position: str
    views: tuple[View, ...]
    reference: bool


def section(context: Context) -> Content | Missing:
    """Return the viewer with its images, styles and code."""
    found = scenes(context.analysis)
    if not found:
        return Missing("the run’s images cannot be read where they were")
    html = render(
        "sections/viewer.html",
        references=any(scene.reference for scene in found),
        scenes=found,
        models=MODELS,
        megabytes=megabytes(found),
        frame=Html(frame()),
    )
    scripts = (
        f'<script type="application/json" id="viewer-data">{data(found)}</script>\n'
        f'<script type="module">\n{script()}\n{START}\n</script>'
    )
    return Content([html], style=css(), scripts=Html(scripts))


def scenes(analysis: Analysis) -> list[ViewedScene]:
    """Return the images on which the models' scores differ most, of different scenes if there are.

    Nothing is returned of a run whose images cannot be read.
    """
    found: list[ViewedScene] = []
    for shot in _candidates(analysis):
        scene = _scene(analysis, shot)
        found += [scene] if scene else []
        if len(found) == SCENES:
            break
    return found


def megabytes(found: Sequence[ViewedScene]) -> float:
    """Return how much of the page the scenes take, in 10^6 bytes."""
    return sum(len(view.source) for scene in found for view in scene.views) / 1e6


def data(found: Sequence[ViewedScene]) -> str:
    """Return the scenes as JSON that can stand in a page's script element."""
    return json.dumps([asdict(scene) for scene in found]).replace("<", "\\u003c")


def _candidates(analysis: Analysis) -> list[Shot]:
    """Return some more images than are wanted, those on which the scores differ most first."""
    order = [analysis.data.shots[index] for index in np.argsort(-_spread(analysis), kind="stable")]
    first: dict[str, Shot] = {}
    for shot in order:
        first.setdefault(shot.cluster, shot)
    fresh = list(first.values())
    rest = [shot for shot in order if first[shot.cluster] is not shot]
    return [*fresh, *rest][: 3 * SCENES]


def _spread(analysis: Analysis) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the spread of the models' scores on each image; 0 where there are none."""
    if analysis.primary is None:
        return np.zeros(len(analysis.data.shots))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy's, for images without any score
        spread = np.nanstd(analysis.data.table.finite(analysis.primary), axis=1)
    return np.asarray(np.nan_to_num(spread))


def _scene(analysis: Analysis, shot: Shot) -> ViewedScene | None:
    names = [name for name in analysis.order if name != analysis.base]
    paths = {n: p for n in names if (p := analysis.data.restored(n, shot.image)).is_file()}
    paths = dict(list(paths.items())[:MODELS])
    try:
        full_size = pixels_of(shot.degraded).shape
    except BenchError:
        return None
    size = _size((full_size[0], full_size[1]), len(paths) + 1 + (shot.reference is not None))
    found = where_to_look([*paths.values(), shot.degraded], shot.reference, size)
    if found is None:
        return None
    window, full = found
    versions = [("Degraded", analysis.base, shot.degraded)]
    apart = analysis.data.table.apart
    versions += [
        (f"{name} ({apart[name]})" if name in apart else name, name, path)
        for name, path in paths.items()
    ]
    versions += [("Reference", "", shot.reference)] if shot.reference else []
    views = []
    for name, model, path in versions:
        try:
            pixels = pixels_of(path)
        except BenchError:
            continue
        if pixels.shape[:2] == full:  # others cannot lie pixel on pixel
            score = _score(analysis, model, shot.image)
            views.append(View(name, score, png_uri(window.cut(pixels, full))))
    if len(views) < 2:
        return None
    return ViewedScene(
        shot.image, _position(window, full), tuple(views), views[-1].name == "Reference"
    )


def _size(full_size: Size, versions: int) -> Size:
    """Return how large a part of an image there is room for: of the image's shape, or all of it."""
    shrink = min(1.0, math.sqrt(PIXELS / (SCENES * versions * full_size[0] * full_size[1])))
    return max(1, int(full_size[0] * shrink)), max(1, int(full_size[1] * shrink))


def _score(analysis: Analysis, model: str, image: str) -> str:
    if analysis.primary is None or model not in analysis.data.table.models:
        return ""
    return score_text(analysis, analysis.primary, model, image)


def _position(window: Window, full: Size) -> str:
    if (window.height, window.width) == full:
        return f"the whole image, {full[1]} × {full[0]} pixels"
    return (
        f"{window.width} × {window.height} pixels at column {window.left}, row {window.top} "
        f"of {full[1]} × {full[0]}"
    )
