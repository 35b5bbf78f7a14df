"""What the page shows of the versions of a photograph: the viewer's scenes, and a table."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path

from bench.demo.trying import SCORED, Version, enlarged
from bench.metrics.table import metric_card

FILE = "gradio_api/file="
"""Where Gradio serves the files of folders that it is told, below the page's own address."""


def scenes(versions: Sequence[Version], folder: Path) -> str:
    """Return the viewer's scenes as JSON: one for each size that models made.

    The photograph is enlarged where models enlarge: images lie pixel on pixel.
    """
    done = [version for version in versions if version.file is not None]
    if len(done) < 2:
        return "[]"
    first, others = done[0], done[1:]
    restored = [version for version in others if version.name != "Reference"]
    found = []
    for size in dict.fromkeys(version.size for version in restored):
        of_size = [version for version in others if version.size == size]
        views = [
            {"name": version.name, "score": _times(version), "source": _address(file)}
            for version in (first, *of_size)
            if (file := enlarged(version, size, folder))
        ]
        high, wide = size
        text = f"{wide} × {high} pixels"
        if size != first.size:
            text += f"; the photograph's {first.size[1]} × {first.size[0]} are enlarged (bicubic)"
        reference = of_size[-1].name == "Reference"
        found.append({"image": text, "position": text, "views": views, "reference": reference})
    return json.dumps(found)


def _times(version: Version) -> str:
    return "" if version.seconds is None else f"{version.seconds:.2g} s"


def _address(file: Path) -> str:
    return f"{FILE}{file}"


def table(versions: Sequence[Version], metrics: Sequence[str]) -> str:
    """Return the table of times, memory, scores and downloads, and the notes below it, as HTML."""
    if not versions:
        return ""
    used = [
        name
        for name in metrics
        if any(name in v.scores and v.scores[name].value is not None for v in versions)
    ]
    head = "".join(f"<th scope=col>{_metric(name)}</th>" for name in used)
    rows = "".join(_row(version, used) for version in versions)
    notes = [
        f"<li><b>{html.escape(version.name)}</b>: {html.escape(text)}</li>"
        for version in versions
        for text in (*version.notes, *([version.error] if version.error else []))
    ]
    if any(max(version.size) > SCORED for version in versions):
        notes.append(f"<li>Scores are of the middle {SCORED} × {SCORED} pixels.</li>")
    return (
        f'<div class="figures"><table><thead><tr><th scope=col>version</th><th scope=col>time</th>'
        f"<th scope=col>peak memory</th>{head}<th scope=col>file</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
        + (f'<ul class="notes">{"".join(notes)}</ul>' if notes else "")
    )


def _metric(name: str) -> str:
    card = metric_card(name)
    arrow = "↑" if card.higher_is_better else "↓"
    unit = f" ({card.unit})" if card.unit else ""
    better = "higher" if card.higher_is_better else "lower"
    title = html.escape(f"{card.convention}; {better} is better", quote=True)
    return f'<abbr title="{title}">{html.escape(name)}{html.escape(unit)} {arrow}</abbr>'


def _row(version: Version, metrics: Sequence[str]) -> str:
    name = html.escape(version.name)
    seconds = "—" if version.seconds is None else f"{version.seconds:.2f} s"
    peak = "—" if version.peak_mb is None else f"{version.peak_mb:,.0f} MB"
    cells = [seconds, peak]
    for metric in metrics:
        score = version.scores.get(metric)
        cells.append("—" if score is None or score.value is None else f"{score.value:.4g}")
    link = "failed"
    if version.file is not None:
        called = html.escape(version.file.name, quote=True)
        link = f'<a href="{_address(version.file)}" download="{called}">PNG</a>'
    return (
        f"<tr><th scope=row>{name}</th>"
        + "".join(f"<td>{cell}</td>" for cell in (*cells, link))
        + "</tr>"
    )
