"""The rater's page as one Gradio Blocks app: wiring only.

Gradio shows texts and buttons; which part is to be seen, and everything between a key and the
database, is the work of the scripts in ``page/``. No event here calls Python: buttons only tell the
scripts that they were pressed. So the page is the same for every rater and every study, knows none
of them, and needs none of Gradio's routes that run code.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files

import gradio as gr
from fastapi import FastAPI

from raters.protocols import Protocol

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
            "screen",
            "stage",
            "timer",
            "viewport",
        )
    },
    "page.css": "text/css",
    "error.css": "text/css",
    "dashboard.css": "text/css",
}
"""The files that browsers load, with their types."""

CONSENT = """
## Taking part

You will look at images that computer programs have tried to repair, and say how they look to you.

- There are **no right or wrong opinions**. What counts is what you see.
- You can **pause** whenever you like and go on later with the same link.
- You can **stop for good** at any time, without a reason.
- We keep your answers, how long they took, and the size of your screen and window. We do not keep
  your name or your computer's address.
"""

TASK = "## What to do"
INSTRUCTIONS = """<div id="instructions"></div>"""
CONFIRM = "Then press **Enter** to confirm."
HOLD = "Hold **R** to see the reference, which shows what the image should look like."
FLICKER = "Press **Space** to see one image in place of the other: the eye is best at that."
SPLIT = "**Split** shows half of each."
ALWAYS = (
    "**Z** zooms in; drag to move. The **?** button lists all keys. We begin with a short practice "
    "that does not count."
)

THANKS = """
## Thank you!

Everything you judged is saved. You can close this page now.
"""

WITHDRAWN = """
## You have left the study

Nothing more is asked of you. Thank you for your time; you can close this page.
"""

CODE = (
    '<div id="{0}code-block" class="code" hidden><p>Your completion code:</p>'
    '<p><output id="{0}code"></output></p></div>'
)
BACK = (
    '<p id="back-block" hidden>You are taken back in a few seconds. '
    '<a id="back" rel="noreferrer">Go back now</a></p>'
)
STOPPED = '<p id="stopped" hidden>The study has been closed. All that you have judged counts.</p>'
MESSAGE = """<h2>We cannot go on here</h2><p id="message-text" role="alert"></p>"""
START = (
    f"import(new URL('..{ASSETS}/main.js', document.baseURI))"
    ".then((module) => module.start(element));"
)


def instructions(
    protocol: Protocol, *, ties: bool, reference: bool, one_key: bool
) -> tuple[str, ...]:
    """Return what a study's raters are told, in paragraphs; ``**`` encloses what is bold.

    ``ties``: whether a tie is an answer; ``reference``: whether one is shown; ``one_key``: whether
    an answer counts without being confirmed.
    """
    views = protocol.views
    compare = " ".join(
        text for view, text in (("flicker", FLICKER), ("split", SPLIT)) if view in views
    )
    paragraphs = (
        *protocol.instructions,
        *(protocol.ties_instructions if ties else ()),
        "" if one_key else CONFIRM,
        HOLD if reference and "hold" in views else "",
        compare,
        ALWAYS,
    )
    return tuple(text for text in paragraphs if text)


@cache
def asset(name: str) -> bytes:
    """Return a file of ``page/``."""
    return (files("raters.web") / "page" / name).read_bytes()


def _tell(event: str) -> str:
    return f"() => {{ document.dispatchEvent(new Event('rating:{event}')); }}"


def _button(text: str, event: str) -> None:
    button = gr.Button(text, variant="primary")
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
    blocks = gr.Blocks(title="Looking at images", analytics_enabled=False)
    with blocks:
        with gr.Column(elem_id="stage-consent"):
            gr.Markdown(CONSENT)
            _button("I want to take part", "consent")
        with gr.Column(elem_id="stage-instructions"):
            gr.Markdown(TASK)
            _html(INSTRUCTIONS)
            _button("Continue", "understood")
        with gr.Column(elem_id="stage-checks"):
            _html(asset("checks.html").decode())
        with gr.Column(elem_id="stage-thanks"):
            gr.Markdown(THANKS)
            _html(STOPPED + CODE.format("") + BACK)
        with gr.Column(elem_id="stage-withdrawn"):
            gr.Markdown(WITHDRAWN)
            _html(CODE.format("left-"))
        with gr.Column(elem_id="stage-message"):
            _html(MESSAGE)
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
