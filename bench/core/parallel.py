"""Work done ahead by threads, and taken in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TypeVar

from bench.core.limits import cores
from bench.core.progress import Update, unheard

Item = TypeVar("Item")
Result = TypeVar("Result")

_thread = threading.local()


def keep_to_one_core() -> None:
    """Have this thread deal out nothing: it is one of many that keep all cores busy anyway."""
    _thread.on_one_core = True


def keeps_to_one_core() -> bool:
    """Say whether this thread does the whole of its work itself."""
    return getattr(_thread, "on_one_core", False)


def ahead(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], room: int
) -> Iterator[tuple[Item, Future[Result]]]:
    """Yield each item with the future of its result, in order, working ``room`` items ahead."""
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    for item in items:
        waiting.append((item, pool.submit(function, item)))
        if len(waiting) > room:
            yield waiting.popleft()
    while waiting:
        yield waiting.popleft()


def in_threads(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    stage: str = "",
    update: Update = unheard,
    every: int = 1,
) -> Iterator[Result]:
    """Yield ``function`` of each item, in order, computed by as many threads as there are cores.

    ``update`` hears of every ``every``-th item and of the last. What the function raises is raised
    here; items not begun are then left.
    """
    with ThreadPoolExecutor(cores(), initializer=keep_to_one_core) as pool:
        try:
            for done, (_, future) in enumerate(ahead(pool, function, items, room=64), start=1):
                yield future.result()
                if done % every == 0 or done == len(items):
                    update(stage, done, len(items))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
