"""Error pages: a small page for people who followed a link, JSON for the page's scripts."""

from __future__ import annotations

import html
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from raters.database.store import Store
from raters.protocols import NotAnAnswer
from raters.studies.tokens import RaterRefused
from raters.studies.unblinding import StillOpen
from raters.texts import Texts, preferred, shipped
from raters.trials.session import Expired, NotNow, NotSeen, NotYours, RevisedEnough, texts_of
from raters.trials.views import MOST_REVISIONS
from raters.web.rate_limiter import TooManyGuesses
from raters.web.rating_page import ASSETS
from raters.web.wording import usual_texts, wanted

PAGE_STATUS = {
    "wrong": 404,
    "expired": 410,
    "closed": 410,
    "used_up": 403,
    "withdrawn": 410,
    "another": 403,
    "placeholder": 400,
    "begun": 403,
    "busy": 503,
}
API_STATUS = {
    "wrong": 401,
    "expired": 401,
    "closed": 403,
    "used_up": 403,
    "withdrawn": 403,
    "another": 403,
    "placeholder": 400,
    "begun": 403,
    "busy": 503,
}
AGAIN_SECONDS = 20
"""After which the page of who has to wait tries again."""
PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{assets}/error.css"></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""
Answer = Callable[[Request, Exception], Response]


def _is_api(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/s/"))


def respond(
    request: Request, status: int, kind: str, texts: Texts, key: str, **values: object
) -> Response:
    """Say what ``texts`` have under ``key``: in JSON where a script asks, else as a page."""
    text = texts.say(f"{key}.text", **values)
    if _is_api(request):
        return JSONResponse({"error": kind, "message": text}, status)
    return _page(request, texts, texts.say(f"{key}.title"), text, status)


def _page(request: Request, texts: Texts, title: str, text: str, status: int) -> HTMLResponse:
    body = PAGE.format(
        language=texts.language,
        title=html.escape(title),
        text=html.escape(text),
        assets=f"{request.app.state.root}{ASSETS}",
    )
    return HTMLResponse(body, status)


def _texts(request: Request) -> Texts:
    """Return the texts of the session that asks, if there is one."""
    known: Texts | None = getattr(request.state, "texts", None)
    return known or usual_texts(request)


def _says(status: int, kind: str, said: str = "", **values: object) -> Answer:
    """Return a handler that says what the texts have under ``errors``: ``said``, or the kind.

    Not what was wrong with a request: an answer that repeats the question helps those who probe.
    """

    def answer(request: Request, _: Exception) -> Response:
        return respond(request, status, kind, _texts(request), f"errors.{said or kind}", **values)

    return answer


def _refused(store: Store) -> Answer:
    def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, RaterRefused)
        status = (API_STATUS if _is_api(request) else PAGE_STATUS)[error.kind]
        texts = _texts(request)
        if error.study is not None and not hasattr(request.state, "texts"):
            known = texts_of(store, error.study)
            texts = known[preferred(wanted(request), list(known))]
        response = respond(request, status, error.kind, texts, f"refused.{error.kind}")
        if error.kind == "busy":
            response.headers["Retry-After"] = response.headers["Refresh"] = str(AGAIN_SECONDS)
        return response

    return answer


def _still_open(request: Request, error: Exception) -> Response:
    """For the coordinator, who alone can cause it."""
    texts = shipped()
    return _page(request, texts, texts.say("errors.not_now.title"), str(error), 409)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return respond(request, error.status_code, "not_found", _texts(request), "errors.not_found")


def add_error_pages(app: FastAPI, store: Store) -> None:
    """Turn every refusal into words, those of the study of ``store`` that it is about."""
    app.add_exception_handler(RaterRefused, _refused(store))
    app.add_exception_handler(TooManyGuesses, _says(429, "slow_down"))
    app.add_exception_handler(Expired, _says(409, "given_away"))
    app.add_exception_handler(RevisedEnough, _says(409, "revised_enough", most=MOST_REVISIONS))
    app.add_exception_handler(NotNow, _says(409, "not_now"))
    app.add_exception_handler(NotSeen, _says(409, "not_seen"))
    app.add_exception_handler(NotYours, _says(404, "not_yours", said="not_now"))
    app.add_exception_handler(NotAnAnswer, _says(422, "invalid"))
    app.add_exception_handler(StillOpen, _still_open)
    app.add_exception_handler(RequestValidationError, _says(422, "invalid"))
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _says(500, "failed"))
