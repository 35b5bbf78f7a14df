"""The rating study's web server: raters at ``/r/TOKEN``, their coordinator at ``/dashboard``."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import uvicorn
from anyio import to_thread
from fastapi import FastAPI

from raters.database.store import Store
from raters.web.address import Address, parsed
from raters.web.dashboard import dashboard_routes
from raters.web.error_pages import add_error_pages
from raters.web.images import StimulusCacheMiddleware, cookie
from raters.web.patience import PatientProtocol
from raters.web.proxies import RootPathMiddleware
from raters.web.rate_limiter import RateLimiter
from raters.web.rating_page import mount_rating_page
from raters.web.routes import asset_routes, rater_routes
from raters.web.security import SecurityMiddleware
from raters.web.stimulus_cache import StimulusCache

THREADS = 4
"""Requests at work at once. SQLite's writers queue anyway, and Python's threads take turns: with
forty, an answer waits for a turn at each of its steps."""

SWITCH_SECONDS = 0.0005
"""How long a thread may keep the others waiting. An answer comes back from the database fifteen
times: at Python's 5 ms, 200 raters on PostgreSQL waited 1.9 s (95 %) while the cores were idle."""


def create_app(
    store_url: str,
    trusted: Iterable[str] = (),
    address: Address | None = None,
    root: str = "",
) -> FastAPI:
    """Return the app on the study database at ``store_url``; it closes it when it shuts down.

    ``address``: where raters reach it, if that was said; ``trusted``: further addresses under which
    they or coordinators do. A proxy need not pass these on in ``Host``. ``root``: a path that all
    of it lies under, such as ``/study``, which the proxy may take away or leave.

    Everything is on one origin, works without the internet, and needs no Gradio queue: see
    `SecurityMiddleware` for what is let in. Raises `BenchError` for a database that cannot be
    opened, and for a trusted address that is none.
    """
    store = Store(store_url)
    cache = StimulusCache(store)
    origins = {parsed(other).origin for other in trusted} | ({address.origin} if address else set())

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.collect()
        gc.freeze()  # what was imported stays; looking through it would hold up answers
        yield
        store.close()

    app = FastAPI(
        docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, lifespan=life
    )
    app.state.root = root
    limiter = RateLimiter()
    app.include_router(rater_routes(store, limiter, cache))
    app.include_router(dashboard_routes(store, limiter, address))
    app.include_router(asset_routes())
    add_error_pages(app, store)
    mount_rating_page(app)
    app.add_middleware(StimulusCacheMiddleware, cache=cache, cookie=cookie(store))
    app.add_middleware(SecurityMiddleware, trusted=frozenset(origins))
    if root:
        app.add_middleware(RootPathMiddleware, root=root)
    return app


def server(
    app: FastAPI,
    host: str = "127.0.0.1",
    port: int = 8000,
    proxies: Sequence[str] = ("127.0.0.1", "::1"),
) -> uvicorn.Server:
    """Return a server that writes no log of requests, hence no addresses, and says not what it is.

    Behind ``proxies``, addresses or networks, ``X-Forwarded-Proto`` and ``X-Forwarded-For`` are
    believed, for secure cookies and the limit on wrong links; from others they are not.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=PatientProtocol,
        forwarded_allow_ips=list(proxies),
        access_log=False,
        server_header=False,
        date_header=False,
        log_level="warning",
        timeout_keep_alive=75,  # longer than people think
    )
    return uvicorn.Server(config)
