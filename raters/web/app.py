"""The rating study's web server: raters at ``/r/TOKEN``, their coordinator at ``/desk``."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from anyio import to_thread
from fastapi import FastAPI

from raters.database.store import Store
from raters.web.dashboard import desk_routes
from raters.web.error_pages import add_notices
from raters.web.images import AtHand
from raters.web.rate_limiter import Doorman
from raters.web.rating_page import mount_rating_page
from raters.web.routes import asset_routes, rater_routes
from raters.web.security import Guard
from raters.web.stimulus_cache import Served

THREADS = 4
"""Requests at work at once. The study's writers queue anyway, and Python's threads take turns: with
forty, an answer waits for a turn at each of its steps."""


def create_app(store_url: str) -> FastAPI:
    """Return the app on the study database at ``store_url``; it closes it when it shuts down.

    Everything is on one origin, works without the internet, and needs no Gradio queue: see `Guard`
    for what is let in. Raises `BenchError` for a database that cannot be opened.
    """
    store = Store(store_url)
    served = Served(store)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        gc.collect()
        gc.freeze()  # what was imported stays; looking through it would hold up answers
        yield
        store.close()

    app = FastAPI(
        docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, lifespan=life
    )
    doorman = Doorman()
    app.include_router(rater_routes(store, doorman, served))
    app.include_router(desk_routes(store, doorman))
    app.include_router(asset_routes())
    add_notices(app)
    mount_rating_page(app)
    app.add_middleware(AtHand, served=served)
    app.add_middleware(Guard)
    return app


def server(app: FastAPI, host: str = "127.0.0.1", port: int = 8000) -> uvicorn.Server:
    """Return a server that writes no log of requests, hence no addresses, and says not what it is.

    Behind a proxy on the same machine, ``X-Forwarded-Proto`` is believed, for secure cookies.
    """
    config = uvicorn.Config(
        app, host=host, port=port, access_log=False, server_header=False, date_header=False,
        log_level="warning", timeout_keep_alive=75,  # longer than people think
    )  # fmt: skip
    return uvicorn.Server(config)
