"""``bench rate serve``."""

from __future__ import annotations

import asyncio
import sys
from ipaddress import ip_network
from typing import Annotated

import typer

from bench.cli.console import print_json, say
from bench.cli.options import Json
from bench.cli.rate.options import DEFAULT_DB, Db, Study, chosen_study, open_store
from bench.core.errors import BenchError
from bench.core.listening import listen

LOCAL = ("127.0.0.1", "::1")


def _network(text: str) -> str:
    """Check an address or network; raises `BenchError`."""
    try:
        return str(ip_network(text))
    except ValueError:
        raise BenchError(
            f"--proxy '{text}' is no address and no network; expected one such as 10.0.0.2 or "
            "10.0.0.0/24"
        ) from None


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
    root_path: Annotated[
        str,
        typer.Option(
            help="Everything lies under this path, as in /study.", show_default="that of --url"
        ),
    ] = "",
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            help="A proxy's address or network, whose X-Forwarded headers are believed; may be "
            "given more than once.",
            show_default="this machine's",
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Take requests in so many processes.",
            show_default="1 on SQLite, 2 on PostgreSQL",
        ),
    ] = None,
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Serve every study of the database, and print a link to try the latest one.

    With --json it prints the address and the link once it serves.
    """
    from raters.trials.preview import preview
    from raters.web.address import parsed
    from raters.web.processes import Serving, others, suitable

    reached = parsed(url, root_path) if url else None
    proxies = [*LOCAL, *map(_network, proxy or ())]
    store = open_store(db)
    chosen = chosen_study(store, study)
    listening = listen(host, port)
    here = f"http://[{host}]" if ":" in host else f"http://{host}"
    address = reached or parsed(f"{here}:{listening.getsockname()[1]}", root_path)
    serving = Serving(
        store_url=store.url,
        trusted=tuple(trust or ()),
        address=reached,
        root=address.root,
        host=host,
        port=port,
        proxies=tuple(proxies),
    )
    server = serving.server()
    more = (processes or suitable(store.engine.dialect.name)) - 1

    def tell() -> None:
        is_open = store.study(chosen).state == "open"
        link = address.rater(preview(store, chosen)) if is_open else None
        if as_json:
            print_json({"address": str(address), "study": chosen, "link": link})
            return
        say(f"serving at {address}; Ctrl-C stops it, nothing is lost")
        if link:
            say(f"try '{chosen}' here, where nothing counts: {link}")
        else:
            say(f"study '{chosen}' is closed; its dashboard still works")

    async def work() -> None:
        running = asyncio.create_task(server.serve(sockets=[listening]))
        while not (server.started or running.done()):
            await asyncio.sleep(0.02)
        if server.started:
            tell()
            sys.stdout.flush()
        await running

    try:
        with others(more, serving, listening):
            asyncio.run(work())
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        store.close()
