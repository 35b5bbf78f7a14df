"""A network in the page: a reader's own photograph, restored by the reader's own browser."""

from __future__ import annotations

import base64
import gzip
import json

from bench.report.drawing.content import Content, Html, Missing
from bench.report.drawing.html import render, text_of
from bench.report.reading.context import Context
from bench.report.reading.trial import Trial
from bench.viewer.parts import css, frame, script
from models.browser import NAME, VERSION
from models.restorer import OVERLAP

PERMITS = {"script-src": "'wasm-unsafe-eval'", "worker-src": "blob:", "img-src": "blob:"}
"""The runtime is WebAssembly in a worker, and images are the reader's: nothing is loaded."""


def section(context: Context) -> Content | Missing:
    """Return the network with what runs it, and the viewer that shows what it makes."""
    trial = context.trial
    assert trial is not None  # it is wanted
    held = json.dumps(data(trial))
    html = render(
        "sections/trial.html",
        model=trial.model,
        tile=trial.tile,
        runtime=f"{NAME} {VERSION}",
        megabytes=len(held) / 1e6,
        frame=Html(frame()),
    )
    scripts = (
        f'<script type="application/json" id="trial-data">{held}</script>\n'
        f'<script type="module">\n{script()}\n{text_of("sections/trial.js")}\n</script>'
    )
    style = css() + text_of("sections/trial.css")
    return Content([html], style=style, scripts=Html(scripts), permits=PERMITS)


def data(trial: Trial) -> dict[str, object]:
    """Return what the page's code needs; ``worker``, ``wasm`` and ``onnx`` are gzip in base64."""
    ours = text_of("sections/trial_worker.js").replace("__RUNTIME__", trial.runtime.exported)
    return {
        "model": trial.model,
        "scale": trial.scale,
        "channels": trial.channels,
        "multiple": trial.multiple,
        "minimum": trial.minimum,
        "tile": trial.tile,
        "overlap": [min(OVERLAP, side // 2) for side in trial.tile],
        "worker": _packed(f"{trial.runtime.script}\n{ours}".encode()),
        "wasm": _packed(trial.runtime.wasm),
        "onnx": _packed(trial.onnx),
    }


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()
