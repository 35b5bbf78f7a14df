"""An answer as it is stored: what the client says of it, held against what the server knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bench.core.errors import BenchError
from raters.database import schema
from raters.database.schema import DONE, AnyRow
from raters.trials.quota import SET_STATE
from raters.trials.views import REFERENCE_MS, NotSeen

LONGEST_MS = 24 * 3600 * 1000
_CLIENT_KEYS = 40
_CLIENT_TEXT = 500
_JUDGE = schema.judgement.insert()


def store_judgement(
    connection: Connection,
    held: AnyRow,
    answer: str,
    *,
    key: str,
    now: datetime,
    client: Mapping[str, Any],
    reference: bool,
) -> None:
    """Store an answer to the trial ``held``, which is done with it.

    ``client`` as `Session.submit` takes it. ``reference``: whether one is shown; then `NotSeen` is
    raised for less than `REFERENCE_MS`.
    """
    client = dict(client)
    milliseconds = _milliseconds(client.pop("response_ms", None))
    looked = _milliseconds(client.pop("reference_ms", None))
    if held.shown is not None:
        elapsed = round((now - held.shown).total_seconds() * 1000)
        if milliseconds is not None and milliseconds > elapsed:
            # by our clock: nobody has looked for longer than that
            client["claimed_ms"], milliseconds = milliseconds, elapsed
        looked = None if looked is None else min(looked, elapsed)
    if reference and (looked or 0) < REFERENCE_MS:
        raise NotSeen("the reference has not been looked at")
    broken = bool(client.pop("timer_broken", False)) or held.shown_count > 1
    connection.execute(
        _JUDGE,
        {
            "assignment": held.id,
            "key": key,
            "answer": answer,
            "created": now,
            "response_ms": milliseconds,
            "timer_broken": broken,
            "reloads": max(held.shown_count - 1, 0),
            "layout": client.pop("layout", None),
            "reference_shown": client.pop("reference_shown", None),
            "reference_ms": looked,
            "client": small(client),
        },
    )
    connection.execute(SET_STATE, {"trial": held.id, "to": DONE})


def _milliseconds(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= LONGEST_MS else None


def small(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a client sent if it is small and flat; raises `BenchError` otherwise."""
    if len(values) > _CLIENT_KEYS:
        raise BenchError(f"{len(values)} values in one message; expected {_CLIENT_KEYS} at most")
    for key, value in values.items():
        if not isinstance(key, str) or len(repr(value)) > _CLIENT_TEXT:
            raise BenchError(f"the value of '{str(key)[:40]}' is longer than {_CLIENT_TEXT}")
    return dict(values)
