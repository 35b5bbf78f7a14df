"""Training data of networks that see neighbouring frames: every frame of a window is cut alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.core.errors import BenchError
from bench.records import Pair
from bench.suites.frames import most_frames, too_few, window_of
from models.windows import Reach, reach_of

if TYPE_CHECKING:
    from models.training.data import Piece, ViewCache

Cut = Callable[[NDArray[Any]], "Piece"]


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
    pieces = [cut(cache.open(frame)[0]) for frame in frames]
    if all(isinstance(piece, torch.Tensor) for piece in pieces):
        return torch.stack([piece for piece in pieces if isinstance(piece, torch.Tensor)])
    return np.stack([piece for piece in pieces if isinstance(piece, np.ndarray)])
