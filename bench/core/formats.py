"""Records on disk: dataclasses as JSON, read strictly, those of old schemas brought up to date.

A `Format` is the one reader and writer of a kind of record. Standard library only.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from bench.core.errors import BenchError
from bench.core.files import number_to_json

T = TypeVar("T")

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes the JSON object of one schema into that of the next; leaves alone what is no object."""

_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Format(Generic[T]):
    """How records of one kind lie on disk: a JSON object with the key ``schema``.

    ``upgrades`` says for each older schema that can be read how the next one is made of it.
    ``advice`` ends every complaint: what to do about a file that cannot be read.
    """

    kind: type[T]
    schema: int
    upgrades: Mapping[int, Upgrade]
    advice: str

    def to_json(self, record: T) -> dict[str, Any]:
        """Return what `json.dumps` writes: ``schema`` first, then the fields in their order."""
        return {"schema": self.schema, **to_json(record)}

    def from_text(self, text: str | bytes, source: str) -> T:
        """Read a record of any schema up to ours. ``source`` names the file in errors.

        Raises `BenchError` for what is no JSON, another schema, and a key that is unknown, missing
        or of the wrong type.
        """
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BenchError(f"{source} is damaged ({error}); {self.advice}") from None
        return self.from_json(found, source)

    def from_json(self, found: Any, source: str) -> T:
        """Undo `to_json`, as `from_text` does."""
        if not isinstance(found, dict):
            raise BenchError(f"{source} holds {_shown(found)}, expected an object; {self.advice}")
        schema = found.get("schema")
        oldest = min(self.upgrades, default=self.schema)
        if type(schema) is not int or not oldest <= schema <= self.schema:
            known = f"{oldest} to {self.schema}" if oldest < self.schema else f"{self.schema}"
            raise BenchError(
                f"{source} has schema {schema!r}; this version reads {known}: take the version "
                f"that wrote it, or {self.advice}"
            )
        for step in range(schema, self.schema):
            found = self.upgrades[step](found)
        fields = {key: value for key, value in found.items() if key != "schema"}
        return from_json(self.kind, fields, source, self.advice)


def with_defaults(record: Any, defaults: Mapping[str, Any]) -> Any:
    """Return a JSON object with the keys that it lacks added; anything else as it is.

    >>> with_defaults({"a": 1}, {"a": 0, "b": 0})
    {'a': 1, 'b': 0}
    """
    if not isinstance(record, dict):
        return record  # the reader names it
    return record | {key: value for key, value in defaults.items() if key not in record}


def to_json(value: Any) -> Any:
    """Return what JSON can hold of dataclasses, mappings, sequences and plain values.

    Tuples become lists. An infinity becomes text, as JSON has none.
    """
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: to_json(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return number_to_json(value) if isinstance(value, float) else value


def from_json(kind: type[T], found: Any, source: str, advice: str) -> T:
    """Make a dataclass of a JSON object that has exactly its fields, each of its type.

    Fields are text, numbers, booleans, ``Literal`` texts, other dataclasses, tuples and mappings
    from text of these, any of them, several or None, or ``Any``: whatever was found. Raises
    `BenchError` that names ``source``, the key, what was found and what was expected.
    """
    read: T = _Reader(source, advice).read(kind, found, "")
    return read


@dataclasses.dataclass(frozen=True, slots=True)
class _Reader:
    source: str
    advice: str

    def read(self, kind: Any, found: Any, key: str) -> Any:
        origin, args = get_origin(kind), get_args(kind)
        if kind is Any:
            return found
        if origin in (types.UnionType, Union):
            if found is None:
                return None
            inners = [arg for arg in args if arg is not type(None)]
            if len(inners) == 1:
                return self.read(inners[0], found, key)
            for inner in inners:
                with suppress(BenchError):
                    return self.read(inner, found, key)
            raise self._wrong(key, found, _expected(kind))
        if origin is Literal:
            if isinstance(found, str) and found in args:
                return found
            raise self._wrong(key, found, "one of " + ", ".join(map(repr, args)))
        if dataclasses.is_dataclass(kind):
            return self._record(kind, found, key)
        if origin is tuple:
            if not isinstance(found, list):
                raise self._wrong(key, found, "a list")
            kinds = args[:1] * len(found) if args[-1] is Ellipsis else args
            if len(found) != len(kinds):
                raise self._wrong(key, found, f"a list of {len(kinds)}")
            both = enumerate(zip(kinds, found, strict=True))
            return tuple(self.read(kind, value, f"{key}[{n}]") for n, (kind, value) in both)
        if origin is not None and issubclass(origin, Mapping):
            if not isinstance(found, dict):
                raise self._wrong(key, found, "an object")
            return {name: self.read(args[1], v, _under(key, name)) for name, v in found.items()}
        return self._plain(kind, found, key)

    def _record(self, kind: Any, found: Any, key: str) -> Any:
        if not isinstance(found, dict):
            raise self._wrong(key, found, "an object")
        hints = _hints(kind)
        if unknown := [name for name in found if name not in hints]:
            where, known = _under(key, unknown[0]), ", ".join(hints)
            raise BenchError(
                f"{self.source} has an unknown key '{where}'; expected {known}; {self.advice}"
            )
        if missing := [name for name in hints if name not in found]:
            where, expected = _under(key, missing[0]), _expected(hints[missing[0]])
            raise BenchError(
                f"{self.source} lacks the key '{where}'; expected {expected}; {self.advice}"
            )
        values = {name: self.read(hints[name], v, _under(key, name)) for name, v in found.items()}
        return kind(**values)

    def _plain(self, kind: type, found: Any, key: str) -> Any:
        if kind is float:
            if found in ("inf", "-inf"):
                return float(found)
            fits = isinstance(found, int | float) and not isinstance(found, bool)
        else:
            fits = type(found) is kind
        if not fits:
            raise self._wrong(key, found, _expected(kind))
        return found

    def _wrong(self, key: str, found: Any, expected: str) -> BenchError:
        at = f"{self.source}: '{key}' is" if key else f"{self.source} holds"
        return BenchError(f"{at} {_shown(found)}, expected {expected}; {self.advice}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    """Return the fields of a dataclass with their types."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _under(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _expected(kind: Any) -> str:
    origin, args = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, Union):
        kinds = [arg for arg in args if arg is not type(None)]
        return " or ".join([*map(_expected, kinds), "null"])
    if origin is Literal:
        return "one of " + ", ".join(map(repr, args))
    return "a list" if origin is tuple else _WORDS.get(kind, "an object")


def _shown(found: Any) -> str:
    """Return a value as the user's file has it, shortened."""
    if isinstance(found, float) and not math.isfinite(found):
        return str(found)
    text = json.dumps(found)
    return text if len(text) <= 60 else f"{text[:57]}..."
