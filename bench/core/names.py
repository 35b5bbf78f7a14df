"""Names and specs as users type them: looked up in tables, with the nearest one suggested; and how
many there are of what."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

from bench.core.errors import BenchError


def parse_spec(spec: str) -> tuple[str, dict[str, str]]:
    """Split ``name[:key=value,..]`` into its name and its options.

    >>> parse_spec("gopro:blur=blur_gamma")
    ('gopro', {'blur': 'blur_gamma'})
    """
    name, _, rest = spec.partition(":")
    options: dict[str, str] = {}
    for item in filter(None, rest.split(",")):
        key, equals, value = item.partition("=")
        if not equals or not key or not value:
            raise BenchError(f"'{spec}': expected name:key=value,.. but got '{item}'")
        options[key.strip()] = value.strip()
    return name.strip(), options


def seconds_of(text: str) -> float:
    """Read a time: ``90s``, ``10m`` (or ``10min``), ``12h`` or ``14d``.

    >>> seconds_of("1.5h")
    5400.0
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d)", text.strip().lower())
    if not match:
        raise BenchError(f"'{text}' is no time; expected one such as 90s, 10m, 12h or 14d")
    return float(match[1]) * {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}[match[2]]


def sides_of(text: str) -> tuple[int, int] | None:
    """Read ``AxB``, two whole numbers above 0; None for anything else.

    >>> sides_of("720x1280"), sides_of("720"), sides_of("0x4")
    ((720, 1280), None, None)
    """
    one, _, other = text.strip().lower().partition("x")
    if not (one.isdecimal() and other.isdecimal() and int(one) and int(other)):
        return None
    return int(one), int(other)


def plain_name(text: str) -> str:
    """Return a name as it looks: composed (NFC), without invisible characters, single spaces.

    >>> plain_name("  re\u0301st\u200b o\u00a0 ") == "r\u00e9st o"
    True
    """
    composed = unicodedata.normalize("NFC", text)
    seen = "".join(c for c in composed if unicodedata.category(c) != "Cf")
    return " ".join(seen.split())


def choose(kind: str, name: str, known: Iterable[str]) -> str:
    """Return ``name`` if it is known, else raise an error that suggests the nearest."""
    names = sorted(known)
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}"
    where = f" ('bench {kind}s' lists them all)" if kind in ("suite", "model", "metric") else ""
    raise BenchError(f"no {kind} '{name}'; {hint}{where}")


def counted(number: int, what: str) -> str:
    """Return ``1 image``, ``2 images``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}".replace(",", " ")
