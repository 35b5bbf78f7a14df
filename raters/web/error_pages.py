"""Error pages: a small page for people who followed a link, JSON for the page's scripts."""

from __future__ import annotations

import html

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from raters.protocols import NotAnAnswer
from raters.studies.tokens import RaterRefused
from raters.studies.unblinding import StillOpen
from raters.trials.session import Expired, NotNow, NotYours, RevisedEnough
from raters.web.rate_limiter import TooManyGuesses
from raters.web.rating_page import ASSETS

TITLES = {
    "wrong": "We do not know this link",
    "expired": "This link has expired",
    "closed": "This study is closed",
    "used_up": "This study is complete",
    "withdrawn": "You have left this study",
    "another": "Somebody else is using this browser",
    "begun": "Already begun elsewhere",
    "placeholder": "This link is not complete",
    "busy": "One moment, please",
}
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
SLOW_DOWN = "Too many wrong links came from your network. Please wait a minute and try again."
OUT_OF_STEP = "This page was out of step with the study. Here is where you are."
NOTHING_HERE = "There is nothing here."
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{assets}/error.css"></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""


def page(title: str, text: str, status: int, root: str = "") -> HTMLResponse:
    """Return a page of a title and a sentence; ``root``: the path that the server lies under."""
    body = PAGE.format(title=html.escape(title), text=html.escape(text), assets=f"{root}{ASSETS}")
    return HTMLResponse(body, status)


def respond(request: Request, status: int, kind: str, title: str, text: str) -> Response:
    """Answer in JSON where a script asks, else with a page."""
    path = request.url.path
    if path.startswith(("/api/", "/s/")):
        return JSONResponse({"error": kind, "message": text}, status)
    return page(title, text, status, request.app.state.root)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RaterRefused)
    api = request.url.path.startswith(("/api/", "/s/"))
    status = (API_STATUS if api else PAGE_STATUS)[error.kind]
    answer = respond(request, status, error.kind, TITLES[error.kind], error.message)
    if error.kind == "busy":
        answer.headers["Retry-After"] = answer.headers["Refresh"] = str(AGAIN_SECONDS)
    return answer


def _expired(request: Request, _: Exception) -> Response:
    return respond(request, 409, "expired", "Given to someone else", Expired.message)


def _revised_enough(request: Request, _: Exception) -> Response:
    return respond(request, 409, "revised_enough", "Not again", RevisedEnough.message)


def _not_now(request: Request, _: Exception) -> Response:
    return respond(request, 409, "not_now", "Not now", OUT_OF_STEP)


def _not_yours(request: Request, _: Exception) -> Response:
    return respond(request, 404, "not_yours", "Not yours", OUT_OF_STEP)


def _too_many(request: Request, _: Exception) -> Response:
    return respond(request, 429, "slow_down", "One moment, please", SLOW_DOWN)


def _invalid(request: Request, _: Exception) -> Response:
    # Not what was wrong with it: an answer that repeats the question helps only those who probe.
    return respond(request, 422, "invalid", "That did not work", "This request was not understood.")


def _impossible(request: Request, error: Exception) -> Response:
    return respond(request, 409, "not_now", "Not now", f"{error}")


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return respond(request, error.status_code, "not_found", "Nothing here", NOTHING_HERE)


def _failed(request: Request, _: Exception) -> Response:
    return respond(request, 500, "failed", "Something went wrong", "Please try again in a moment.")


def add_error_pages(app: FastAPI) -> None:
    """Turn every refusal into words."""
    app.add_exception_handler(RaterRefused, _refused)
    app.add_exception_handler(TooManyGuesses, _too_many)
    app.add_exception_handler(Expired, _expired)
    app.add_exception_handler(RevisedEnough, _revised_enough)
    app.add_exception_handler(NotNow, _not_now)
    app.add_exception_handler(NotYours, _not_yours)
    app.add_exception_handler(NotAnAnswer, _invalid)
    app.add_exception_handler(StillOpen, _impossible)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)
