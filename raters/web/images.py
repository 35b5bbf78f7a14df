"""Images over HTTP: those in memory are answered with before the app's layers are asked."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response

from raters.database.store import Store
from raters.web.security import App, Receive, Scope, Send
from raters.web.stimulus_cache import StimulusCache

IMAGES = "/s/"


def cookie(store: Store) -> str:
    """Return the name of the cookie that holds a rater's token.

    Browsers give a host's cookies to all of its ports: servers of different databases have
    different names for theirs. Several servers of one database, behind one address, have one.
    """
    return f"session-{store.tag}"


def image(png: bytes) -> Response:
    """Answer with an image."""
    return Response(png, media_type="image/png", headers={"Cache-Control": "no-store"})


class StimulusCacheMiddleware:
    """ASGI middleware: answers at once with images that are in memory; the rest goes on.

    Two in three requests of a study are for images. Through the app's layers, its thread pool and
    the database, each takes as long as storing an answer.
    """

    def __init__(self, app: App, cache: StimulusCache, cookie: str) -> None:
        self.app, self.cache, self.cookie = app, cache, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the class."""
        if scope["type"] == "http" and scope["method"] == "GET":
            path: str = scope["path"]
            if path.startswith(IMAGES):
                token = HTTPConnection(scope).cookies.get(self.cookie, "")
                png = self.cache.cached(path.removeprefix(IMAGES), token)
                if png is not None:
                    return await image(png)(scope, receive, send)
        return await self.app(scope, receive, send)
