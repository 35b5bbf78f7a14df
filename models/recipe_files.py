"""Recipes of one's own: TOML files, and fields set one by one. Imports no torch.

A file and ``--set`` are one thing, a list of changes to a preset: ``KEY=VALUE``, a value being JSON
or plain text, a key a field of `models.recipes.Recipe`, with a dot before what is inside it
(``adversary.loss=wgan-gp``, ``losses.l1=0.5``, ``schedule.kind=cyclic``, ``network.norm=false``).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import tomli_w

from bench.core.errors import BenchError
from bench.core.formats import from_json, to_json
from bench.core.identity import digest_of
from bench.core.names import choose
from models.recipes import Adversary, Execution, Recipe, Schedule

OPEN = ("losses", "network")
"""Fields whose own keys are no fields: names of losses, and of options of the network."""

PARTS: Mapping[str, type] = {"adversary": Adversary, "execution": Execution, "schedule": Schedule}

NONE = "none"
"""How a file, which has no null, says that there is none."""


def written(recipe: Recipe, title: str) -> str:
    """Return a recipe as a TOML file that `read_file` reads back. ``title`` heads it."""
    values = _with_words(to_json(recipe))
    tables = {k: v for k, v in values.items() if isinstance(v, dict) or k == "schedule"}
    plain = {k: v for k, v in values.items() if k not in tables}
    return f"# {title}\n" + tomli_w.dumps({**plain, **tables})


def read_file(path: Path) -> tuple[str, ...]:
    """Return the changes of a TOML file. Raises `BenchError` for what is no such file."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise BenchError(
            f"cannot read a recipe from '{path}': {error}; 'bench models NAME --recipe quick' "
            "writes one to begin with"
        ) from error
    known = [field.name for field in fields(Recipe)]
    for key in found:
        _known("key of a recipe", key, known, str(path))
    return tuple(f"{key}={json.dumps(value)}" for key, value in found.items())


def changes_of(file: Path | None, given: Iterable[str]) -> tuple[str, ...]:
    """Return all changes to a preset: a file's, and then those given one by one."""
    return (*(read_file(file) if file else ()), *given)


def changed(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """Return a recipe with the changes made; itself where they change nothing.

    Raises `BenchError` for unknown keys, with the nearest, and for values that mean nothing.
    """
    values = to_json(recipe)
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key.strip():
            raise BenchError(f"--set {change}: expected KEY=VALUE, such as learning_rate=1e-4")
        _set(values, key.strip(), _value(text.strip()), change)
    found = from_json(Recipe, values, "the recipe", "see 'bench models NAME --recipe quick'")
    _check(found)
    if to_json(found) == to_json(recipe):
        return recipe
    own = sorted(f for f, value in to_json(found).items() if value != to_json(recipe)[f])
    if any(change.partition("=")[0].strip() == "source" for change in changes):
        return found
    return replace(found, source=f"{recipe.source}; changed by hand: {', '.join(own)}")


def tag_of(recipe: Recipe, preset: Recipe) -> str:
    """Return what a recipe of one's own adds to the name of a folder; nothing for a preset."""
    return "" if recipe == preset else f"recipe-{digest_of(to_json(recipe))[:8]}"


def _set(values: dict[str, Any], key: str, value: Any, change: str) -> None:
    if key == "epochs":
        key, value = "budget", f"{value}epochs"
    first, *rest = key.split(".")
    _known("key of a recipe", first, values, change)
    if not rest:
        values[first] = _whole(first, value)
        return
    if first in OPEN:
        values[first] = {**values[first], ".".join(rest): value}
        if first == "losses" and value == 0:
            del values[first][".".join(rest)]
        return
    if first not in PARTS:
        raise BenchError(f"--set {change}: '{first}' has no keys inside; give {first}=VALUE")
    part, inside = values[first], rest
    if first == "schedule":
        number = int(rest[0]) if rest[0].isdecimal() else 0
        inside = rest[1:] if rest[0].isdecimal() else rest
        if number >= len(part):
            raise BenchError(f"--set {change}: the recipe has {len(part)} schedules, from 0 on")
        part = part[number]
    if part is None:
        part = values[first] = to_json(Adversary("bce", weight=0.001))
    if not inside:
        raise BenchError(f"--set {change}: expected {key}.KEY=VALUE")
    _known(f"key of {first}", inside[0], part, change)
    if inside[1:]:
        part[inside[0]] = {**_table(part[inside[0]], change), ".".join(inside[1:]): value}
    else:
        part[inside[0]] = _whole(inside[0], value)


def _table(value: Any, change: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BenchError(f"--set {change}: there are no keys inside of that")
    return value


def _whole(key: str, value: Any) -> Any:
    """Return a whole field as it is read: tables of a file have the defaults of what is left out.

    Texts in a list may be given as one, with commas between.
    """
    if key in ("augment", "not_given", "departs") and isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    if key == "adversary" and isinstance(value, dict):
        return _completed(Adversary("bce", weight=0.001), value, key)
    if key == "execution" and isinstance(value, dict):
        return _completed(Execution(), value, key)
    if key == "schedule":
        rows = value if isinstance(value, list) else [value]
        rows = [{"kind": row} if isinstance(row, str) else row for row in rows]
        return [_completed(Schedule("constant"), row, key) for row in rows]
    return value


def _completed(default: Any, given: Any, what: str) -> Any:
    if not isinstance(given, dict):
        return given
    for key in given:
        _known(f"key of {what}", key, to_json(default), f"{what}.{key}")
    return {**to_json(default), **{key: _plain(value) for key, value in given.items()}}


def _known(kind: str, name: str, known: Iterable[str], where: str) -> None:
    try:
        choose(kind, name, known)
    except BenchError as error:
        raise BenchError(f"'{where}': {error}") from None


def _value(text: str) -> Any:
    """Return what a text says: JSON where it is, else itself; ``none`` is None."""
    try:
        return _plain(json.loads(text))
    except ValueError:
        return _plain(text)


def _plain(value: Any) -> Any:
    return None if value == NONE else value


def _with_words(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_words(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_with_words(inner) for inner in value]
    return NONE if value is None else value


_LIMITS: Mapping[str, tuple[float, float]] = {
    "learning_rate": (1e-12, 1e3),
    "weight_decay": (0, 10),
    "warm_up": (0, 1),
    "average": (0, 1 - 1e-12),
    "batch": (1, 4096),
    "crop": (8, 4096),
    "curriculum": (0, 1),
    "validate_every": (1, 1e9),
    "patience": (1, 1e9),
    "clip": (1e-12, 1e12),
}


def _check(recipe: Recipe) -> None:
    from models.training.budget import parse_budget

    for key, (low, high) in _LIMITS.items():
        value = getattr(recipe, key)
        if value is not None and not low <= value <= high:
            raise BenchError(f"the recipe's {key} is {value:g}; expected {low:g} to {high:g}")
    parse_budget(recipe.budget)
    if recipe.least is not None:
        parse_budget(recipe.least)
    if recipe.method != "plain" and recipe.adversary is None:
        raise BenchError(f"method={recipe.method} needs an adversary: --set adversary.loss=bce")
    if recipe.method == "plain" and recipe.adversary is not None:
        raise BenchError("an adversary plays no part in method=plain: --set method=gan")
