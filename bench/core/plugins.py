"""Third parties join the tables through entry points; objects are named ``module:attribute``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from typing import Any, TypeVar

from bench.core.errors import BenchError

T = TypeVar("T")


def load_object(path: str) -> Any:
    """Import ``package.module:attribute``. Raises `BenchError` naming the part that is missing."""
    module, _, attribute = path.partition(":")
    if not module or not attribute:
        raise BenchError(f"'{path}' does not name an object; expected package.module:attribute")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise BenchError(
            f"'{path}': no module '{error.name}'; is its package installed?"
        ) from error
    try:
        return getattr(found, attribute)
    except AttributeError:
        raise BenchError(f"'{path}': module '{module}' has no '{attribute}'") from None


@cache
def _joining(group: str, path: tuple[str, ...]) -> EntryPoints:
    """Return what packages along ``path``, which is `sys.path`, join ``group``; searched once."""
    return entry_points(group=group)


def extended(own: Mapping[str, T], group: str, kind: type[T]) -> dict[str, T]:
    """Return our table with the entries of every installed package that joins ``group``.

    An entry point's name is the row's name and its object the row. A name that is taken, or an
    object of the wrong kind, is refused: a table never changes meaning in silence.
    """
    table = dict(own)
    for point in _joining(group, tuple(sys.path)):
        row = point.load()
        if not isinstance(row, kind):
            raise BenchError(f"entry point {group}:{point.name} is no {kind.__name__}: {row!r}")
        if point.name in table:
            raise BenchError(f"entry point {group}:{point.name}: that name is taken; rename it")
        table[point.name] = row
    return table
