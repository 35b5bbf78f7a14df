"""THE table of suites, and what a suite is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.plugins import extended, load_object
from bench.records import BenchError, Pair, choose, parse_spec

Split = Literal["train", "val", "test"]

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is (0: unknown)."""


@dataclass(frozen=True, slots=True)
class Suite:
    """An opened suite. Nothing but file names has been read.

    ``spec`` is canonical: every option written out. ``layout`` says which folder layout was found.
    ``border`` pixels are cut from each side before scoring. ``pairs(split)`` lists the pairs of
    "train", "val" or "test" in a fixed order, and may be empty for the first two.
    """

    spec: str
    card: SuiteCard
    root: Path
    layout: str
    pairs: Callable[[Split], Sequence[Pair]]
    border: int = 0
    notes: tuple[str, ...] = ()
    """Anything a reader of the numbers must know, shown in the report."""


@dataclass(frozen=True, slots=True)
class SuiteCard:
    """One row of the table."""

    name: str
    title: str
    task: str
    """``deblur``, ``denoise`` or ``super-resolution``."""
    opener: str
    """``module:function`` called as ``opener(card, root, options) -> Suite``; one of a suite that
    is ``made_here`` also takes ``progress``."""
    about: str
    licence: str
    citation: str
    size: str
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Legal values of each ``key=value`` option, the default first; empty: any text."""
    made_here: bool = False
    """Needs no data: the suite is made when it is first opened."""
    download: str | None = None
    """``module:NAME`` of a `bench.suites.fetch.Download`, or None: comes with us or from you."""


SUITES: dict[str, SuiteCard] = {
    card.name: card
    for card in (
        SuiteCard(
            name="demo",
            title="Demo: photographs from scikit-image, degraded here",
            task="deblur",
            opener="bench.suites.demo:open_demo",
            about="camera shake, defocus, low light and noise on held-out photographs; made here",
            licence="public domain, CC0, or as the docstrings of skimage.data say",
            citation="van der Walt et al. 2014, doi:10.7717/peerj.453",
            size="made here, about 35 MB",
            made_here=True,
        ),
        SuiteCard(
            name="gopro",
            title="GoPro (GOPRO_Large)",
            task="deblur",
            opener="bench.suites.gopro:open_gopro",
            about="dynamic-scene motion blur, 1111 test and 2103 training pairs of 1280x720",
            licence="CC BY 4.0",
            citation="Nah et al. 2017, doi:10.1109/CVPR.2017.35",
            size="9 GB",
            options={"blur": ("blur", "blur_gamma")},
            download="bench.suites.gopro:GOPRO_LARGE",
        ),
        SuiteCard(
            name="folder",
            title="Your own two folders",
            task="deblur",
            opener="bench.suites.folder:open_folder",
            about="DIR/input and DIR/target, files paired by name",
            licence="yours",
            citation="",
            size="yours",
        ),
    )
}


def suite_cards() -> dict[str, SuiteCard]:
    """Return the table with the suites of installed third-party packages."""
    return extended(SUITES, "restoration_bench.suites", SuiteCard)


def open_suite(spec: str, data: Path | None = None, progress: Progress | None = None) -> Suite:
    """Open ``name[:key=value,..]`` on the folder ``data`` (default ``data/<name>``).

    A suite that is made here calls ``progress`` while it is made. Raises `BenchError` for an
    unknown name or option, or where the data is missing or incomplete: the message says what was
    expected where, and how to get it.
    """
    name, given = parse_spec(spec)
    cards = suite_cards()
    card = cards[choose("suite", name, cards)]
    options = {key: values[0] for key, values in card.options.items() if values}
    for key, value in given.items():
        if key not in card.options:
            legal = ", ".join(card.options) or "none"
            raise BenchError(f"suite '{name}' has no option '{key}'; its options: {legal}")
        if card.options[key] and value not in card.options[key]:
            legal = ", ".join(card.options[key])
            raise BenchError(f"suite '{name}': {key}={value} is not one of {legal}")
        options[key] = value
    extra = {"progress": progress} if card.made_here else {}
    suite: Suite = load_object(card.opener)(card, data or Path("data") / name, options, **extra)
    return suite


def canonical(name: str, options: Mapping[str, str]) -> str:
    """Return the spec with every option written out, as it is recorded."""
    return name + (":" if options else "") + ",".join(f"{k}={v}" for k, v in options.items())


def spread(pairs: Sequence[Pair], limit: int | None) -> list[Pair]:
    """Take ``limit`` pairs spread evenly over the clusters, and over the frames inside each.

    The choice is the same on every machine, and the suite's order is kept.
    """
    if limit is None or limit >= len(pairs):
        return list(pairs)
    if limit < 1:
        raise BenchError(f"--limit {limit}: expected at least 1 image")
    clusters: dict[str, list[int]] = {}
    for index, pair in enumerate(pairs):
        clusters.setdefault(pair.cluster, []).append(index)
    names = list(clusters)
    if limit < len(names):
        names = [names[(2 * i + 1) * len(names) // (2 * limit)] for i in range(limit)]
    quota = dict.fromkeys(names, 0)
    left = limit
    while left:  # a round gives each cluster that still has frames one more
        for name in names:
            if left and quota[name] < len(clusters[name]):
                quota[name] += 1
                left -= 1
    chosen = [
        frames[(2 * i + 1) * len(frames) // (2 * quota[name])]
        for name, frames in clusters.items()
        for i in range(quota.get(name, 0))
    ]
    return [pairs[index] for index in sorted(chosen)]
