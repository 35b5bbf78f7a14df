"""An option of suites whose images are frames of sequences: each then knows its neighbours.

``frames=5`` lets models see up to five frames for each one that they restore. Frames are of one
clip where they are of one cluster (sequence, video) and the numbers at the end of their names
follow each other. Before a clip's first frame that one is repeated, after its last the last, as
Wang et al. 2019 (EDVR, arXiv:1905.02716) test deblurring: ``replicate`` in their script.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.core.errors import BenchError
from bench.records import Clip, Pair
from bench.suites.listing import Listing

if TYPE_CHECKING:
    from bench.suites.table import Split, Suite

OPTION = "frames"
MOST = 99
"""The longest window; what is carried from frame to frame has no such bound."""
ABOUT = "models may see so many neighbouring frames, an odd number, for each that they restore"
NO_CLIP = "no sequences: open the suite with frames=, as gopro:frames=5, where it has any"
FIRST = "the first frame of its sequence: there is none before it"

_NUMBER = re.compile(r"(.*?)(\d+)")
_NONE = -2  # what no number follows


def read_frames(
    spec: str, given: Mapping[str, str], having: Sequence[str]
) -> tuple[int, dict[str, str]]:
    """Return what ``frames=N`` of a suite asks for, 1 without it, and its full form.

    ``having`` are the suites that have sequences. Raises `BenchError`, with the suite's spec, for
    nonsense and where it is none of them.
    """
    if OPTION not in given:
        return 1, {}
    text = given[OPTION]
    count = int(text) if text.isascii() and text.isdigit() else 0
    if count % 2 == 0 or not 3 <= count <= MOST:
        raise BenchError(
            f"'{spec}': {OPTION}={text}; expected an odd number from 3 to {MOST}: the frame itself "
            "and as many before it as after it"
        )
    if spec.partition(":")[0] not in having:
        raise BenchError(
            f"'{spec}': its images are no frames of sequences, so they have no neighbours; "
            f"{OPTION}= is for {', '.join(having)}"
        )
    return count, {OPTION: str(count)}


def with_frames(suite: Suite, window: int) -> Suite:
    """Return the suite with each pair told which clip it is a frame of.

    Raises `BenchError` where no two images follow each other.
    """
    listed = suite.pairs
    known: dict[Split, list[tuple[Clip, int]]] = {}

    def pairs(split: Split) -> Sequence[Pair]:
        own = listed(split)
        if split not in known:
            known[split] = _places(own, window)
        return Listing(range(len(own)), _framed(own.__getitem__, known[split]))

    alone = sum(pair.clip is None or len(pair.clip.frames) == 1 for pair in pairs("test"))
    total = len(listed("test"))
    if alone == total:
        raise BenchError(
            f"'{suite.spec}': none of its {total} test images follows another: expected sequences "
            f"with frames named by their numbers, as scene-0001.png and scene-0002.png; leave "
            f"{OPTION}= away to restore each by itself"
        )
    notes = [f"frames of sequences: a model may see {window}; at the ends of a clip its first or "
             "last frame is repeated"]  # fmt: skip
    if alone:
        notes.append(f"{alone} of {total} frames have no neighbour: their numbers do not follow")
    return replace(suite, pairs=pairs, notes=(*suite.notes, *notes))


def _framed(
    own: Callable[[int], Pair], places: Sequence[tuple[Clip, int]]
) -> Callable[[int], Pair]:
    def framed(index: int) -> Pair:
        clip, at = places[index]
        return replace(own(index), clip=clip, at=at, fresh=None)

    return framed


def _places(pairs: Sequence[Pair], window: int) -> list[tuple[Clip, int]]:
    """Return of each pair its clip and which frame of it it is."""
    frames = list(pairs)
    runs = consecutive([(pair.cluster, pair.id) for pair in frames])
    places: dict[int, tuple[Clip, int]] = {}
    for run in runs:
        clip = Clip(frames=tuple(replace(frames[i], fresh=None) for i in run), window=window)
        places |= {index: (clip, at) for at, index in enumerate(run)}
    return [places[index] for index in range(len(frames))]


def consecutive(names: Sequence[tuple[str, str]]) -> list[list[int]]:
    """Return the runs of consecutive frames among (sequence, name) rows, by their positions.

    Every position is in one run; a name without a number at its end is alone in its own.

    >>> consecutive([("a", "a-02"), ("a", "a-01"), ("a", "a-04"), ("b", "b-03")])
    [[1, 0], [2], [3]]
    """
    keys: list[tuple[str, str, int, int]] = []
    for index, (sequence, name) in enumerate(names):
        found = _NUMBER.fullmatch(name)
        stem, number = (found[1], int(found[2])) if found else (name, _NONE)
        keys.append((sequence, stem, number, index))
    runs: list[list[int]] = []
    before: tuple[str, str, int] | None = None
    for sequence, stem, number, index in sorted(keys):
        if before == (sequence, stem, number - 1):
            runs[-1].append(index)
        else:
            runs.append([index])
        before = sequence, stem, number
    return runs


def window_of(pair: Pair, before: int, after: int) -> list[Pair]:
    """Return the pair with so many frames before and after it, repeated at the clip's ends."""
    return [pair.frame(pair.at + step) for step in range(-before, after + 1)]


def most_frames(pairs: Sequence[Pair]) -> int:
    """Return how many frames a model may see for one of these pairs; 1: it alone."""
    clip = pairs[0].clip if pairs else None
    return 1 if clip is None else clip.window


def too_few(wanted: int, given: int) -> str:
    """Say that a model sees more frames than a suite gives, and what to do."""
    if given == 1:
        return f"sees {wanted} frames; this suite has {NO_CLIP}"
    return f"sees {wanted} frames; this suite gives {given}: open it with frames={wanted}"


def no_frame_before(pair: Pair) -> str:
    """Say why a pair has no frame before it."""
    return NO_CLIP if pair.clip is None else FIRST


def without_frames(spec: str) -> str:
    """Return the spec of the same images, each by itself.

    >>> without_frames("gopro:blur=blur,frames=5")
    'gopro:blur=blur'
    """
    name, _, options = spec.partition(":")
    left = [part for part in options.split(",") if part and not part.startswith(f"{OPTION}=")]
    return ":".join([name, ",".join(left)] if left else [name])
