"""What a published figure is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One published mean over a test set. ``high`` is the upper end where a range is reported.

    ``same_as`` is the metric of ours that has the same convention, None where none is known to.
    ``caveat`` is what a reader must know before believing it.
    """

    family: str
    value: float
    convention: str
    source: str
    same_as: str | None = None
    high: float | None = None
    caveat: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What was published of a network's cost: millions of parameters, 10^9 multiply-accumulates.

    ``at`` is the image that the operations are of.
    """

    source: str
    mparams: float | None = None
    gmacs: float | None = None
    at: str = "256×256"

    def __str__(self) -> str:
        parts = [
            None if self.mparams is None else f"{self.mparams:g} M parameters",
            None if self.gmacs is None else f"{self.gmacs:g} GMACs at {self.at}",
        ]
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Report:
    """What was reported of one model on one suite.

    ``names`` are names of `bench models`. Files, factories and folders are recognised by their own
    name: it holds all of ``words`` and none of ``but``, whatever the case and the signs between.
    ``variants`` are those of `models.variants` that the figures are with; ``size`` is the height
    and width of the images where it is not the data set's own.
    """

    suite: str
    options: Mapping[str, str]
    model: str
    figures: tuple[Figure, ...]
    names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    cost: Cost | None = None
