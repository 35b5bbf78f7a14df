"""What is refused before anything is read, made or imported: every verb asks here first.

The command line asks before it imports torch, the Python API before it opens a suite.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.core.errors import BenchError
from bench.core.names import choose
from bench.metrics.set_table import Chosen, choose_metrics
from bench.metrics.table import DEFAULT, WITHOUT_REFERENCE, at_hand
from bench.prepare import read_step
from bench.records import ProfileSize, places
from bench.runs.executors.table import executor_named
from bench.suites.table import SuiteCard, open_suite, resolve_suite
from models.catalogue import Card, model_cards
from models.compression.table import MEASURED, METHODS, Method, require_amount
from models.published_files import find_published, published_file
from models.recipe_files import changed
from models.specs import card_of, form_of, label, require_weights
from models.training.budget import parse_budget
from models.variants import parted


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is asked for, written out; no ``metrics``: those of the suite as it is opened."""

    suite: SuiteCard
    models: tuple[str, ...]
    metrics: tuple[str, ...]


def check_run(
    suite: str,
    *,
    data: Path | None,
    models: Sequence[str] | Literal["all"],
    metrics: Sequence[str],
    prepare: Sequence[str],
    limit: int | None,
    budget: str | None,
    profile: ProfileSize,
    executor: str,
    preset: str = "quick",
    recipe: Sequence[str] = (),
) -> Asked:
    """Return a run's suite, models and metrics by name. Raises `BenchError` for what cannot be."""
    card, _ = resolve_suite(suite)
    fit = {name: one for name, one in model_cards().items() if card.task in one.tasks}
    standard = tuple(name for name, one in fit.items() if one.standard)
    here = tuple(n for n, one in fit.items() if not one.checkpoint or find_published(one))
    chosen = here if models == "all" else tuple(models) or standard
    found = Asked(card, chosen, choose_metrics(metrics).all)
    for spec in chosen:
        trained = _check_model(spec, None)
        if recipe and trained and trained.recipe:
            changed(trained.preset(preset), recipe)
    labels = [label(spec) for spec in chosen]  # some file systems take no notice of their case
    if doubled := [name for name, n in Counter(map(str.casefold, labels)).items() if n > 1]:
        raise BenchError(
            f"two models would both be called {', '.join(sorted(doubled))}; name each once, or "
            "rename a file"
        )
    _check_steps(prepare)
    _check_limit(limit)
    _check_budget(budget)
    _check_places(profile)
    executor_named(executor)
    _check_data(suite, card, data)
    return found


def check_training(
    model: str,
    suite: str,
    *,
    data: Path | None,
    preset: str,
    prepare: Sequence[str],
    budget: str | None,
    start: Path | None,
    recipe: Sequence[str] = (),
) -> Card:
    """Return the card of a network to be trained. Raises `BenchError` for what cannot be."""
    cards = model_cards()
    card = cards[choose("model", model, cards)]
    changed(card.preset(preset), recipe)
    opened, _ = resolve_suite(suite)
    if opened.task not in card.tasks:
        raise BenchError(
            f"'{model}' is made for {', '.join(card.tasks)}; '{suite}' is {opened.task}"
        )
    _check_steps(prepare)
    _check_budget(budget)
    require_weights(start)
    _check_data(suite, opened, data)
    return card


def check_profile(
    model: str, *, size: tuple[int, int], seconds: float, weights: Path | None
) -> None:
    """Raise `BenchError` for a model that there is not, and for conditions that mean nothing."""
    _check_model(model, weights)
    check_size(size)
    if not seconds > 0:
        raise BenchError(f"--seconds {seconds:g}: expected more than 0")


def check_export(model: str, *, size: tuple[int, int], weights: Path | None) -> Card | None:
    """Return the model's card, if it has one. Raises `BenchError` for a model or weights that are
    not there, and for a size that is no image's."""
    check_size(size)
    return _check_model(model, weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionOrder:
    """What ``bench compress`` is asked for: a model made smaller, and measured on a suite.

    ``amounts`` are parts of the parameters, ``into`` is the network that distil teaches, ``data``
    the suite's folder, ``weights`` those of a catalogue model, ``out`` the folder of the files.
    """

    model: str
    method: str
    suite: str
    amounts: tuple[float, ...] = ()
    into: str | None = None
    data: Path | None = None
    weights: Path | None = None
    preset: Literal["quick", "paper"] = "quick"
    budget: str | None = None
    metrics: tuple[str, ...] = MEASURED
    limit: int | None = None
    profile: ProfileSize = "suite"
    seed: int = 0
    device: str = "auto"
    out: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedCompression:
    """An order that can be carried out: its method, the model's card, and that of the network it is
    taught to, if there are."""

    order: CompressionOrder
    method: Method
    card: Card | None
    taught: Card | None


def check_compression(order: CompressionOrder) -> CheckedCompression:
    """Return an order with what it names looked up. Raises `BenchError` for what cannot be."""
    model, row = order.model, METHODS[choose("method", order.method, METHODS)]
    require_amount(row, order.amounts)
    if order.budget is not None and not row.trains:
        raise BenchError(f"--budget {order.budget}: --method {row.name} trains nothing")
    if parted(model)[1]:
        raise BenchError(f"'{model}' is a variant; expected the model itself, {parted(model)[0]}")
    card, form = _check_model(model, order.weights), form_of(model)
    if form in ("factory", "outputs") or (
        card is not None
        and card.recipe is None
        and card.checkpoint is None
        and card.shipped is None
    ):
        what = "is classical: it has no network" if card else "is no file of weights"
        raise BenchError(
            f"'{model}' {what} to be made smaller; expected a network of 'bench models', "
            "FILE.safetensors, FILE.pth or FILE.onnx"
        )
    if form == "onnx" and row.needs != "model file":
        raise BenchError(
            f"'{model}' is an ONNX file, which no longer learns: --method {row.name} needs the "
            "FILE.safetensors that it was exported from"
        )
    opened, _ = resolve_suite(order.suite)
    taught = _check_into(row, order.into, opened.task, order.preset)
    if card is not None and opened.task not in card.tasks:
        raise BenchError(
            f"'{model}' is made for {', '.join(card.tasks)}; '{order.suite}' is {opened.task}"
        )
    _check_limit(order.limit)
    _check_budget(order.budget)
    choose_metrics(order.metrics)
    _check_places(order.profile)
    _check_data(order.suite, opened, order.data)
    return CheckedCompression(order=order, method=row, card=card, taught=taught)


def _check_into(row: Method, into: str | None, task: str, preset: str) -> Card | None:
    """Return the card of the network that is to be taught, None where the method teaches none."""
    if row.name != "distil":
        if into is not None:
            raise BenchError(f"--into {into}: only --method distil teaches another network")
        return None
    if into is None:
        raise BenchError("--method distil: whom? name a small network, such as --into litenet")
    cards = model_cards()
    card = cards[choose("model", into, cards)]
    if card.preset(preset).method != "plain" or task not in card.tasks:
        why = f"learns by method '{card.preset(preset).method}' for {', '.join(card.tasks)}"
        raise BenchError(f"--into {into}: it {why}; expected a plain recipe, for {task}")
    return card


def check_restoring(model: str, *, weights: Path | None, images: Sequence[Path]) -> Card | None:
    """Return the model's card, if it has one.

    Raises `BenchError` for a model or weights that are not there, and where none of the photographs
    or folders is.
    """
    card = _check_model(model, weights)
    if not any(image.exists() for image in images):
        raise BenchError(
            f"no photograph or folder '{images[0]}'; expected image files, or folders of them"
        )
    return card


def check_scoring(
    restored: Sequence[Path], reference: Path | None, metrics: Sequence[str]
) -> Chosen:
    """Return the metrics' names written out; of none, the standard ones. Raises `BenchError` for
    what there is not."""
    standard = DEFAULT if reference else WITHOUT_REFERENCE
    names = choose_metrics(tuple(metrics) or at_hand(standard))
    for folder in [*restored, *([reference] if reference else [])]:
        if not folder.exists():
            raise BenchError(f"no folder '{folder}'; expected a folder of images")
    return names


def check_rescoring(metrics: Sequence[str]) -> Chosen:
    """Return the names of metrics to be added to a run, written out. Raises `BenchError` for what
    there is not, and for none."""
    names = choose_metrics(metrics)
    if not names.all:
        raise BenchError("--metrics names none; expected the metrics to add: 'bench metrics'")
    return names


def check_size(size: tuple[int, ...]) -> None:
    """Raise `BenchError` for a height and width that are no image's, or no batch of images."""
    if min(size) < 1:
        raise BenchError(f"size {'x'.join(map(str, size))}: expected at least 1 pixel each way")


def _check_places(profile: ProfileSize) -> None:
    for place in places(profile):
        if isinstance(place, tuple):
            check_size(place)


def _check_model(spec: str, weights: Path | None) -> Card | None:
    """Return a model's card, if it has one. Raises `BenchError` for a model or a file that is not
    there, a published network's too."""
    card = card_of(spec)
    require_weights(weights)
    if card is not None and card.checkpoint is not None and weights is None:
        published_file(card)
    return card


def _check_steps(steps: Sequence[str]) -> None:
    for step in steps:
        read_step(step)


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise BenchError(f"--limit {limit}: expected at least 1 image")


def _check_budget(budget: str | None) -> None:
    if budget is not None:
        parse_budget(budget)


def _check_data(suite: str, card: SuiteCard, data: Path | None) -> None:
    """Let a suite say in its own words that it has no folder to be read from."""
    if not card.made_here and not (data or Path("data") / card.name).is_dir():
        open_suite(suite, data)
