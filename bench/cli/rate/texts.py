"""``bench rate texts``: what raters are told, as a file to change."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from bench.cli.console import print_json
from bench.cli.options import Json
from bench.cli.rate.options import Out, put

Language = Literal["en", "de", "es", "zh"]


def texts(
    language: Annotated[Language, typer.Option(help="In this language.")] = "en",
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Write every sentence that raters see, as TOML: 'new --texts' takes it, or a part of it."""
    from raters.texts import shipped
    from raters.texts.table import toml

    if as_json:
        print_json({"language": language, "texts": dict(shipped(language).words)})
        return
    put(toml(language), out)
