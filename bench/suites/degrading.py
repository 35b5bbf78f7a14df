"""Options of every suite: its sharp photographs, degraded on reading as the field degrades them.

``sigma=25`` makes any suite one of denoising, ``jpeg=10`` one of JPEG artefacts and ``scale=3`` one
of super-resolution; ``sigma=5-50`` and ``jpeg=10-40`` are ranges. A test image's level and noise
depend on its name alone. What is trained on is degraded afresh for each crop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import BenchError
from bench.metrics.table import DEFAULT, ON_LUMA
from bench.records import Pair
from bench.suites.listing import Listing, drawn, seed, share

if TYPE_CHECKING:
    from bench.suites.table import Split, Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Degrader:
    """What an option makes of a suite: its task, and which levels it may have."""

    task: str
    about: str
    low: float
    high: float
    whole: bool = True
    ranges: bool = True
    metrics: tuple[str, ...] = DEFAULT


DEGRADERS: dict[str, Degrader] = {
    "sigma": Degrader(
        task="denoise", about="white Gaussian noise of so many 8-bit levels, float, neither "
        "rounded nor clipped", low=0, high=255, whole=False,
    ),
    "jpeg": Degrader(
        task="dejpeg", about="JPEG of this quality, colour subsampled 4:2:0", low=1, high=100,
    ),
    "scale": Degrader(
        task="super-resolution", about="made so many times smaller, as MATLAB's imresize does",
        low=2, high=4, ranges=False, metrics=ON_LUMA,
    ),
}  # fmt: skip
"""Option -> what it does."""

PART_TESTED, PART_VALIDATED = 0.1, 0.1
"""Of photographs that say nothing of splits: these parts of their scenes, at least one."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What is done to every photograph: one level, or any between two."""

    option: str
    low: float
    high: float

    @property
    def degrader(self) -> Degrader:
        """The row of the option."""
        return DEGRADERS[self.option]

    def __str__(self) -> str:
        return f"{self.low:g}" if self.low == self.high else f"{self.low:g}-{self.high:g}"

    def of(self, name: str) -> float | int:
        """Return the level of the photograph called ``name``."""
        if self.low == self.high:
            level = self.low
        else:
            level = self.low + share(f"{self.option} {name}") * (self.high - self.low)
        return round(level) if self.degrader.whole else level


def read_levels(what: str, option: str, text: str) -> Levels:
    """Read ``25`` or ``5-50``. Raises `BenchError`, which begins with ``what``."""
    row = DEGRADERS[option]
    first, dash, last = text.partition("-")
    try:
        low, high = float(first), float(last if dash else first)
        fits = row.low <= low <= high <= row.high and not (option == "sigma" and low == high == 0)
        if fits and (row.ranges or not dash) and not (row.whole and (low % 1 or high % 1)):
            return Levels(option, low, high)
    except ValueError:
        pass
    kind = "a whole number" if row.whole else "a number"
    also = f", or two as {option}=10-40" if row.ranges else ""
    raise BenchError(f"{what}={text}; expected {kind} from {row.low:g} to {row.high:g}{also}")


def read_degrading(
    spec: str, given: Mapping[str, str], own: Mapping[str, Any]
) -> tuple[Levels | None, dict[str, str]]:
    """Return what a suite's options beside its ``own`` ask for, and their full form.

    None and nothing where none is given. Raises `BenchError`, with the suite's spec, for nonsense.
    """
    found = [key for key in DEGRADERS if key in given and key not in own]
    if not found:
        return None, {}
    if len(given.keys() & DEGRADERS.keys()) > 1:
        both = " and ".join(key for key in DEGRADERS if key in given)
        raise BenchError(f"'{spec}': {both} are different tasks; give one of them")
    levels = read_levels(f"'{spec}': {found[0]}", found[0], given[found[0]])
    return levels, {found[0]: str(levels)}


def degraded(pair: Pair, levels: Levels, *, fresh: bool = False, grey: bool = False) -> Pair:
    """Return a pair of a sharp photograph, degraded on reading.

    That is its reference, or what was to be degraded where it has none. ``fresh``: for training,
    which degrades every crop anew.
    """
    sharp, level = pair.reference or pair.degraded, levels.of(pair.id)
    how: dict[str, Any] = {levels.option: level}
    if levels.option == "sigma":
        how["seed"] = seed(pair.id)
    if grey:
        how["grey"] = True
    enlarges = levels.option == "scale"
    return Pair(
        pair.id,
        sharp,
        sharp,
        pair.cluster,
        scale=int(level) if enlarges else 1,
        degradation=how,
        sizing=pair.sizing,
        fresh={levels.option: (levels.low, levels.high)} if fresh and not enlarges else None,
    )


def with_degrading(suite: Suite, levels: Levels, spec: str) -> Suite:
    """Return the suite called ``spec`` of the same photographs, degraded on reading.

    Where its row ``divides`` them and none is there to be trained on, they are dealt out.
    """
    listed, note = suite.pairs, ""
    if suite.card.divides and not listed("train"):
        listed, note = _dealt_out(suite.root, listed("test"))

    def pairs(split: Split) -> Sequence[Pair]:
        own = listed(split)
        return Listing(range(len(own)), _degraded(own.__getitem__, levels, split == "train"))

    row = levels.degrader
    scale = int(levels.low) if levels.option == "scale" else 1
    said = f"{levels.option} {levels}: {row.about}; made here of the sharp photographs"
    return replace(
        suite,
        spec=spec,
        card=replace(suite.card, task=row.task, metrics=row.metrics),
        pairs=pairs,
        scale=scale,
        border=scale if scale > 1 else 0,
        no_reference="no reference image",
        notes=(*suite.notes, said, *([note] if note else [])),
    )


def _degraded(own: Callable[[int], Pair], levels: Levels, fresh: bool) -> Callable[[int], Pair]:
    return lambda index: degraded(own(index), levels, fresh=fresh)


def _dealt_out(root: Path, pairs: Sequence[Pair]) -> tuple[Callable[[Split], Sequence[Pair]], str]:
    """Deal photographs out to splits: by folders called train, val and test, else by their names.

    A scene is in one split. Fewer than three scenes all test.
    """
    from bench.suites.folder import SPLITS, cluster_of, name_of

    parts: dict[Split, Sequence[Pair]] = {}
    names = {name: split for split, named in SPLITS.items() for name in named}
    files = [(pair.reference or pair.degraded).relative_to(root).parts for pair in pairs]
    split_of = [names.get(parts[0].lower()) if parts[1:] else None for parts in files]
    if all(split_of) and "test" in split_of:
        inner = [name_of("/".join(parts[1:])) for parts in files]
        for split in SPLITS:
            own = [i for i, found in enumerate(split_of) if found == split]
            clusters = cluster_of([inner[i] for i in own])
            parts[split] = [replace(pairs[i], cluster=clusters[inner[i]]) for i in own]
        return lambda split: parts.get(split, []), ""
    scenes = {pair.cluster for pair in pairs}
    if len(scenes) < 3:
        return lambda split: pairs if split == "test" else [], ""
    tested = drawn(scenes, PART_TESTED)
    validated = drawn(scenes - tested, PART_VALIDATED)
    parts["test"] = [pair for pair in pairs if pair.cluster in tested]
    parts["val"] = [pair for pair in pairs if pair.cluster in validated]
    parts["train"] = [pair for pair in pairs if pair.cluster not in tested | validated]
    note = (
        f"dealt out by name: {len(parts['test'])} test, {len(parts['val'])} validate and "
        f"{len(parts['train'])} train; folders train, val and test would say otherwise"
    )
    return lambda split: parts.get(split, []), note
