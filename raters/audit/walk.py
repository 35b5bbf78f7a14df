"""A rater by program: goes the whole way through a study over HTTP and keeps every answer."""

from __future__ import annotations

import http.client
import json
import random
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urljoin, urlsplit

from bench.core.errors import BenchError

MOST_TRIALS = 10_000
SCREEN = {
    "viewport": [1920, 1080],
    "screen": [1920, 1080],
    "dpr": 1,
    "zoom": 1,
    "pinch": 1,
    "depth": 24,
    "wide_gamut": False,
    "dark_seen": 5,
    "bright_seen": 4,
}
CLIENT = {
    "viewport": [1920, 1080],
    "dpr": 1,
    "modes": ["side"],
    "flickers": 0,
    "held": 0,
    "zoom": 1,
    "zoom_max": 1,
    "pans": 0,
}
LOOKED = {"layout": "a b", "reference_shown": 1, "reference_ms": 1000}
OUTSIDE = (
    "/",
    "/config",
    "/info",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/manifest.json",
    "/favicon.ico",
    "/rate",
    "/rate/",
    "/rate/?view=api",
    "/rate/config",
    "/rate/info",
    "/rate/openapi.json",
    "/rate/docs",
    "/rate/manifest.json",
    "/rate/gradio_api/info",
    "/rate/gradio_api/config",
    "/rate/gradio_api/openapi.json",
    "/rate/gradio_api/startup-events",
    "/rate/gradio_api/queue/data",
    "/rate/gradio_api/file=pyproject.toml",
    "/rate/monitoring",
    "/api/session",
    "/r/",
    "/r/wrong",
    "/r/wrong/link",
    "/p/wrong?PROLIFIC_PID=nobody",
    "/s/wrong",
    "/dashboard",
    "/dashboard/",
    "/dashboard/of/wrong/open",
    "/dashboard/of/wrong/export",
    "/dashboard/of/wrong/",
    "/dashboard/enter/wrong",
)
"""What somebody may ask for who has no link, or a wrong one."""

_LINKED = re.compile(r"""(?:src|href)=["']([^"'#]+)["']""")
_IMPORTED = re.compile(r"""(?:from|import)\s*\(?\s*["'](\.{0,2}/[\w./-]+\.(?:js|css))["']""")
_RANDOM = re.compile(r"^/(s|r|p|dashboard/enter)/[^/?]+")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and the answer to it: ``headers`` as sent, in their order."""

    method: str
    path: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def route(self) -> str:
        """The request without what is random in it."""
        return f"{self.method} {_RANDOM.sub(lambda m: f'/{m[1]}/<random>', self.path)}"


@dataclass(frozen=True, slots=True)
class Shown:
    """An image that was judged: ``step`` is what the server said of its trial, ``beside`` the
    reference that was shown with it."""

    walk: int
    slot: str
    url: str
    step: Mapping[str, Any]
    image: Exchange
    beside: Exchange | None = None


@dataclass(slots=True)
class Record:
    """All that walks have seen. Equal bodies are kept once."""

    exchanges: list[Exchange] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    issued: set[str] = field(default_factory=set)
    """Random strings: links, trials, images, keys."""
    bodies: dict[bytes, bytes] = field(default_factory=dict)


class Walker:
    """One visitor with one connection and one cookie."""

    def __init__(self, address: str, record: Record, number: int = 0) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise BenchError(f"'{address}' is no address of a server; expected http://HOST:PORT")
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = kind(parts.netloc, timeout=60)
        self._base = parts.path.rstrip("/")
        self._cookies: dict[str, str] = {}
        self._rng = random.Random(number)
        self.record, self.number = record, number
        self._images: dict[str, Exchange] = {}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def ask(self, method: str, path: str, body: Any = None) -> Exchange:
        """Make a request and keep the exchange."""
        headers, data = {}, None
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self._cookies.items())
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            self._connection.request(method, self._base + path, data, headers)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise BenchError(f"the server did not answer {method} {path}: {error!r}") from None
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                self._cookies |= {k: m.value for k, m in SimpleCookie(value).items()}
        content = self.record.bodies.setdefault(content, content)
        exchange = Exchange(method, path, response.status, tuple(response.getheaders()), content)
        self.record.exchanges.append(exchange)
        return exchange

    def say(self, path: str, body: Any) -> Any:
        """Post ``body`` and return the reply; raises `BenchError` unless it was taken."""
        exchange = self.ask("POST", path, body)
        if exchange.status != 200:
            raise BenchError(
                f"the audit's rater got {exchange.status} from {path}: {exchange.body[:200]!r}"
            )
        return json.loads(exchange.body)

    # --- what there is to see ---------------------------------------------------------------------

    def look_around(self) -> None:
        """Ask for everything that needs no link."""
        for path in OUTSIDE:
            self.ask("GET", path)

    def load_page(self) -> None:
        """Load the rating page, what it links to, and what our own scripts import."""
        page = self.ask("GET", "/rate/")
        waiting = list(_paths(_LINKED, page))
        waiting.append("/rate-assets/main.js")  # the page's last script loads it
        known = {page.path}
        while waiting:
            path = waiting.pop()
            if path in known:
                continue
            known.add(path)
            found = self.ask("GET", path)
            if path.endswith(".js"):
                self.ask("GET", f"{path}.map")
            if path.startswith("/rate-assets/") and found.status == 200:
                waiting += _paths(_IMPORTED, found)

    # --- the rater's way --------------------------------------------------------------------------

    def go(self, token: str) -> None:
        """Follow a link, consent, check, practise, judge all trials, and read the thanks."""
        self.record.issued.add(token)
        entered = self.ask("GET", f"/r/{token}")
        if entered.status != 303:
            raise BenchError(f"the audit's link was refused with {entered.status}")
        self.load_page()
        self._session()
        self.say("/api/consent", {})
        asked = self._session()
        if asked["questions"]:
            given = {"choice": 0, "text": "nothing", "number": 1}
            answers = {question["id"]: given[question["kind"]] for question in asked["questions"]}
            self.say("/api/answers", {"answers": answers})
        for place in range(asked["plates"]):
            self.ask("GET", f"/api/plate/{place}")
        self.say("/api/checks", {**SCREEN, "plates": ["5"] * asked["plates"]})
        session = self._session()
        codes = [row["code"] for row in session["protocol"]["answers"]]
        tab = self._key()
        step = self.say("/api/trial", {"tab": tab})
        for count in range(MOST_TRIALS):
            while step["state"] == "wait":  # real raters hold what is left
                time.sleep(step["seconds"])
                step = self.say("/api/trial", {"tab": tab})
            if step["state"] != "trial":
                break
            begun = time.monotonic()
            self._look(step)
            # the server takes no answer sooner: nobody can have looked at the reference
            time.sleep(max(0, session["reference_ms"] / 1000 - (time.monotonic() - begun)))
            given = {
                "trial": step["trial"],
                "answer": self._rng.choice(codes),
                "key": self._key(),
                "tab": tab,
                "response_ms": 2000 + count,
                "timer_broken": False,
                "reloads": 0,
                **LOOKED,
                "client": CLIENT,
            }
            saved = self.say("/api/judgement", given)
            if count == 0:
                self._stumble(given, tab)
            step = saved["next"]
        if step["state"] != "done":
            raise BenchError(f"the audit's rater came to no end: {step}")
        last = self._key()
        self.say("/api/revision", {"key": last, "answer": codes[0], "tab": tab})
        self._session()

    def _stumble(self, given: Mapping[str, Any], tab: str) -> None:
        """Do what goes wrong in real life: twice, too early, in another tab, nonsense."""
        for path, body in (
            ("/api/judgement", given),
            ("/api/judgement", {**given, "trial": self._key()}),
            ("/api/judgement", {**given, "answer": "none"}),
            ("/api/judgement", {**given, "unknown": 1}),
            ("/api/trial", {"tab": self._key()}),
            ("/api/trial", {"tab": tab}),
        ):
            self.ask("POST", path, body)

    def _session(self) -> Any:
        exchange = self.ask("GET", "/api/session")
        session = json.loads(exchange.body)
        self.record.issued.add(str(session.get("who", "")))
        return session

    def _look(self, step: Mapping[str, Any]) -> None:
        """Fetch the trial's images, and the next one's, as the page does."""
        self.record.issued.add(step["trial"])
        for url in (url for slots in (step["slots"], *step["following"]) for url in slots.values()):
            if url not in self._images:
                self.record.issued.add(urlsplit(url).path.rsplit("/", 1)[-1])
                self._images[url] = self.ask("GET", url)
        if not step["training"]:
            beside = self._images.get(step["slots"].get("reference"))
            self.record.shown += [
                Shown(self.number, slot, url, step, self._images[url], beside)
                for slot, url in step["slots"].items()
                if slot != "reference"
            ]
        for url in step["slots"].values():
            del self._images[url]

    def _key(self) -> str:
        key = secrets.token_urlsafe(16)
        self.record.issued.add(key)
        return key


def _paths(pattern: re.Pattern[str], found: Exchange) -> Iterator[str]:
    for link in pattern.findall(found.body.decode("utf-8", "replace")):
        parts = urlsplit(urljoin(found.path, link))
        if not parts.netloc and parts.scheme in ("", "http", "https"):
            yield parts.path
