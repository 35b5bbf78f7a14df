"""The coordinator's dashboard: a plain page of figures that refreshes by itself.

Server-rendered and not Gradio: it is one table and six numbers, needs no queue and no sessions, and
so shares neither routes nor a process-wide state with the raters' page.
"""

from __future__ import annotations

from functools import cache

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from raters.database.store import Store
from raters.studies.answers import results
from raters.studies.creation import close_study
from raters.studies.export import judgements_csv
from raters.studies.status import status
from raters.studies.tokens import RaterRefused, study_of_dashboard
from raters.studies.unblinding import unblind, unblinded
from raters.web.rate_limiter import RateLimiter
from raters.web.routes import address

PATH = "/dashboard"
COOKIE = "dashboard"


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("raters.web", "page"), autoescape=True, undefined=StrictUndefined
    )


def dashboard_routes(store: Store, limiter: RateLimiter) -> APIRouter:
    """Return the routes of the dashboard, under `PATH`."""
    routes = APIRouter(prefix=PATH)

    def named(token: str) -> str:
        name = study_of_dashboard(store, token)
        if name is None:
            raise RaterRefused("wrong")
        return name

    def study_of(request: Request) -> str:
        token = request.cookies.get(COOKIE)
        if not token:
            raise RaterRefused("wrong")
        return limiter.open(token, address(request), named)

    @routes.get("/enter/{token}")
    def enter(token: str, request: Request) -> Response:
        limiter.open(token, address(request), named)
        response = RedirectResponse(f"{PATH}/open", status_code=303)
        response.set_cookie(
            COOKIE, token, httponly=True, samesite="strict", path=PATH,
            secure=request.url.scheme == "https", max_age=90 * 86400,
        )  # fmt: skip
        return response

    @routes.get("/open")
    def come_in() -> Response:
        # A strict cookie is held back while a link of another site is followed; a page of our own
        # that goes on by itself is where that ends.
        return HTMLResponse(
            '<!doctype html><meta http-equiv="refresh" content="0; url=/dashboard/">'
        )

    @routes.get("/")
    def figures(request: Request) -> Response:
        name = study_of(request)
        known = unblinded(store, name)
        page = _templates().get_template("dashboard.html").render(
            p=status(store, name), named=known, results=results(store, name) if known else None,
            now=store.clock().strftime("%Y-%m-%d %H:%M:%S"),
        )  # fmt: skip
        return HTMLResponse(page)

    @routes.get("/export")
    def export(request: Request) -> Response:
        name = study_of(request)
        headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(judgements_csv(store, name), media_type="text/csv", headers=headers)

    @routes.post("/close")
    def close(request: Request) -> Response:
        close_study(store, study_of(request))
        return RedirectResponse(f"{PATH}/", status_code=303)

    @routes.post("/unblind")
    def show_names(request: Request) -> Response:
        unblind(store, study_of(request))
        return RedirectResponse(f"{PATH}/", status_code=303)

    return routes
