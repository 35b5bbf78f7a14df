"""``bench demo``."""

from __future__ import annotations

import signal
import sys
import webbrowser
from typing import Annotated

import typer

from bench.cli.console import print_json, say, split_models
from bench.cli.options import Device, Json, Noncommercial
from bench.core.listening import listen


def demo(
    models: Annotated[
        str,
        typer.Option(
            help="Model specs to choose among, separated by commas.",
            show_default="all that need neither training nor a download",
        ),
    ] = "",
    host: Annotated[str, typer.Option(help="Listen on this address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Listen on this port; 0: any free one.")] = 7860,
    root_path: Annotated[
        str, typer.Option(help="The path under which a proxy shows the page, as in /demo.")
    ] = "",
    device: Device = "auto",
    max_megapixels: Annotated[
        float, typer.Option(min=0.01, max=178.0, help="Larger photographs are refused.")
    ] = 12.0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")
    ] = True,
    noncommercial: Noncommercial = False,
    as_json: Json = False,
) -> None:
    """Open a page on this computer to try models on your own photographs.

    Upload, paste or take a photograph; see it and what each model makes of it under one line that
    you drag, with times, memory and scores. Nothing leaves this machine, and nothing is kept. With
    --json it prints the address once it serves.
    """
    from bench.demo.at_hand import choices

    found = choices(split_models(models))

    listening = listen(host, port)

    import asyncio

    from bench.compute.environment import pick_device
    from bench.demo.serving import serve
    from bench.demo.trying import Workshop

    workshop = Workshop(found, pick_device(device), round(max_megapixels * 1e6))
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}{root_path}"

    def ready(server: object) -> None:
        if as_json:
            print_json({"address": address, "models": list(found)})
        else:
            say(f"models: {', '.join(found)}")
            say(f"try them at {address}; Ctrl-C stops it, and nothing is kept")
        sys.stdout.flush()
        if browser:
            webbrowser.open(address)

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing is kept then, either
    try:
        asyncio.run(serve(workshop, listening, root_path, ready))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
