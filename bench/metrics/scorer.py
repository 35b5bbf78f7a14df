"""Every metric of a run, ready to score: `bench run` and `bench score` both measure with this."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bench.core.errors import Unscorable
from bench.core.identity import digest_of
from bench.image import Frame, Picture, Pixels, same_size
from bench.metrics.table import metric_card, resolve
from bench.records import Score

if TYPE_CHECKING:
    import torch

NO_REFERENCE = "no reference image"
NO_FRAMES = "compares a frame with the one before it: here images are looked at one by one"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A reference and its part of every metric, or the reason why a metric has none."""

    picture: Picture | None
    features: dict[str, Any]
    missing: dict[str, str]


class Scorer:
    """Scores restored images by the metrics called ``names`` (aliases and ``all`` included).

    ``border`` pixels are cut from each side of both images first. ``no_reference`` is the reason
    given for scores that would need a reference where there is none. May be used from several
    threads for different images, and one prepared reference for many restored images at once.
    """

    def __init__(
        self,
        names: Sequence[str],
        device: str = "cpu",
        border: int = 0,
        no_reference: str = NO_REFERENCE,
    ) -> None:
        self.names = resolve(names)
        self.border, self._no_reference = border, no_reference
        self._cards = {name: metric_card(name) for name in self.names}
        self._metrics = {name: card.make(device) for name, card in self._cards.items()}
        self._beside = _Beside(device)
        self.compares_frames = any(card.consecutive for card in self._cards.values())
        """Whether any metric asks for the frame before each image, too."""

    @cached_property
    def weights(self) -> dict[str, str]:
        """By metric, which files it takes weights from; another text where one is missing.

        A metric that has such files tells which by a property ``weights``, a text.
        """
        weights = {name: getattr(metric, "weights", None) for name, metric in self._metrics.items()}
        return {name: text for name, text in weights.items() if text is not None}

    @property
    def digest(self) -> str:
        """The digest of the files that the metrics take weights from."""
        return self.digest_of(self.names)

    def digest_of(self, names: Collection[str]) -> str:
        """Return what `digest` is of a scorer of only these of the metrics."""
        return digest_of({name: text for name, text in self.weights.items() if name in names})

    def reference(self, pixels: Pixels | None, before: Pixels | None = None) -> Prepared:
        """Return the reference's part of all metrics; (H, W, 3) uint8, or None: there is none.

        ``before`` is the reference of the frame before it, for metrics of consecutive frames.
        Raises `bench.image.ImageSizeError` if the border leaves nothing of it.
        """
        compared = [name for name in self.names if self._cards[name].needs_reference]
        if pixels is None:
            return Prepared(None, {}, dict.fromkeys(compared, self._no_reference))
        picture = Picture(pixels, self.border)
        prepared = Prepared(picture, {}, {})
        frame = None
        if self.compares_frames and before is not None:
            frame = Frame(pixels, Picture(before, self.border), self.border)
        for name in compared:
            shown = frame if self._cards[name].consecutive else picture
            if shown is None:
                continue  # its score says why
            try:
                with self._beside():
                    prepared.features[name] = self._metrics[name].features(shown)
            except Unscorable as reason:
                prepared.missing[name] = str(reason)
        return prepared

    def score(
        self, pixels: Pixels, prepared: Prepared, before: Pixels | str = NO_FRAMES
    ) -> dict[str, Score]:
        """Score one restored image, (H, W, 3) uint8, by every metric in the order of `names`.

        ``before`` is the restored frame before it, or why there is none. What a metric cannot
        score, or scores as not a number, is missing with the reason. Raises
        `bench.image.ImageSizeError` unless image and reference have one size.
        """
        restored = Picture(pixels, self.border)
        if prepared.picture is not None:
            same_size(restored, prepared.picture)
        frame: Frame | str = NO_FRAMES
        if self.compares_frames:
            if isinstance(before, str):
                frame = before
            else:
                frame = Frame(pixels, Picture(before, self.border), self.border)
                same_size(frame.before, restored)
        shown = {name: frame if self._cards[name].consecutive else restored for name in self.names}
        return {name: self._score(name, shown[name], prepared) for name in self.names}

    def _score(self, name: str, restored: Picture | str, prepared: Prepared) -> Score:
        if reason := prepared.missing.get(name):
            return Score.missing(reason)
        if isinstance(restored, str):
            return Score.missing(restored)
        try:
            with self._beside():
                value = float(self._metrics[name].compare(restored, prepared.features.get(name)))
        except Unscorable as error:
            return Score.missing(str(error))
        if math.isnan(value):
            return Score.missing(f"{name} came out as not a number for this image")
        return Score(value)


class _Beside:
    """What metrics compute within: on a GPU a stream of their own, beside restoring.

    All threads share it: what one has put there (weights, a reference's features) is ready for the
    next. It is made when it is first needed, for who only asks for names needs no GPU.
    """

    def __init__(self, device: str) -> None:
        self._device, self._lock = device, threading.Lock()
        self._stream: torch.cuda.Stream | None = None

    def __call__(self) -> AbstractContextManager[Any]:
        """Return it, to be entered by this thread."""
        if not self._device.startswith("cuda"):
            return nullcontext()
        import torch

        with self._lock:
            self._stream = self._stream or torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        return torch.cuda.stream(self._stream)
