"""Looks for names in everything that was sent: models, images, and where the run lies."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from urllib.parse import quote

from raters.audit.findings import FALSE_ALARM, Leak
from raters.audit.walk import Exchange, Record
from raters.studies.stimuli import PADDING, SIGNATURE, chunks
from raters.web.security import content_policy

SHORT = 3
"""Names of fewer characters are looked for as whole words only."""
_RANDOM_BYTES = (b"IDAT", PADDING)
_EXCERPT = 30
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,}")


@dataclass(frozen=True, slots=True)
class Needle:
    """One string to look for: ``form`` of the name of a ``kind`` of thing."""

    kind: str
    name: str
    form: str
    text: str
    whole_words: bool = False

    @property
    def folded(self) -> bool:
        """Whether upper and lower case count as the same: not in base64."""
        return "base64" not in self.form

    def expected(self, length: int, alphabet: int) -> float:
        """How often it turns up by chance in ``length`` random characters of an ``alphabet``."""
        cases = (2 if self.folded and char.isalpha() else 1 for char in self.text)
        chance = float(length)
        for count in cases:
            chance *= count / alphabet
        return chance

    def count(self, text: str, folded: str) -> int:
        """Count it in ``text``; ``folded`` is the same in lower case."""
        wanted, where = (self.text.lower(), folded) if self.folded else (self.text, text)
        if not self.whole_words or wanted not in where:
            return where.count(wanted)
        return len(re.findall(rf"(?<![a-z0-9]){re.escape(wanted)}(?![a-z0-9])", where))


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """A piece of an answer that can hold text: ``where`` says which."""

    where: str
    text: str


def needles(methods: Sequence[str], images: Sequence[str], run: str) -> list[Needle]:
    """Return every form of every name; numbers are left out: any count would match."""
    named = [("model", name) for name in methods] + [("image", name) for name in images]
    found: dict[tuple[str, bool], Needle] = {}
    for kind, name in named:
        if not name.isdecimal():
            for form, text in _forms(name):
                found.setdefault(
                    (text, "base64" in form), Needle(kind, name, form, text, len(name) < SHORT)
                )
    for name in {run, PurePath(run).name}:
        if len(name) >= SHORT and not name.isdecimal():
            found.setdefault((name, False), Needle("run", name, "as it is", name))
    return list(found.values())


def _forms(name: str) -> Iterator[tuple[str, str]]:
    data = name.encode()
    yield "as it is", name
    for text in {quote(name, safe=""), "".join(f"%{byte:02x}" for byte in data)} - {name}:
        yield "URL-encoded", text
    if len(name) < SHORT:
        return  # codes of two letters are in every other number
    yield "in hex", data.hex()
    # Base64 of text that has the name somewhere inside: three ways to fall on its groups of three.
    for shift in range(3):
        code = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        inside = code[(shift * 8 + 5) // 6 : len(code) - (1 if (shift + len(data)) % 3 else 0)]
        if len(inside) >= SHORT:
            for text in {inside, inside.replace("+", "-").replace("/", "_")}:
                yield "in base64", text
    for text in {name, name.lower()}:
        for algorithm in ("md5", "sha1", "sha256"):
            digest = hashlib.new(algorithm, text.encode(), usedforsecurity=False).digest()
            yield f"as {algorithm}", digest.hex()[:12]
            yield f"as {algorithm} in base64", base64.b64encode(digest).decode()[:12]


def parts(exchange: Exchange) -> Iterator[AnswerPart]:
    """Split an answer into its texts; of images, all chunks but pixels and padding.

    A policy that holds only hashes of the page's own scripts says nothing that the page does not.
    """
    route = exchange.route
    yield AnswerPart(f"{route}: address", exchange.path)
    for name, value in exchange.headers:
        follows = name.lower() == "content-security-policy" and value == content_policy(
            exchange.body
        )
        if name.lower() != "content-length" and not follows:
            yield AnswerPart(f"{route}: header {name.lower()}", f"{name}: {value}")
    if not exchange.body.startswith(SIGNATURE):
        yield AnswerPart(f"{route}: body", exchange.body.decode("utf-8", "replace"))
        return
    for chunk, data in chunks(exchange.body):
        label = chunk.decode("latin-1")
        if chunk not in _RANDOM_BYTES:
            yield AnswerPart(f"{route}: PNG chunk {label}", label + data.decode("latin-1"))


def search(
    record: Record, control: Record, wanted: Sequence[Needle]
) -> tuple[list[Leak], dict[str, int]]:
    """Look for all names; return leaks, and numbers of what was searched.

    A hit counts where there are more than in the ``control``, the same walk through the same study
    under other names: "input" may be a model, and is an element of every page. Random strings and
    pixels have no control; there a name is looked for if chance would hardly ever write it.
    """
    found, usual = _texts(record), _texts(control, images=False)  # whose images are the same
    leaks: dict[tuple[str, Needle], Leak] = {}
    for where, texts in found.items():
        known = usual.get(where, set())
        for text in texts - known:
            folded = text.lower()
            for needle in wanted:
                hits = needle.count(text, folded)
                if hits and hits > max((needle.count(t, t.lower()) for t in known), default=0):
                    leaks.setdefault((where, needle), _leak(where, needle, text))
    strings = "\n".join(sorted(record.issued))
    images = [body for body in record.bodies if body.startswith(SIGNATURE)]
    raw = [needle for needle in wanted if needle.form == "as it is"]
    random_texts = [
        ("random strings of addresses and replies", [strings], wanted, 64),
        ("GET /s/<random>: bytes", [image.decode("latin-1") for image in images], raw, 256),
    ]
    unsearched = set()
    for where, texts_of, names, alphabet in random_texts:
        length = sum(map(len, texts_of))
        clear = {n: _unlikely(n, length, alphabet, FALSE_ALARM / (4 * len(names))) for n in names}
        unsearched |= {needle.name for needle, as_word in clear.items() if as_word is None}
        for text in texts_of:
            folded = text.lower()
            for needle, form in clear.items():
                if form and form.count(text, folded):
                    leaks.setdefault((where, needle), _leak(where, form, text))
    numbers = {
        "texts searched": sum(map(len, found.values())),
        "strings searched for": len(wanted),
        "names too short to look for in random strings or pixels": len(unsearched),
    }
    return list(leaks.values()), numbers


def _unlikely(needle: Needle, length: int, alphabet: int, chance: float) -> Needle | None:
    """Return the needle, or its whole-word form, if chance writes it too rarely to matter."""
    if not needle.whole_words and needle.expected(length, alphabet) <= chance:
        return needle
    # Of the base64 alphabet, two characters in 64 end a word; of all bytes, most do.
    ends = (2 / 64) ** 2 if alphabet == 64 else 1.0
    if needle.folded and needle.expected(length, alphabet) * ends <= chance:
        return replace(needle, whole_words=True)
    return None


def _texts(record: Record, images: bool = True) -> dict[str, set[str]]:
    """Return the different texts seen in each place, without the random strings."""
    texts: dict[str, set[str]] = defaultdict(set)
    seen: set[tuple[str, int]] = set()
    for exchange in record.exchanges:
        for part in parts(exchange):
            if not images and "PNG chunk" in part.where:
                continue
            if (part.where, hash(part.text)) not in seen:
                seen.add((part.where, hash(part.text)))
                texts[part.where].add(_TOKEN.sub(lambda m: _hidden(m[0], record), part.text))
    return texts


def _hidden(token: str, record: Record) -> str:
    return "<random>" if token in record.issued else token


def _leak(where: str, needle: Needle, text: str) -> Leak:
    at = max(text.lower().find(needle.text.lower()), 0)
    excerpt = text[max(at - _EXCERPT, 0) : at + len(needle.text) + _EXCERPT]
    what = f"{needle.kind} '{needle.name}' {needle.form}"
    return Leak(where, what, f"...{excerpt!r}...")
