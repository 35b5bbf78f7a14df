"""The templates of the page and of sections that need HTML of their own."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from bench.report.drawing.content import Html
from bench.report.drawing.numbers import title
from bench.report.drawing.tables import Table

_DOI = re.compile(r"doi:(10\.\d{4,9}/[^\s,;&<>]*[^\s,;.&<>)\]])")


def text_of(name: str) -> str:
    """Return a file of ``bench/report``."""
    return files("bench.report").joinpath(name).read_text(encoding="utf-8")


def linked(text: str) -> Markup:
    """Return text as HTML in which every ``doi:`` is a link."""
    escaped = str(escape(text))  # the pieces of a Markup would be escaped once more
    return Markup(_DOI.sub(r'<a href="https://doi.org/\1" rel="noreferrer">doi:\1</a>', escaped))


def render(template: str, **values: Any) -> Html:
    """Return a template of ``bench/report``, filled in; values are escaped, `Html` is not."""
    environment = Environment(
        loader=FunctionLoader(text_of),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["title"] = title
    environment.filters["linked"] = linked
    environment.tests["table"] = lambda block: isinstance(block, Table)
    environment.tests["html"] = lambda block: isinstance(block, Html)
    return Html(environment.get_template(template).render(values))
