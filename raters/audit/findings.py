"""What an audit finds, and how sure it is of it."""

from __future__ import annotations

from dataclasses import dataclass

FALSE_ALARM = 0.01
"""Chance that one audit of a study that leaks nothing reports a leak all the same; half of it is
for names that turn up in random strings, half for features that agree with models by luck."""


@dataclass(frozen=True, slots=True)
class Leak:
    """``where`` it was seen, ``what`` it gives away, and the ``evidence`` in words."""

    where: str
    what: str
    evidence: str
