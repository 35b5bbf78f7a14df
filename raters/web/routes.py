"""The rater's routes: links, the study's steps, judgements, images. None passes Gradio.

The functions are plain ``def``: FastAPI runs them in its thread pool, so a write that waits for the
disk holds up nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from bench.image import encode_png
from raters.database.store import Store
from raters.studies.tokens import RaterRefused, prolific_entry
from raters.texts.questions import as_json
from raters.trials.session import Elsewhere, Finished, Next, Session, Trial, Waiting
from raters.trials.views import REFERENCE_MS
from raters.web.address import filled
from raters.web.images import IMAGES, cookie, image
from raters.web.rate_limiter import RateLimiter
from raters.web.rating_page import ASSETS, PATH, SERVED, asset
from raters.web.request_models import (
    AnswersRequest,
    EmptyRequest,
    JudgementRequest,
    RevisionRequest,
    ScreenRequest,
    TrialRequest,
    WithdrawRequest,
)
from raters.web.stimulus_cache import StimulusCache
from raters.web.wording import (
    common_words,
    feedback,
    instructions,
    protocol_on_page,
    question,
    usual_texts,
    wanted,
)

WHO = "X-Rater"
"""The header in which a page says whose it is: in a shared browser, the cookie may be another's."""


def address(request: Request) -> str:
    """Return the network address that failures are counted for; it is kept nowhere else."""
    return request.client.host if request.client else ""


def rater_routes(store: Store, limiter: RateLimiter, cache: StimulusCache) -> APIRouter:
    """Return the routes of raters: ``/r``, ``/p``, ``/api`` and ``/s``."""
    routes = APIRouter()
    named = cookie(store)

    def opened(request: Request) -> Session:
        token = request.cookies.get(named)
        if not token:
            raise RaterRefused("wrong")
        session = limiter.open(token, address(request), lambda known: Session.open(store, known))
        request.state.texts = session.texts(wanted(request))
        if request.headers.get(WHO, session.who) != session.who:
            raise RaterRefused("another", session.study.id)
        return session

    def admitted(request: Request, token: str) -> Response:
        # The page itself asks for no cookie: a browser that follows this redirect from a mail or
        # another site holds a strict cookie back until the page makes requests of its own.
        root = request.app.state.root
        response = RedirectResponse(f"{root}{PATH}/", status_code=303)
        response.set_cookie(
            named,
            token,
            httponly=True,
            samesite="strict",
            path=f"{root}/",
            secure=request.url.scheme == "https",
            max_age=90 * 86400,
        )
        return response

    def given(step: Next, session: Session, request: Request) -> dict[str, Any]:
        if isinstance(step, Trial):
            cache.remember(step.stimuli, request.cookies[named], session.study.rules.secret)
        return next_step(step)

    @routes.get("/r/{token}")
    def enter(token: str, request: Request) -> Response:
        limiter.open(token, address(request), lambda known: Session.open(store, known))
        return admitted(request, token)

    @routes.get("/p/{entry}")
    def enter_from_platform(entry: str, request: Request) -> Response:
        pid = request.query_params.get("PROLIFIC_PID", "")
        token = limiter.open(
            entry,
            address(request),
            lambda known: prolific_entry(store, known, pid, request.cookies.get(named, "")),
        )
        return admitted(request, token)

    @routes.get("/api/session")
    def session_view(request: Request) -> dict[str, Any]:
        session = opened(request)
        study, state, texts = session.study, session.state(), request.state.texts
        return {
            "stage": state.stage,
            "done": state.done,
            "total": state.total,
            "code": state.completion_code,
            "back": study.return_url and filled(study.return_url, state.completion_code),
            "ended": state.ended,
            "seconds_left": state.seconds_left,
            "who": session.who,
            "number": session.rater,
            "language": texts.language,
            "texts": common_words(texts),
            "questions": as_json(texts.questions),
            "plates": len(session.plates()),
            "protocol": protocol_on_page(study, texts),
            "question": question(study, texts),
            "instructions": {
                "keys": instructions(study, texts),
                "touch": instructions(study, texts, touch=True),
            },
            "reference": study.reference_shown,
            "reference_ms": REFERENCE_MS if study.reference_shown else 0,
            "one_key": study.one_key,
            "height": study.height,
            "width": study.width,
        }

    @routes.post("/api/consent")
    def consent(body: EmptyRequest, request: Request) -> dict[str, bool]:
        opened(request).consent(wanted(request))
        return {"ok": True}

    @routes.post("/api/answers")
    def answers(body: AnswersRequest, request: Request) -> dict[str, bool]:
        opened(request).answered(body.answers)
        return {"ok": True}

    @routes.get("/api/plate/{place}")
    def plate(place: int, request: Request) -> Response:
        plates = opened(request).plates()
        if not 0 <= place < len(plates):
            raise HTTPException(404)
        return Response(encode_png(plates[place].pixels()), media_type="image/png")

    @routes.post("/api/checks")
    def checks(body: ScreenRequest, request: Request) -> dict[str, Any]:
        session = opened(request)
        session.checked(body.model_dump(exclude={"plates"}), body.plates)
        return {"ok": True, "seconds_left": session.state().seconds_left}

    @routes.post("/api/withdraw")
    def withdraw(body: WithdrawRequest, request: Request) -> dict[str, Any]:
        return {"ok": True, "code": opened(request).withdraw(body.delete)}

    @routes.post("/api/trial")
    def trial(body: TrialRequest, request: Request) -> dict[str, Any]:
        session = opened(request)
        return given(session.trial(body.tab, body.take_over), session, request)

    @routes.post("/api/judgement")
    def judgement(body: JudgementRequest, request: Request) -> dict[str, Any]:
        client = body.client.model_dump() | body.model_dump(
            include={
                "response_ms",
                "timer_broken",
                "reloads",
                "layout",
                "reference_shown",
                "reference_ms",
            }
        )
        session = opened(request)
        saved = session.submit(body.trial, body.answer, body.key, body.tab, client)
        return {
            "saved": True,
            "repeated": saved.repeated,
            "answer": saved.answer_stored,
            "feedback": saved.feedback
            and feedback(saved.feedback, session.study, request.state.texts),
            "next": given(saved.next, session, request),
        }

    @routes.post("/api/revision")
    def revision(body: RevisionRequest, request: Request) -> dict[str, Any]:
        saved = opened(request).revise(body.key, body.answer, body.tab)
        return {"saved": True, "repeated": saved.repeated, "answer": saved.answer_stored}

    @routes.get(IMAGES + "{serving}")
    def stimulus(serving: str, request: Request) -> Response:
        png = cache.png(serving, request.cookies.get(named, ""))
        if png is None:
            raise HTTPException(404)
        return image(png)

    return routes


def asset_routes() -> APIRouter:
    """Return the routes of our own scripts and styles, by a list of names."""
    routes = APIRouter()

    @routes.get(f"{ASSETS}/{{name}}")
    async def script_or_style(name: str) -> Response:
        if name not in SERVED:
            raise HTTPException(404)
        return Response(asset(name), media_type=SERVED[name])

    @routes.get("/manifest.json")
    async def manifest(request: Request) -> dict[str, str]:
        return {"name": usual_texts(request).say("study.title")}  # Gradio's page asks for one

    @routes.get("/favicon.ico")
    async def icon() -> Response:
        return Response(status_code=204)

    return routes


def next_step(step: Next) -> dict[str, Any]:
    """Say what a client does next, and nothing that tells it what it looks at."""
    if isinstance(step, Elsewhere):
        return {"state": "elsewhere"}
    if isinstance(step, Waiting):
        return {"state": "wait", "seconds": step.seconds}
    if isinstance(step, Finished):
        return {"state": "done"}
    return {
        "state": "trial",
        "trial": step.id,
        "training": step.kind_for_client == "training",
        "number": step.number,
        "total": step.total,
        "width": step.width,
        "height": step.height,
        "resumed": step.resumed,
        "practice": step.practice,
        "slots": _urls(step.slots),
        "following": [_urls(slots) for slots in step.following],
    }


def _urls(slots: Mapping[str, str]) -> dict[str, str]:
    return {slot: f"{IMAGES}{serving}" for slot, serving in slots.items()}
