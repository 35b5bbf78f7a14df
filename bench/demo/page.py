"""The page to try models on: Gradio's parts, and what happens when a button is pressed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr

from bench.core.errors import BenchError
from bench.demo.showing import scenes, table
from bench.demo.trying import BLURS, Version, Workshop, Worse
from bench.demo.visits import Visits
from bench.viewer.parts import css, frame, script

MOST_BYTES = 64_000_000
"""Of an upload."""
LOST = "this page lost its connection to the server for a while"
STALE = 3600
"""Seconds after which an upload goes that no visit is known to have left."""


def _as_it_is(payload: Any) -> Any:
    """Return an upload's path, None without one: it is opened here, where errors are clear words.

    Gradio's own would open it first. Beside a subclass, Gradio would write a file of types.
    """
    return None if payload is None else payload.path


def build(workshop: Workshop, visits: Visits) -> gr.Blocks:
    """Return the page. One photograph is worked on at a time; the others wait in a queue."""
    names = list(workshop.choices)
    blocks = gr.Blocks(
        title="Try restoration models",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(STALE // 4, STALE),
    )
    with blocks:
        gr.HTML(_head(workshop), elem_classes="demo-head", padding=False)
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                photograph = gr.Image(
                    label="Photograph",
                    sources=["upload", "clipboard", "webcam"],
                    image_mode=None,
                    type="filepath",
                    height=260,
                    buttons=[],
                )
                photograph.preprocess = _as_it_is  # type: ignore[method-assign]
                models = gr.CheckboxGroup(
                    [(_label(workshop, name), name) for name in names],
                    value=names[:1],
                    label="Models",
                )
                with gr.Accordion("It is sharp: make it worse first", open=False):
                    gr.Markdown("Then the original is known, and PSNR and SSIM are measured too.")
                    blur = gr.Dropdown(list(BLURS), value="none", label="Blur")
                    extent = gr.Slider(0, 40, value=8, step=1, label="Extent of the blur (pixels)")
                    noise = gr.Slider(0, 50, value=0, step=1, label="Noise (8-bit levels)")
                restore = gr.Button("Restore", variant="primary")
            with gr.Column(scale=3, min_width=300):
                status = gr.Markdown(
                    "Choose a photograph and one or more models.", elem_classes="demo-status"
                )
                viewer = gr.HTML(
                    "[]",
                    html_template=frame(),
                    css_template=css(),
                    js_on_load=_starting(),
                    apply_default_css=False,
                    padding=False,
                    elem_classes="demo-viewer",
                )
                figures = gr.HTML("", padding=False)

        def work(
            path: str | None,
            chosen: list[str],
            blur: str,
            extent: float,
            noise: float,
            request: gr.Request,
        ) -> Iterator[tuple[str, str, str]]:
            visit = str(request.session_hash)
            worse = Worse(blur=blur, extent=extent, noise=noise)
            try:
                yield from tried(workshop, visits, visit, path, chosen, worse)
            except BenchError as error:
                raise gr.Error(str(error), duration=None, print_exception=False) from None

        def remember(path: str | None, request: gr.Request) -> None:
            visits.uploaded(str(request.session_hash), path)

        photograph.change(
            remember,
            photograph,
            None,
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
        restore.click(
            work,
            [photograph, models, blur, extent, noise],
            [status, viewer, figures],
            show_progress_on=status,
            api_visibility="private",
        )
        blocks.unload(lambda: None)  # or Gradio's page holds no connection while it is open
    blocks.queue(default_concurrency_limit=1, max_size=32)
    return blocks


def tried(
    workshop: Workshop,
    visits: Visits,
    visit: str,
    path: str | None,
    chosen: Sequence[str],
    worse: Worse,
) -> Iterator[tuple[str, str, str]]:
    """Yield what is shown after each model: a line, the viewer's scenes, the table.

    Raises `BenchError` for what cannot be tried, and when the visitor has left.
    """
    if path is None:
        raise BenchError("there is no photograph yet: upload, paste or take one")
    if not chosen:
        raise BenchError("no model is chosen: choose one or more")
    if not Path(path).exists():
        raise BenchError(f"the photograph is here no more: {LOST}; upload it again")
    photograph = workshop.read(Path(path))
    done: list[Version] = []
    with visits.working(visit) as folder:
        yield _saying(done, chosen), "[]", ""
        for version in workshop.versions(photograph, chosen, worse, folder):
            if not visits.is_here(visit):  # others wait for their turn
                raise BenchError(f"nothing was kept: {LOST}; load it again")
            done.append(version)
            yield _saying(done, chosen), scenes(done, folder), table(done, workshop.metrics)


def _saying(done: Sequence[Version], chosen: Sequence[str]) -> str:
    """Return the line above the viewer."""
    tried = [version for version in done if version.name in chosen]
    if len(tried) < len(chosen):
        return f"Model {len(tried) + 1} of {len(chosen)}: {chosen[len(tried)]} is at work …"
    failed = [version.name for version in tried if version.error]
    if failed:
        return f"Finished; {', '.join(failed)} failed, for the reason below the table."
    return "Finished. Drag the line; zoom and move as you like: both images follow."


def _label(workshop: Workshop, name: str) -> str:
    about = workshop.choices[name].about
    return name if about == name else f"{name} · {about}"


def _head(workshop: Workshop) -> str:
    return (
        "<h1>Try restoration models</h1>"
        f"<p>Photographs of at most {workshop.most_pixels / 1e6:g} megapixels and "
        f"{MOST_BYTES / 1e6:g} MB. They stay on the machine that serves this page, and are removed "
        "when you leave it.</p>"
    )


def _starting() -> str:
    """Return the viewer's code, apart from Gradio's names, and what starts it."""
    apart = f"const startViewer = (() => {{\n{script()}\nreturn startViewer;\n}})();"
    return f"{apart}\n{_text('demo.js')}"


def style() -> str:
    """Return the page's own styles."""
    return _text("demo.css")


def _text(name: str) -> str:
    return files("bench.demo").joinpath(name).read_text(encoding="utf-8")
