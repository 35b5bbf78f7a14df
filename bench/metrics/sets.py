"""Every set metric of a run at work: `bench run` and `bench score` both measure with this."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.core.errors import Unscorable
from bench.core.identity import digest_of
from bench.image import Picture, Pixels
from bench.metrics.set_table import Describe, Matrix, set_metric_cards
from bench.records import SetScore


@dataclass(frozen=True, slots=True)
class Described:
    """A set: how many images, and by factory their features (N,D), or the reason for none."""

    images: int
    features: Mapping[str, Matrix]
    missing: Mapping[str, str]


class SetScorer:
    """Measures whole sets by the set metrics called ``names``.

    ``border`` pixels are cut from each side of every image first.
    """

    def __init__(self, names: Sequence[str], device: str = "cpu", border: int = 0) -> None:
        cards = set_metric_cards()
        self.names, self.border = tuple(names), border
        self._cards = {name: cards[name] for name in names}
        self._describe: dict[str, Describe] = {}
        self._missing: dict[str, str] = {}
        for card in self._cards.values():
            if card.features in self._describe or card.features in self._missing:
                continue
            try:
                self._describe[card.features] = card.describe(device)
            except Unscorable as reason:
                self._missing[card.features] = str(reason)

    @property
    def digest(self) -> str:
        """The digest of the files that features take weights from (their property ``weights``)."""
        weights = {path: getattr(made, "weights", None) for path, made in self._describe.items()}
        return digest_of(weights, sorted(self._missing))

    def describe(self, images: Iterable[Pixels]) -> Described:
        """Return the features of a set, images (H, W, 3) uint8 read one at a time."""
        rows: dict[str, list[Matrix]] = {path: [] for path in self._describe}
        missing = dict(self._missing)
        count = 0
        for pixels in images:
            count += 1
            if self.border:
                pixels = Picture(pixels, self.border).pixels
            for path, describe in self._describe.items():
                if path in missing:
                    continue
                try:
                    rows[path].append(np.asarray(describe(pixels), np.float64))
                except Unscorable as reason:
                    missing[path] = str(reason)
        features = {
            path: np.stack(found) for path, found in rows.items() if found and path not in missing
        }
        return Described(count, features, missing)

    def compare(self, restored: Described, reference: Described) -> dict[str, SetScore]:
        """Return what each metric says of a restored set, or why it says nothing."""
        return {name: self._compare(name, restored, reference) for name in self._cards}

    def _compare(self, name: str, restored: Described, reference: Described) -> SetScore:
        card, images = self._cards[name], restored.images

        def missing(reason: str) -> SetScore:
            return SetScore(images=images, reason=reason)

        for side, what in ((restored, "restored images"), (reference, "reference images")):
            if why := side.missing.get(card.features):
                return missing(why)
            if side.images < card.fewest:
                return missing(f"{side.images} {what}; {name} needs at least {card.fewest}")
        try:
            value, deviation = card.measure(
                restored.features[card.features], reference.features[card.features]
            )
        except Unscorable as reason:
            return missing(str(reason))
        if math.isnan(value):
            return missing(f"{name} came out as not a number for these images")
        return SetScore(images=images, value=value, deviation=deviation)
