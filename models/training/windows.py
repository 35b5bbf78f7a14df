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

Cut = Callable[[Image], Piece]


def required_reach(name: str, network: object, pairs: Sequence[Pair]) -> Reach:
    """Return which frames a network sees. Raises `BenchError` where pairs do not give them."""
    reach = reach_of(network)
    if reach.frames > (given := most_frames(pairs)):
        raise BenchError(f"'{name}' {too_few(reach.frames, given)}")
    return reach


def window_piece(pair: Pair, reach: Reach, cache: ViewCache, cut: Cut) -> Piece:
    """Return what a network sees of a crop, (T,S,S,3) as it was read or (T,3,S,S) float32."""
    frames = window_of(pair, reach.before, reach.after)
    cache.fill(list({frame.id: frame for frame in frames}.values()))
    return together([cut(cache.open(frame)[0]) for frame in frames])
