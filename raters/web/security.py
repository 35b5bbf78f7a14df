"""What may come in and what every answer carries: one pure ASGI layer around the whole app.

Gradio mounts some eighty routes: uploads, files, proxies, its queue, its schema. The rating page
needs four, and none that runs Python, so all others answer 404 here and never reach Gradio.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from bench.core.errors import BenchError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_LIMIT = 16 * 1024
PAGE = "/rate/"
GRADIO = re.compile(
    r"/rate/(assets/[A-Za-z0-9_-][A-Za-z0-9_.-]*"
    r"|static/js/iframeResizer\.contentWindow\.min\.js|theme\.css)?"
)
"""Of Gradio's routes, those that the page loads."""
READING = ("GET", "HEAD")
DASHBOARD = "/dashboard/"
FOREIGN = (
    "This came from a page of another site, so nothing was done. Open the page by its own link; "
    "where it is reached under another name, 'bench rate serve' is told so with --url or --trust."
)

CLOSED = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
OWN_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
# Gradio compiles its components' templates and scripts with `new Function` and styles elements
# inline, so these two stay open on its page. Its inline scripts are let in one by one, by hash.
GRADIO_PAGE = (
    "default-src 'none'; script-src 'self' 'unsafe-eval' {hashes}; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'self'; "
    "form-action 'none'"
)
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
_INLINE = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
_DROPPED = {b"server", b"etag", b"last-modified"}


def content_policy(page: bytes) -> str:
    """Return the Content-Security-Policy of Gradio's page, with a hash for each inline script."""
    digests = (hashlib.sha256(script).digest() for script in _INLINE.findall(page))
    hashes = " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests)
    return GRADIO_PAGE.format(hashes=hashes)


def refusal(scope: Scope, trusted: frozenset[str] = frozenset()) -> tuple[int, str, str] | None:
    """Say why a request is turned away before any code of ours sees it: status, kind, words."""
    path, method = scope["path"], scope["method"]
    if f"{path}/".startswith(PAGE) and not (GRADIO.fullmatch(path) and method in READING):
        return 404, "not_found", "There is nothing here."
    if path == PAGE and scope["query_string"]:
        return 404, "not_found", "There is nothing here."  # Gradio reads files by query there
    if method in (*READING, "OPTIONS"):
        return None
    headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
    if _foreign(headers, trusted):
        return 403, "foreign", FOREIGN
    if headers.get("content-type", "").split(";")[0].strip() not in _types(path):
        return 415, "type", "Expected application/json."
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_LIMIT:
        return 413, "too_large", "This request is too large."
    return None


def _foreign(headers: dict[str, str], trusted: frozenset[str]) -> bool:
    """Whether a browser says that another site made the request. Programs send neither header.

    ``Sec-Fetch-Site`` decides where there is one: no page can forge it, and it is right behind a
    proxy that changes the host and where the browser keeps its ``Origin`` to itself (``null``).
    Browsers leave it out where the connection is not encrypted.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if site is not None or origin is None or origin in trusted:
        return site not in (None, "same-origin")
    return urlsplit(origin).netloc != headers.get("host")


def origin_of(url: str) -> str:
    """Return scheme, host and port of an address; raises `BenchError` unless it is a web page's."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise BenchError(
            f"'{url}' is no address of a web site; expected https://HOST or http://HOST"
        )
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(usual)}"


def _types(path: str) -> tuple[str, ...]:
    """The dashboard's buttons are plain forms; everything else speaks JSON."""
    form = "application/x-www-form-urlencoded"
    return (form,) if path.startswith(DASHBOARD) else ("application/json",)


class SecurityMiddleware:
    """ASGI middleware: turns away what `refusal` names, limits bodies, sets the headers.

    ``trusted``: origins, besides the one that a request is addressed to, whose pages are ours.
    """

    def __init__(self, app: App, trusted: frozenset[str] = frozenset()) -> None:
        self.app, self.trusted = app, trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on HTTP and the life cycle; there are no web sockets here."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        outgoing = self._sealed(scope["path"], send)
        refused = refusal(scope, self.trusted)
        if refused:
            return await _answer(outgoing, scope["path"], *refused)
        if scope["path"] == PAGE:
            return await self._page(scope, receive, outgoing)
        return await self.app(scope, _limited(receive), outgoing)

    def _sealed(self, path: str, send: Send) -> Send:
        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _headers(path, message.get("headers", []))
            await send(message)

        return sealed

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read Gradio's page whole, to let in its inline scripts and no others."""
        start: Message = {}
        body = bytearray()
        headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        await self.app({**scope, "headers": headers}, receive, collect)
        policy = content_policy(bytes(body)).encode()
        start["headers"] = [
            *start["headers"],
            (b"content-security-policy", policy),
            (b"cache-control", b"no-store"),
        ]
        await send(start)
        await send({"type": "http.response.body", "body": bytes(body)})


def _headers(path: str, given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    kept = [
        pair
        for pair in given
        if pair[0].lower() not in _DROPPED and not pair[0].lower().startswith(b"access-control-")
    ]
    names = {name.lower() for name, _ in kept}
    kept += HEADERS
    if b"content-security-policy" not in names:
        html = any(v.startswith(b"text/html") for n, v in kept if n.lower() == b"content-type")
        kept.append((b"content-security-policy", (OWN_PAGE if html else CLOSED).encode()))
    if b"cache-control" not in names:
        # Gradio's assets carry a hash in their names; everything else may change or is private.
        fixed = path.startswith("/rate/assets/")
        kept.append((b"cache-control", b"public, max-age=86400" if fixed else b"no-store"))
    return kept


def _limited(receive: Receive) -> Receive:
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > BODY_LIMIT:
            # To the app, the client has gone: it stops reading, and nothing was stored.
            return {"type": "http.disconnect"}
        return message

    return limited


async def _answer(send: Send, path: str, status: int, kind: str, words: str) -> None:
    """Answer in JSON; where somebody pressed a button of the dashboard, with a page."""
    body, of_type = json.dumps({"error": kind, "message": words}).encode(), b"application/json"
    if path.startswith(DASHBOARD):
        body = f'<!doctype html><html lang="en"><title>Not done</title><p>{words}</p>'.encode()
        of_type = b"text/html; charset=utf-8"
    headers = [(b"content-type", of_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
