"""The demo's server: no log, no telemetry, nothing shared, nothing kept."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import nullcontext

import gradio as gr
import uvicorn
from fastapi import FastAPI
from gradio import routes
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bench.demo.page import MOST_BYTES, build, style
from bench.demo.trying import Workshop
from bench.demo.visits import Visits

ICON = b'<link rel="icon" href="data:,">'
"""None: without a word of one, browsers ask the site's root for /favicon.ico, where behind a proxy
somebody else answers. Gradio's own `head` comes too late, with the page's code."""


class WithIcon:
    """Gradio's app, whose page names its icon. What is no HTML goes through as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        held: Message | None = None

        async def sent(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                if MutableHeaders(scope=message).get("content-type", "").startswith("text/html"):
                    held = message
                    return
            elif held is not None:
                start, headers, held = held, MutableHeaders(scope=held), None
                before = message.get("body", b"")
                body = before.replace(b"<head>", b"<head>" + ICON, 1)
                if length := headers.get("content-length"):
                    headers["content-length"] = str(int(length) + len(body) - len(before))
                await send(start)
                message = {**message, "body": body}
            await send(message)

        await self.app(scope, receive, sent)


class WithPresence:
    """Gradio's app, whose pages are here as long as each holds its connection."""

    def __init__(self, app: ASGIApp, visits: Visits) -> None:
        self.app, self.visits = app, visits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        before, _, visit = scope.get("path", "").rpartition("/")
        held = self.visits.present(visit) if before.endswith("/heartbeat") else nullcontext()
        with held:
            await self.app(scope, receive, send)


async def serve(
    workshop: Workshop,
    listening: socket.socket,
    root_path: str,
    ready: Callable[[uvicorn.Server], None],
) -> None:
    """Serve the page until it is stopped; ``ready`` is given the server once the
    page can be opened: ``should_exit`` stops it.

    Whatever visits left is removed at the end.
    """
    visits = Visits()
    # GRADIO_TEMP_DIR was read when Gradio was imported, before there was a visit
    routes.DEFAULT_TEMP_DIR = str(visits.uploads)  # type: ignore[attr-defined]
    try:
        app = gr.mount_gradio_app(
            FastAPI(openapi_url=None),
            build(workshop, visits),
            path="",
            root_path=root_path or None,
            allowed_paths=[str(visits.root)],
            max_file_size=MOST_BYTES,
            theme=gr.themes.Base(
                primary_hue="blue",
                font=("system-ui", "sans-serif"),
                font_mono=("ui-monospace", "monospace"),
            ),
            css=style(),
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            mcp_server=False,
            pwa=False,
            ssr_mode=False,
            show_error=True,
        )
        config = uvicorn.Config(
            WithPresence(WithIcon(app), visits),
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=1,  # an open page holds a connection without end
        )
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        while not (server.started or running.done()):
            await asyncio.sleep(0.02)
        if server.started:
            ready(server)
        await running
    finally:
        visits.close()
