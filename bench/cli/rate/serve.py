"""``bench rate serve``."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Annotated

import typer

from bench.cli.console import print_json, say
from bench.cli.options import Json
from bench.cli.rate.options import DEFAULT_DB, Db, Study, chosen_study, open_store
from bench.core.errors import BenchError


def serve(
    study: Study = "",
    host: Annotated[str, typer.Option(help="Listen on this address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Listen on this port; 0: any free one.")] = 8000,
    url: Annotated[
        str | None,
        typer.Option(help="How raters reach it, where that differs.", show_default="HOST:PORT"),
    ] = None,
    trust: Annotated[
        list[str] | None,
        typer.Option(help="Another address that raters or you use; may be given more than once."),
    ] = None,
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Serve every study of the database, and print a link to try the latest one.

    With --json it prints the address and the link once it serves.
    """
    from raters.studies.tokens import invite
    from raters.web.app import create_app, server

    store = open_store(db)
    chosen = chosen_study(store, study)
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise BenchError(
            f"cannot listen on {host}:{port} ({error.strerror or error}); stop what does, or give "
            "another --port"
        ) from error
    address = url.rstrip("/") if url else f"http://{host}:{listening.getsockname()[1]}"
    serving = server(create_app(store.url, [*([url] if url else ()), *(trust or ())]), host, port)

    def tell() -> None:
        is_open = store.study(chosen).state == "open"
        link = f"{address}/r/{invite(store, chosen, 1)[0]}" if is_open else None
        if as_json:
            print_json({"address": address, "study": chosen, "link": link})
            return
        say(f"serving at {address}; Ctrl-C stops it, nothing is lost")
        if link:
            say(f"rate '{chosen}' here: {link}")
        else:
            say(f"study '{chosen}' is closed; its dashboard still works")

    async def work() -> None:
        running = asyncio.create_task(serving.serve(sockets=[listening]))
        while not (serving.started or running.done()):
            await asyncio.sleep(0.02)
        if serving.started:
            tell()
            sys.stdout.flush()
        await running

    try:
        asyncio.run(work())
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        store.close()
