"""The rater's page as one Gradio Blocks app: wiring only.

Gradio shows parts and buttons; what they say (`raters.texts`), which part is to be seen, and
everything between a key and the database, is the work of the scripts in ``page/``. No event here
calls Python: buttons only tell the scripts that they were pressed. So the page is the same for all
raters and studies, knows none of them, and needs none of Gradio's routes that run code.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files

import gradio as gr
from fastapi import FastAPI

PATH = "/rate"
ASSETS = "/rate-assets"
SERVED = {
    **{
        f"{name}.js": "text/javascript"
        for name in (
            "api",
            "checks",
            "dashboard",
            "images",
            "keys",
            "look",
            "main",
            "panel",
            "questions",
            "reference",
            "scale",
            "screen",
            "stage",
            "timer",
            "viewport",
            "words",
        )
    },
    "page.css": "text/css",
    "error.css": "text/css",
    "dashboard.css": "text/css",
}
"""The files that browsers load, with their types."""

STAGES = {
    "door": None,
    "consent": "consent",
    "questions": None,
    "instructions": "understood",
    "checks": None,
    "thanks": None,
    "withdrawn": None,
    "message": None,
}
"""The parts before and after judging, each a file of ``page/``, and the event that its button of
Gradio's tells, if it has one."""
START = (
    f"import(new URL('..{ASSETS}/main.js', document.baseURI))"
    ".then((module) => module.start(element));"
)


@cache
def asset(name: str) -> bytes:
    """Return a file of ``page/``."""
    return (files("raters.web") / "page" / name).read_bytes()


def _tell(event: str) -> str:
    return f"() => {{ document.dispatchEvent(new Event('rating:{event}')); }}"


def _button(event: str) -> None:
    """A button that tells the scripts of an ``event``; they write on it what it says."""
    button = gr.Button("", variant="primary")
    button.click(fn=None, js=_tell(event), api_visibility="private")


def _html(template: str, css: str = "", script: str | None = None) -> None:
    gr.HTML(
        html_template=template,
        css_template=css,
        js_on_load=script,
        apply_default_css=False,
        padding=False,
    )


def _judging() -> str:
    return asset("judge.html").decode().replace("<!-- tools -->", asset("tools.html").decode())


def rating_blocks() -> gr.Blocks:
    """Build the page: every part in a column of its own, the judging component in one of them."""
    blocks = gr.Blocks(title="…", analytics_enabled=False)  # the scripts know its title
    with blocks:
        for name, event in STAGES.items():
            with gr.Column(elem_id=f"stage-{name}"):
                _html(asset(f"{name}.html").decode())
                if event is not None:
                    _button(event)
        with gr.Column(elem_id="stage-judging"):
            _html(_judging(), asset("viewport.css").decode() + asset("judge.css").decode(), START)
    return blocks


def mount_rating_page(app: FastAPI) -> None:
    """Mount the page at `PATH`, with everything off that a rater does not need."""
    life = app.router.lifespan_context
    # Where no event loop runs, Gradio opens three and closes none.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _mount(app)).result()
    # What Gradio starts with the app are its queue, which looks for work two thousand times a
    # second, and the removal of uploads. The page has neither.
    app.router.lifespan_context = life


async def _mount(app: FastAPI) -> None:
    fonts = ("system-ui", "sans-serif")
    gr.mount_gradio_app(
        app,
        rating_blocks(),
        path=PATH,
        theme=gr.themes.Base(font=fonts, font_mono=("ui-monospace", "monospace")),
        head=f'<link rel="stylesheet" href="..{ASSETS}/page.css">',
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        ssr_mode=False,
        show_error=False,
    )
