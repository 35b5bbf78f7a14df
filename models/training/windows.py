"""Training data of networks that see neighbouring frames: every frame of a window is cut alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bench.core.errors import BenchError
from bench.records import Pair
from bench.suites.frames import most_frames, too_few, window_of
from models.training.augment import Image
from models.training.pieces import Piece, together
from models.windows import Reach, reach_of

if TYPE_CHECKING:
    from models.training.data import ViewCache

Cut = Callable[[Image, int], Piece]


def required_reach(name: str, network: object, pairs: Sequence[Pair]) -> Reach:
    """Return which frames a network sees. Raises `BenchError` where pairs do not give them."""
    reach = reach_of(network)
    if reach.frames > (given := most_frames(pairs)):
        raise BenchError(f"'{name}' {too_few(reach.frames, given)}")
    return reach


def window_pieces(pair: Pair, reach: Reach, cache: ViewCache, cut: Cut) -> tuple[Piece, Piece]:
    """Return what a network sees of a crop and what it is to make of it, all frames cut alike.

    Frames are (T,S,S,3) as they were read or (T,3,S,S) float32. A recurrent network is to restore
    all of them, any other one the frame in the middle: (S,S,3) or (3,S,S). ``cut`` is called with
    an image and its scale.
    """
    frames = window_of(pair, reach.before, reach.after)
    cache.fill(list({frame.id: frame for frame in frames}.values()))
    views = [cache.open(frame) for frame in frames]
    seen = together([cut(degraded, 1) for degraded, _ in views])
    if reach.recurrent:
        return seen, together([cut(reference, pair.scale) for _, reference in views])
    return seen, cut(views[reach.before][1], pair.scale)
