"""The coordinator's dashboard: a plain page of figures that refreshes by itself.

Server-rendered and not Gradio: it is one table and six numbers, needs no queue and no sessions, and
so shares neither routes nor a process-wide state with the raters' page.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from threading import Lock

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from raters.database.store import Store
from raters.studies.answers import results
from raters.studies.changes import close_study
from raters.studies.export import judgements_csv
from raters.studies.status import Status, status
from raters.studies.tokens import RaterRefused, dashboard_tag, study_of_dashboard
from raters.studies.unblinding import unblind, unblinded
from raters.web.address import Address
from raters.web.proxies import not_passed_on
from raters.web.rate_limiter import RateLimiter
from raters.web.routes import address

PATH = "/dashboard"
FRESH_SECONDS = 4.0
"""Less than a page waits before it asks again."""
REST = 20
"""A count rests for so many times as long as it took: it never takes more than a twentieth."""


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("raters.web", "page"), autoescape=True, undefined=StrictUndefined
    )


class Counts:
    """How each study is going, counted at most every `FRESH_SECONDS`, by one request at a time.

    However many dashboards are open, and however often they ask, raters' answers wait for one
    count.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._known: dict[str, tuple[float, Status]] = {}
        self._lock = Lock()

    def of(self, name: str) -> Status:
        """Return the study's status of now, or of a few seconds ago. Raises `BenchError`."""
        with self._lock:
            until, known = self._known.get(name, (0.0, None))
            if known is None or self._clock() >= until:
                begun = self._clock()
                known = status(self._store, name)
                spent = self._clock() - begun
                until = self._clock() + max(FRESH_SECONDS, REST * spent)
                self._known[name] = until, known
            return known

    def forget(self, name: str) -> None:
        """Count anew next time."""
        with self._lock:
            self._known.pop(name, None)


def dashboard_routes(
    store: Store, limiter: RateLimiter, reached: Address | None = None
) -> APIRouter:
    """Return the routes of the dashboards, under `PATH`. ``reached``: where raters reach them.

    A browser may hold several: a study is in the path of all that its page asks for, and its cookie
    is of that path and has a name of its own, on every server.
    """
    routes = APIRouter(prefix=PATH)

    counts = Counts(store)

    def named(token: str) -> str:
        name = study_of_dashboard(store, token)
        if name is None:
            raise RaterRefused("wrong")
        return name

    def check(request: Request, name: str) -> None:
        """Raise `RaterRefused` unless the cookie opens the dashboard of that very study."""
        tag = dashboard_tag(store, name)
        token = request.cookies.get(f"dashboard-{tag}")
        if tag is None or not token or limiter.open(token, address(request), named) != name:
            raise RaterRefused("wrong")

    @routes.get("/enter/{token}")
    def enter(token: str, request: Request) -> Response:
        name = limiter.open(token, address(request), named)
        own = f"{request.app.state.root}{PATH}/of/{name}"
        response = RedirectResponse(f"{own}/open", status_code=303)
        response.set_cookie(
            f"dashboard-{dashboard_tag(store, name)}",
            token,
            httponly=True,
            samesite="strict",
            path=own,
            secure=request.url.scheme == "https",
            max_age=90 * 86400,
        )
        return response

    @routes.get("/of/{name}/open")
    def come_in(name: str) -> Response:
        # A strict cookie is held back while a link of another site is followed; a page of our own
        # that goes on by itself is where that ends.
        return HTMLResponse('<!doctype html><meta http-equiv="refresh" content="0; url=./">')

    @routes.get("/of/{name}/")
    def figures(name: str, request: Request) -> Response:
        check(request, name)
        known = unblinded(store, name)
        page = (
            _templates()
            .get_template("dashboard.html")
            .render(
                p=counts.of(name),
                named=known,
                results=results(store, name) if known else None,
                now=store.clock().strftime("%Y-%m-%d %H:%M:%S"),
                missing=not_passed_on(request, reached) if reached else {},
            )
        )
        return HTMLResponse(page)

    @routes.get("/of/{name}/export")
    def export(name: str, request: Request) -> Response:
        check(request, name)
        headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(judgements_csv(store, name), media_type="text/csv", headers=headers)

    @routes.post("/of/{name}/close")
    def close(name: str, request: Request) -> Response:
        check(request, name)
        close_study(store, name)
        counts.forget(name)
        return RedirectResponse("./", status_code=303)

    @routes.post("/of/{name}/unblind")
    def show_names(name: str, request: Request) -> Response:
        check(request, name)
        unblind(store, name)
        return RedirectResponse("./", status_code=303)

    return routes
