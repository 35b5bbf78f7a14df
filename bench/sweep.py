"""A sweep: suites x degradation levels x recipes x seeds x models, written down in one TOML file.

It is read strictly, and what can be known to be wrong is refused before anything runs. Every run of
it is an ordinary one (`bench.api.run`): planned, kept and taken up as if it had been typed. What
fails is named, and the others go on.
"""

from __future__ import annotations

import itertools
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from bench import api
from bench.checks import check_run
from bench.core.errors import BenchError, message_of
from bench.core.names import choose, parse_spec
from bench.core.progress import Progress, Unheard
from bench.records import LEAST_TILE, ProfileSize, Tile, profile_size, profile_text, tile_of
from bench.runs.executors.table import executor_named
from bench.suites.table import canonical
from models.specs import card_of

Train = Literal["missing", "never", "always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What every run of a sweep is asked for, with the defaults of `bench.api.run`.

    A key of the file is a field; a suite's own keys win over those of the whole sweep.
    """

    models: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    metrics: tuple[str, ...] = ()
    prepare: tuple[str, ...] = ()
    limit: int | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    train: Train = "missing"
    preset: Literal["quick", "paper"] = "quick"
    budget: str | None = None
    set: tuple[str, ...] = ()
    """Changes to the recipe of every network trained, ``KEY=VALUE``."""
    recipes: tuple[tuple[str, ...], ...] = ()
    """Of an ablation: further changes, each set of which is a run of its own."""
    profile: ProfileSize = "suite"
    tile: Tile = None
    executor: str = "local"
    overlap: Literal["refuse", "mark"] = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One run of a sweep. ``seed`` is the only one of ``terms.seeds`` that it is of."""

    suite: str
    data: Path | None
    seed: int
    terms: Terms

    @property
    def name(self) -> str:
        """What it is called where it is spoken of."""
        seed = f"seed {self.seed}" if self.seed else ""
        return ", ".join(filter(None, (self.suite, *self.terms.set, seed)))

    def options(self) -> dict[str, str]:
        """Return the options of `bench run` that ask for the same run, but for the usual ones."""
        usual, terms = Terms(), self.terms
        found: dict[str, object] = {"suite": self.suite, "data": self.data}
        for key in ("models", "metrics", "prepare"):
            found[key] = ",".join(getattr(terms, key)) or None
        for key in ("limit", "device", "train", "preset", "budget", "tile", "executor", "overlap"):
            value = getattr(terms, key)
            found[key] = None if value == getattr(usual, key) else value
        if terms.profile != usual.profile:
            found["profile"] = profile_text(terms.profile)
        found["seed"] = self.seed or None
        return {key: str(value) for key, value in found.items() if value is not None}

    def command(self) -> str:
        """Return the same run as it would be typed."""
        words = [word for key, value in self.options().items() for word in (f"--{key}", value)]
        words += [word for change in self.terms.set for word in ("--set", change)]
        return shlex.join(["bench", "run", *words])


@dataclass(slots=True)
class Swept:
    """What came of a sweep: its runs, and by name what failed, of a run or of one model of it."""

    runs: list[api.Run] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)


def read_sweep(path: Path, executor: str | None = None) -> list[Planned]:
    """Return the runs of the sweep in a TOML file, in the order of their suites.

    Several seeds and recipes are trained for anew, whatever weights are kept; models that are not
    trained here run with the first of them alone. ``executor`` wins over those of the file. Raises
    `BenchError` for a file that is not there or not TOML, for unknown keys (with the nearest),
    values of another kind, and runs that cannot be.
    """
    try:
        found = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BenchError(f"cannot read a sweep from '{path}': {error}") from error
    suites = found.pop("suites", None)
    if not isinstance(suites, list) or not suites or not all(isinstance(s, dict) for s in suites):
        raise BenchError(
            f"'{path}' names no suites: expected a table [[suites]] with suite = \"NAME\" for each"
        )
    general = _terms(str(path), found, Terms())
    planned = [run for suite in suites for run in _of_suite(str(path), suite, general)]
    if executor is not None:
        planned = [replace(run, terms=replace(run.terms, executor=executor)) for run in planned]
    commands = [run.command() for run in planned]
    if doubled := sorted({line for line in commands if commands.count(line) > 1}):
        raise BenchError(f"'{path}' asks twice for '{doubled[0]}'; name it once")
    for run in planned:
        _check(run)
    return planned


def run_sweep(planned: Sequence[Planned], progress: Progress | None = None) -> Swept:
    """Do everything that is missing of the runs; return them, and what failed.

    A run that fails is named, and the next one goes on. KeyboardInterrupt ends the sweep: the same
    call then goes on from there.
    """
    listener, swept = progress or Unheard(), Swept()
    with ExitStack() as stack:
        for executor in dict.fromkeys(run.terms.executor for run in planned):
            stack.enter_context(executor_named(executor).workplace())  # once for all runs
        _run_all(planned, swept, listener)
    return swept


def _run_all(planned: Sequence[Planned], swept: Swept, listener: Progress) -> None:
    for number, run in enumerate(planned, start=1):
        listener.note(f"run {number} of {len(planned)}: {run.name}")
        terms = run.terms
        try:
            done = api.run(
                run.suite,
                data=run.data,
                models=terms.models,
                metrics=terms.metrics,
                prepare=terms.prepare,
                limit=terms.limit,
                device=terms.device,
                train=terms.train,
                preset=terms.preset,
                budget=terms.budget,
                recipe=terms.set,
                profile=terms.profile,
                tile=terms.tile,
                seed=run.seed,
                executor=terms.executor,
                overlap=terms.overlap,
                options=run.options(),
                progress=listener,
            )
        except Exception as error:  # noqa: BLE001  one run never stops the others
            swept.failures.append((run.name, message_of(error)))
            continue
        swept.runs.append(done)
        record = done.record
        for label, model in record.models.items():
            if model.state == "failed":
                swept.failures.append((f"{run.name}, {label}", model.reason or "failed"))
        for failure in record.failures:
            if failure.image is not None and record.models[failure.model].state != "failed":
                where = f"{run.name}, {failure.model} on {failure.image}"
                swept.failures.append((where, failure.message))


# --- reading --------------------------------------------------------------------------------------


def _of_suite(path: str, given: Mapping[str, Any], general: Terms) -> Iterator[Planned]:
    """Yield the runs of a suite: one for each combination of its levels and each seed."""
    rest = dict(given)
    spec, data = rest.pop("suite", None), rest.pop("data", None)
    levels = rest.pop("levels", {})
    if not isinstance(spec, str) or not isinstance(data, str | None):
        raise BenchError(f"'{path}': a suite needs suite = \"NAME\", and data is a folder's name")
    if not isinstance(levels, dict) or not all(isinstance(v, list) for v in levels.values()):
        raise BenchError(f"'{path}', {spec}: expected levels = {{ OPTION = [VALUE, ..] }}")
    terms = _terms(f"{path}, {spec}", rest, general, ("suite", "data", "levels"))
    several = len(terms.seeds) > 1 or len(terms.recipes) > 1
    if several and (terms.train == "never" or not terms.models):
        raise BenchError(
            f"'{path}', {spec}: several seeds or recipes are several trainings of models that are "
            "named; got " + ('train = "never"' if terms.models else "no models")
        )
    trained = _trained(terms.models) if several else ()
    name, options = parse_spec(spec)
    folder = None if data is None else Path(data)
    for values in itertools.product(*levels.values()):
        chosen = dict(zip(levels, map(str, values), strict=True))
        suite = canonical(name, {**options, **chosen})
        each = itertools.product(terms.recipes or ((),), terms.seeds)
        for number, (changes, seed) in enumerate(each):
            of_seed = replace(terms, seeds=(seed,), recipes=(), set=(*terms.set, *changes))
            if several:
                of_seed = replace(of_seed, train="always")
            if number:
                of_seed = replace(of_seed, models=trained)
            if not number or trained:
                yield Planned(suite=suite, data=folder, seed=seed, terms=of_seed)


def _trained(models: Sequence[str]) -> tuple[str, ...]:
    """Return the models whose weights are made by a training here."""
    cards = {spec: card_of(spec) for spec in models}
    return tuple(spec for spec, card in cards.items() if card is not None and card.recipe)


def _terms(
    where: str, given: Mapping[str, Any], general: Terms, others: Sequence[str] = ()
) -> Terms:
    """Return what a table asks for, over what is asked for in general."""
    read: dict[str, Any] = {}
    for key, value in given.items():
        known = [*Terms.__dataclass_fields__, *others]
        try:
            choose("key", key, known)
            read[key] = _value(key, value)
        except BenchError as error:
            raise BenchError(f"'{where}': {error}") from error
    return replace(general, **read)


_CHOICES = {
    "device": ("auto", "cpu", "cuda"),
    "train": get_args(Train),
    "preset": ("quick", "paper"),
    "overlap": ("refuse", "mark"),
}


def _value(key: str, value: Any) -> Any:
    """Return a value of the file as a field of `Terms`."""
    if key == "recipes":
        if isinstance(value, list) and value:
            read = [_value("set", one) if one else () for one in value]
            if len(set(read)) == len(read):
                return tuple(read)
        expected = 'a list of different lists of changes, such as [[], ["losses.l1=1"]]'
    elif key in ("models", "metrics", "prepare", "set"):
        if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
            return tuple(value)
        expected = 'a list of texts, such as ["input", "nlm"]'
    elif key == "seeds":
        whole = isinstance(value, list) and all(type(v) is int and v >= 0 for v in value)
        if whole and value and len(set(value)) == len(value):
            return tuple(value)
        expected = "a list of different whole numbers, such as [0, 1, 2]"
    elif key == "tile":
        with suppress(BenchError):
            if type(value) in (int, str):
                return tile_of(value)
        expected = f'"auto", "whole", or pixels from {LEAST_TILE} up'
    elif key == "limit":
        if type(value) is int and value > 0:
            return value
        expected = "a whole number above 0"
    elif key == "profile":
        if isinstance(value, str):
            return profile_size(value)
        expected = '"HEIGHTxWIDTH", "suite", several with commas between, or "none"'
    elif key in _CHOICES:
        if value in _CHOICES[key]:
            return value
        expected = " or ".join(f'"{one}"' for one in _CHOICES[key])
    else:
        if isinstance(value, str):
            return value
        expected = "a text"
    raise BenchError(f"{key} = {value!r}: expected {expected}")


def _check(run: Planned) -> None:
    """Refuse a run that cannot be, as `bench run` would."""
    terms = run.terms
    try:
        check_run(
            run.suite,
            data=run.data,
            models=terms.models,
            metrics=terms.metrics,
            prepare=terms.prepare,
            limit=terms.limit,
            budget=terms.budget,
            profile=terms.profile,
            executor=terms.executor,
            preset=terms.preset,
            recipe=terms.set,
        )
    except BenchError as error:
        raise BenchError(f"{run.name}: {error}") from error
