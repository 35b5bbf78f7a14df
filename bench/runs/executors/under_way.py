"""A GPU works on one image while it is given the next, and the one before comes back.

Else it would stand still while results are copied, looked through and taken over.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor, Future, wait
from functools import cache
from typing import TypeGuard

import torch

from models.contract import Contained, may_begin
from models.restorer import Hints, Made, NetworkRestorer, Restorer

AT_ONCE = 2
"""Images that a GPU has been given, and which have not come back, at most: each takes memory."""


class UnderWay:
    """Images that restorers have begun. ``back`` is one thread, so that they end in that order."""

    def __init__(self, back: Executor) -> None:
        self._back = back
        self._coming: deque[Future[torch.Tensor]] = deque()

    @staticmethod
    def takes(restorer: Restorer) -> TypeGuard[NetworkRestorer | Contained]:
        """Say whether a restorer need not be waited for."""
        return restorer.device.type == "cuda" and may_begin(restorer)

    def restore(
        self, restorer: NetworkRestorer | Contained, image: torch.Tensor, hints: Hints
    ) -> Future[torch.Tensor]:
        """Begin an image; return what will be it, on the CPU. Waits while many are under way.

        Raises what the restorer raises at once; the future, the rest.
        """
        while len(self._coming) >= AT_ONCE:
            wait([self._coming.popleft()])
        made = restorer.begin(image, hints)
        self._coming.append(self._back.submit(_way_back(made, restorer.device)))
        return self._coming[-1]


def _way_back(made: Made, device: torch.device) -> Made:
    """Have an image come back by a stream of its own: what the GPU is given from now on goes on."""
    if device.type != "cuda":
        return made
    begun = torch.cuda.Event()  # type: ignore[no-untyped-call]
    begun.record(torch.cuda.current_stream(device))

    def back() -> torch.Tensor:
        stream = _stream(device)
        with torch.cuda.stream(stream):
            stream.wait_event(begun)
            return made()

    return back


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
