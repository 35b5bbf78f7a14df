"""Behind a proxy: the path that it serves under, and what it has to pass on."""

from __future__ import annotations

from fastapi import Request

from raters.web.address import Address
from raters.web.security import App, Receive, Scope, Send

NGINX = {
    "Host": "proxy_set_header Host $http_host;",
    "X-Forwarded-Proto": "proxy_set_header X-Forwarded-Proto $scheme;",
    "X-Forwarded-For": "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
}
"""What a proxy has to pass on, and how nginx is told so."""


class RootPathMiddleware:
    """ASGI middleware: takes a path such as ``/study`` away, which some proxies leave and some do
    not."""

    def __init__(self, app: App, root: str) -> None:
        self.app, self.root = app, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the class."""
        if scope["type"] == "http" and f"{scope['path']}/".startswith(f"{self.root}/"):
            path = scope["path"].removeprefix(self.root) or "/"
            raw = (scope.get("raw_path") or b"").removeprefix(self.root.encode()) or b"/"
            scope = {**scope, "path": path, "raw_path": raw}
        await self.app(scope, receive, send)


def not_passed_on(request: Request, address: Address) -> dict[str, str]:
    """Return which headers a proxy does not pass on, if there is one, and how nginx would.

    ``address`` is what raters use. Who comes past the proxy, on this machine, sees the same.
    """
    seen = {
        "Host": request.headers.get("host", "") in (address.host, f"{address.host}:443"),
        "X-Forwarded-Proto": request.url.scheme == address.scheme,
        "X-Forwarded-For": "x-forwarded-for" in request.headers,
    }
    return {name: NGINX[name] for name, there in seen.items() if not there}
