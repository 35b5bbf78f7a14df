"""Images over HTTP: those in memory are answered with before the app's layers are asked."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response

from raters.web.security import App, Receive, Scope, Send
from raters.web.stimulus_cache import StimulusCache

COOKIE = "session"
"""The cookie that holds a rater's token."""
IMAGES = "/s/"


def image(png: bytes) -> Response:
    """Answer with an image."""
    return Response(png, media_type="image/png", headers={"Cache-Control": "no-store"})


class StimulusCacheMiddleware:
    """ASGI middleware: answers at once with images that are in memory; the rest goes on.

    Two in three requests of a study are for images. Through the app's layers, its thread pool and
    the database, each takes as long as storing an answer.
    """

    def __init__(self, app: App, cache: StimulusCache) -> None:
        self.app, self.cache = app, cache

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the class."""
        if scope["type"] == "http" and scope["method"] == "GET":
            path: str = scope["path"]
            if path.startswith(IMAGES):
                token = HTTPConnection(scope).cookies.get(COOKIE, "")
                png = self.cache.cached(path.removeprefix(IMAGES), token)
                if png is not None:
                    return await image(png)(scope, receive, send)
        return await self.app(scope, receive, send)
