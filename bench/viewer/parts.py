"""The viewer's code, styles and frame, as texts that a page holds.

Its code in the browser is that of the judging page (`raters/web/page`): images look the same here
as to the people who judge them.
"""

from __future__ import annotations

import re
from importlib.resources import files

from raters.texts import shipped
from raters.texts.table import in_html

SHARED = ("viewport.js", "look.js", "keys.js")
"""Files of ``raters/web/page`` that run here too."""


def script() -> str:
    """Return the viewer's code: the judging page's modules and ours as one module."""
    shared = [_text("raters.web", f"page/{name}") for name in SHARED]
    code = "\n".join((*shared, _text("bench.viewer", "viewer.js")))
    return re.sub(r"^export ", "", code, flags=re.MULTILINE)


def css() -> str:
    """Return the styles: the judging page's for the window on the images, then ours."""
    return _text("raters.web", "page/viewport.css") + _text("bench.viewer", "viewer.css")


def frame() -> str:
    """Return the viewer without images, with the judging page's buttons of the ways to look."""
    tools = in_html(_text("raters.web", "page/tools.html"), shipped())
    return _text("bench.viewer", "frame.html").replace("<!-- tools -->", tools)


def _text(package: str, path: str) -> str:
    return files(package).joinpath(path).read_text(encoding="utf-8")
