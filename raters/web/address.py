"""Where people reach a server: scheme, host and the path it lies under. Never glued."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from bench.core.errors import BenchError

OWN_PATHS = ("r", "p", "s", "api", "rate", "rate-assets", "dashboard")
"""First parts of the server's own paths: below one of these, a proxy's path would be ambiguous."""
_PART = re.compile(r"[A-Za-z0-9~_-][A-Za-z0-9._~-]*")


@dataclass(frozen=True, slots=True)
class Address:
    """``origin``: scheme, host and port, as browsers write it; ``root``: empty, or ``/study``."""

    origin: str
    root: str = ""

    def __str__(self) -> str:
        return f"{self.origin}{self.root}"

    @property
    def host(self) -> str:
        """Host and port, as in the header ``Host``."""
        return self.origin.partition("://")[2]

    @property
    def scheme(self) -> str:
        """``https`` or ``http``."""
        return self.origin.partition("://")[0]

    def rater(self, token: str) -> str:
        """Return a rater's personal link."""
        return f"{self}/r/{token}"

    def dashboard(self, token: str) -> str:
        """Return the link of a dashboard."""
        return f"{self}/dashboard/enter/{token}"

    def crowd(self, token: str) -> str:
        """Return the link that a platform fills in: Prolific writes its placeholders like this."""
        return f"{self}/p/{token}?PROLIFIC_PID={{{{%PROLIFIC_PID%}}}}"


def parsed(url: str, root: str = "") -> Address:
    """Read ``url``, such as ``https://study.example.org:8443/study/``.

    ``root``: the path, where ``url`` has none. Raises `BenchError` for what is no address of a web
    site, has a query, or a path that no proxy could pass on as it is.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BenchError(f"'{url}' is no address ({error}); expected https://HOST[:PORT]") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BenchError(
            f"'{url}' is no address of a web site; expected https://HOST or http://HOST"
        )
    if parts.query or parts.fragment or parts.username is not None:
        raise BenchError(
            f"'{url}' has more than an address; expected https://HOST[:PORT][/PATH], without "
            "user, '?' and '#'"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}[parts.scheme]
    behind = "" if port in (None, usual) else f":{port}"
    own, given = parsed_root(parts.path), parsed_root(root)
    if own and given and own != given:
        raise BenchError(f"'{url}' lies under '{own}', and --root-path says '{given}'")
    return Address(f"{parts.scheme}://{host}{behind}", own or given)


def parsed_root(path: str) -> str:
    """Return a path that a server lies under, as ``/study``, or empty. Raises `BenchError`."""
    parts = [part for part in path.split("/") if part]
    if not all(_PART.fullmatch(part) for part in parts):
        raise BenchError(
            f"'{path}' is no path to serve under; expected letters, digits, . _ ~ - as in /study"
        )
    if parts and parts[0] in OWN_PATHS:
        raise BenchError(
            f"'/{parts[0]}' is a path of the server's own; serve under another, such as /study"
        )
    return "".join(f"/{part}" for part in parts)


def filled(url: str, code: str | None) -> str | None:
    """Return the page to go back to after the end, with the completion code in place of ``{code}``.

    None where there is no code and the page needs one.
    """
    if "{code}" not in url:
        return url
    return None if code is None else url.replace("{code}", quote(code, safe=""))


def return_page(url: str) -> str:
    """Return ``url`` if people may be sent there; raises `BenchError`.

    The code may stand in its path or query, and not in its host: where it leads is what was given.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "{" in parts.netloc:
        raise BenchError(
            f"--return-url '{url}' is no page to go back to; expected https://HOST/..., with "
            "{code} where the completion code belongs"
        )
    left = url.replace("{code}", "")
    if "{" in left or "}" in left or any(not 32 < ord(letter) < 127 for letter in url):
        raise BenchError(f"--return-url '{url}': expected no braces but those of {{code}}")
    return url
