"""What models of others may return and do: understood, contained and said, or refused.

A model of somebody else may return values to 255 without a word; it may write into its input, or
change settings of torch that the next model then runs under. A `Contained` restorer keeps all that
to the model, and ``remarks`` says what was met.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import torch

from bench.core.errors import BenchError
from models.ensemble import Ensemble
from models.restorer import NOTHING_KNOWN, Hints, Made, NetworkRestorer, Restorer, as_floats

LOWEST, HIGHEST = -0.5, 1.5
"""Overshoot within these is clipped. A model all of whose images go beyond has another range."""
BRIGHT = 0.1
"""An image whose values all lie below this says nothing about the range."""


class RangeError(BenchError):
    """A model returns values of another range than [0, 1]."""


class Contained:
    """A restorer of others behind the contract: see the module."""

    def __init__(self, build: Callable[[], Restorer]) -> None:
        self._met: list[str] = []
        with contained(self._remark, "it"):
            self.inner = build()
        inner = self.inner
        self.name, self.device, self.network = inner.name, inner.device, inner.network
        self.needs_psf, self.scale = inner.needs_psf, inner.scale
        self.uses_noise: bool = getattr(inner, "uses_noise", False)
        self.frames: int = getattr(inner, "frames", 1)
        self.recurrent: bool = getattr(inner, "recurrent", False)
        self._in_range = False

    def restore(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> torch.Tensor:
        """See `Restorer.restore`. Raises `RangeError` for values that are not of [0, 1].

        What it draws at random depends on the image's id alone.
        """
        return self.begin(degraded, hints)()

    def begin(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> Made:
        """See `NetworkRestorer.begin`; what the model makes is looked at in the end."""
        given = degraded.clone()
        with contained(self._remark, hints.image or ""):
            made = self._begun(given, hints)

        def ended() -> torch.Tensor:
            image = as_floats(self.name, made()).float()
            if not torch.equal(given, degraded):
                self._remark("it writes into its input: every model is given a copy")
            return self._checked(image, degraded)

        return ended

    def _begun(self, given: torch.Tensor, hints: Hints) -> Made:
        if isinstance(self.inner, NetworkRestorer):
            return self.inner.begin(given, hints)
        restored = self.inner.restore(given, hints)
        return lambda: restored

    def _checked(self, restored: torch.Tensor, degraded: torch.Tensor) -> torch.Tensor:
        """Return float values of [0, 1] with some overshoot as they are, refuse all others.

        The degraded image may itself go beyond, where noise was added to it.
        """
        if not bool(restored.isfinite().all()):
            wrong, nans = int((~restored.isfinite()).sum()), int(restored.isnan().sum())
            raise RangeError(
                f"'{self.name}' returned {nans} NaN and {wrong - nans} infinite of "
                f"{restored.numel()} values"
            )
        low, high = float(restored.min()), float(restored.max())
        beyond = low < min(LOWEST, float(degraded.min()) + LOWEST) or high > max(
            HIGHEST, float(degraded.max()) + HIGHEST - 1
        )
        if beyond and not self._in_range:
            raise RangeError(
                f"'{self.name}' returned values from {low:.3g} to {high:.3g}; expected [0, 1], "
                f"where slight overshoot is clipped: {_advice(low, high)}"
            )
        self._in_range = self._in_range or (not beyond and high > BRIGHT)
        return restored

    @property
    def remarks(self) -> list[str]:
        """What a reader of the scores should know, each said once."""
        return [*getattr(self.inner, "remarks", []), *self._met]

    def _remark(self, text: str) -> None:
        if text not in self._met:
            self._met.append(text)


def layers_of(restorer: Restorer) -> list[Restorer]:
    """Return a restorer and what it is laid around, down to the one that works."""
    found = [restorer]
    while isinstance(found[-1], Contained | Ensemble):
        found.append(found[-1].inner)
    return found


def may_begin(restorer: Restorer) -> TypeGuard[NetworkRestorer | Contained]:
    """Say whether a restorer has `NetworkRestorer.begin`, with all that it is laid around."""
    return all(isinstance(layer, NetworkRestorer | Contained) for layer in layers_of(restorer))


@dataclass(frozen=True, slots=True)
class _Settings:
    """What torch works under, for every model of the process."""

    threads: int
    dtype: torch.dtype
    gradients: bool

    @classmethod
    def found(cls) -> _Settings:
        return cls(torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled())

    def restore(self) -> None:
        torch.set_num_threads(self.threads)
        torch.set_default_dtype(self.dtype)
        torch.set_grad_enabled(self.gradients)

    def changed(self, now: _Settings) -> Iterator[str]:
        for name, old, new in (
            ("number of threads", self.threads, now.threads),
            ("default dtype", self.dtype, now.dtype),
            ("recording of gradients", self.gradients, now.gradients),
        ):
            if old != new:
                yield f"it set the {name} to {new}: set back to {old}"


@contextmanager
def contained(remark: Callable[[str], None], seed: str) -> Iterator[None]:
    """Draw from ``seed`` inside; afterwards set everything back and remark what was changed.

    Raises `BenchError` where the whole program was to be ended.
    """
    before = _Settings.found()
    drawn = torch.random.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    number = zlib.crc32(seed.encode(errors="surrogateescape"))
    torch.manual_seed(number)
    np.random.seed(number)  # noqa: NPY002  what others draw from
    random.seed(number)
    try:
        yield
    except SystemExit as error:
        raise BenchError(
            f"it called sys.exit({error.code!r}); a model returns its image, or raises an error"
        ) from error
    finally:
        for text in before.changed(_Settings.found()):
            remark(text)
        before.restore()
        torch.random.set_rng_state(drawn[0])
        np.random.set_state(drawn[1])  # noqa: NPY002
        random.setstate(drawn[2])


def _advice(low: float, high: float) -> str:
    if high > 32:
        return "divide by 255"
    if low < LOWEST and high <= HIGHEST:
        return "if they are of [-1, 1], halve them and add a half"
    return "scale them in the model"
