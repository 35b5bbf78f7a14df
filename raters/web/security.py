"""What may come in and what every answer carries: one pure ASGI layer around the whole app.

Gradio mounts some eighty routes: uploads, files, proxies, its queue, its schema. The rating page
needs four, and none that runs Python, so all others answer 404 here and never reach Gradio.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from raters.texts import LANGUAGES, preferred, shipped
from raters.web import patience
from raters.web.first_words import first_words

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
FOREIGN = (  # for whoever runs the server
    "Behind a proxy, the header 'Host' is missing: it has to be passed on (nginx: proxy_set_header "
    "Host $http_host), or 'bench rate serve' is told the address with --url or --trust."
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


NOWHERE = "nowhere.invalid"
"""The host that Gradio is told, to be found in its page and replaced."""
_BODY = re.compile(rb"<body[^>]*>")
_HOME = b'new URL(".",document.baseURI).href.slice(0,-1)'


def at_home(page: bytes, wanted: str = "") -> bytes:
    """Return Gradio's page with addresses relative to where it was loaded from.

    And with `first_words`, in the languages that are ``wanted``.

    Gradio writes the address of its root into its scripts, from headers that a proxy may not send;
    the browser knows better.
    """
    page = page.replace(f'"http://{NOWHERE}{PAGE[:-1]}"'.encode(), _HOME)
    page = page.replace(b'href="/manifest.json"', b'href="../manifest.json"')
    # Without one, browsers ask for an icon at the root of the host, which is not ours.
    page = page.replace(b"</head>", b'<link rel="icon" href="../favicon.ico"></head>', 1)
    return _BODY.sub(lambda found: found[0] + first_words(wanted), page, count=1)


def refusal(scope: Scope, trusted: frozenset[str] = frozenset()) -> tuple[int, str] | None:
    """Say why a request is turned away before any code of ours sees it: status and kind.

    The kind is what the texts have under ``errors``.
    """
    path, method = scope["path"], scope["method"]
    if f"{path}/".startswith(PAGE) and not (GRADIO.fullmatch(path) and method in READING):
        return 404, "not_found"
    if path == PAGE and scope["query_string"]:
        return 404, "not_found"  # Gradio reads files by query there
    if method in (*READING, "OPTIONS"):
        return None
    headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
    if _foreign(headers, trusted):
        return 403, "foreign"
    if headers.get("content-type", "").split(";")[0].strip() not in _types(path):
        return 415, "type"
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_LIMIT:
        return 413, "too_large"
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
            return await _answer(outgoing, scope, *refused)
        if scope["path"] == PAGE:
            return await self._page(scope, receive, outgoing)
        body = _Body(receive)
        return await self.app(scope, body.receive, body.closing(outgoing))

    def _sealed(self, path: str, send: Send) -> Send:
        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _headers(path, message.get("headers", []))
            await send(message)

        return sealed

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read Gradio's page whole: to let in its inline scripts and no others, and to let it find
        its assets where the browser found the page, whatever the proxies between say of that."""
        start: Message = {}
        body = bytearray()
        headers = [(b"host", NOWHERE.encode())]

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        await self.app({**scope, "scheme": "http", "headers": headers}, receive, collect)
        page = at_home(bytes(body), _header(scope, b"accept-language"))
        start["headers"] = [
            *(pair for pair in start["headers"] if pair[0] != b"content-length"),
            (b"content-length", b"%d" % len(page)),
            (b"content-security-policy", content_policy(page).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send(start)
        await send({"type": "http.response.body", "body": page})


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


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


class _Body:
    """A request's body, which may be neither too large nor too late."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ends = asyncio.get_running_loop().time() + patience.READ_SECONDS
        self._seen, self._whole, self._given_up = 0, False, False

    async def receive(self) -> Message:
        """Return the next part; to the app, a client who sends no more, or too much, has gone."""
        if self._whole:
            return await self._receive()
        if self._given_up:
            return {"type": "http.disconnect"}
        try:
            async with asyncio.timeout_at(self._ends):
                message = await self._receive()
        except TimeoutError:
            message = {"type": "http.disconnect"}
        self._seen += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if message["type"] == "http.disconnect" or self._seen > BODY_LIMIT:
            self._whole, self._given_up = False, True
            return {"type": "http.disconnect"}
        return message

    def closing(self, send: Send) -> Send:
        """Return ``send``, which ends the connection after the answer if the body was given up."""

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start" and self._given_up:
                message["headers"] = [*message.get("headers", []), (b"connection", b"close")]
            await send(message)

        return closing


async def _answer(send: Send, scope: Scope, status: int, kind: str) -> None:
    """Answer in JSON; where somebody pressed a button of the dashboard, with a page.

    In the browser's language: of which study a request is, nobody has looked up yet.
    """
    texts = shipped(preferred(_header(scope, b"accept-language"), LANGUAGES))
    words = texts.say(f"errors.{kind}.text")
    if kind == "foreign":
        words += f" {FOREIGN}"
    body, of_type = json.dumps({"error": kind, "message": words}).encode(), b"application/json"
    if scope["path"].startswith(DASHBOARD):
        title = html.escape(texts.say(f"errors.{kind}.title"))
        page = f'<!doctype html><html lang="{texts.language}"><meta charset="utf-8">'
        page += f"<title>{title}</title><h1>{title}</h1><p>{html.escape(words)}</p>"
        body, of_type = page.encode(), b"text/html; charset=utf-8"
    headers = [(b"content-type", of_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
