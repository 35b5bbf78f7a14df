"""Guessing links is slowed down; who has a link never is."""

from __future__ import annotations

import pytest

from raters.studies.tokens import RaterRefused
from raters.web import rate_limiter
from raters.web.rate_limiter import FAILURES, RateLimiter, TooManyGuesses


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opening(token: str) -> str:
    if token == "right":
        return "opened"
    raise RaterRefused("closed" if token == "late" else "wrong")


def guess(limiter: RateLimiter, address: str, token: str = "guess") -> str:
    """Say what came of a try."""
    try:
        return limiter.open(token, address, opening)
    except (RaterRefused, TooManyGuesses) as error:
        return type(error).__name__


def test_an_address_waits_until_its_oldest_failure_is_a_minute_old() -> None:
    clock = Clock()
    limiter = RateLimiter(clock)
    for second in range(FAILURES):
        clock.now = float(second)
        assert guess(limiter, "one") == "RaterRefused"
    assert guess(limiter, "one") == "TooManyGuesses"
    assert guess(limiter, "other") == "RaterRefused"
    clock.now = 59.9
    assert guess(limiter, "one") == "TooManyGuesses"
    clock.now = 60.0  # that of second 0 counts no more: one more may fail, and the next waits
    assert [guess(limiter, "one") for _ in range(2)] == ["RaterRefused", "TooManyGuesses"]
    clock.now = 61.0
    assert guess(limiter, "one") == "RaterRefused"


def test_only_wrong_links_count_and_right_ones_open_whatever_others_do() -> None:
    limiter = RateLimiter(Clock())
    assert [guess(limiter, "one", "late") for _ in range(2 * FAILURES)] == ["RaterRefused"] * 60
    for _ in range(FAILURES):
        guess(limiter, "one")
    assert guess(limiter, "one") == "TooManyGuesses"
    assert guess(limiter, "one", "late") == "RaterRefused"
    assert guess(limiter, "one", "right") == "opened"  # for the first time, too


def test_addresses_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limiter, "REMEMBERED", 3)
    clock = Clock()
    limiter = RateLimiter(clock)
    for address in "abcde":
        guess(limiter, address)
    assert len(limiter._failures) == 3
    clock.now = 61.0
    assert len(limiter._failures) == 0
