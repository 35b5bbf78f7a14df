"""Marks on models whose figures need a word: who was told more, and who learned less or elsewhere.

One list for all tables and plots. Who was told the answer, or a part of it, is ranked apart, where
there is anybody else to rank.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.core.formats import to_json
from bench.core.names import parse_spec
from bench.records import IN_TILES
from bench.runs.record import ModelRecord
from bench.suites.frames import without_frames
from models.catalogue import model_cards
from models.variants import without_variants


@dataclass(frozen=True, slots=True)
class Mark:
    """``symbol`` stands beside the model's name, ``short`` says why in a few words, ``sentence`` in
    the legend. ``apart``: it was told more than the others, and is ranked apart from them."""

    symbol: str
    short: str
    sentence: str
    apart: bool = False


PSF = Mark(
    "†",
    "knows the PSF",
    "given the true blur (its PSF), which the others have to do without",
    apart=True,
)
NOISE = Mark(
    "‡",
    "knows the noise level",
    "given the true noise level, which the others have to do without",
    apart=True,
)
TRAINED_FOR_NOISE = Mark(
    "‡",
    "trained for this noise level",
    "trained for the one noise level of these images (a non-blind denoiser)",
    apart=True,
)
FRAMES = Mark(
    "≡",
    "sees neighbouring frames",
    "sees neighbouring frames of the sequence, where the others see one image",
)


UNDERTRAINED = "undertrained"


def marks_of(info: ModelRecord, suite: str) -> tuple[Mark, ...]:
    """Return the marks of a model of a run on ``suite``, a suite's key."""
    found = []
    header = info.weights.header if info.weights else {}
    learned_on = header.get("suite")
    card = model_cards().get(without_variants(info.spec, info.spec)[0])
    level = card.checkpoint.noise if card and card.checkpoint else None
    if "psf" in info.told or (card and card.needs_psf):
        found.append(PSF)
    if "noise" in info.told:
        found.append(NOISE)
    elif (sigma := _sigma(suite)) is not None and sigma in (_sigma(learned_on), level):
        found.append(TRAINED_FOR_NOISE)
    if in_tiles := next((r for r in info.remarks if r.startswith(IN_TILES)), ""):
        found.append(Mark("#", "worked in tiles", f"{in_tiles}: seams are possible"))
    if "frames" in info.told:
        found.append(FRAMES)
    if info.separation == "overlap":
        found.append(Mark("¶", "learned from test images", info.separation_note, apart=True))
    if info.separation == "unknown":
        found.append(Mark("?", "learned from unknown images", info.separation_note))
    if isinstance(why := header.get("undertrained"), str) and why:
        found.append(Mark("‼", UNDERTRAINED, f"undertrained, no result: {why}"))
    elif short := _short_training(header):
        found.append(Mark("°", "trained briefly", short))
    if isinstance(learned_on, str) and without_frames(learned_on) != without_frames(suite):
        found.append(Mark("§", f"trained on {learned_on}", f"trained on {learned_on}"))
    return tuple(found)


def symbols(marks: Iterable[Mark]) -> str:
    """Return what stands beside a model's name: "†", "?°" or nothing."""
    return "".join(mark.symbol for mark in marks)


def legend(marks: Mapping[str, tuple[Mark, ...]], apart: Collection[str]) -> list[str]:
    """Return a line on each mark of the models, which are by name; ``apart``: those that are ranked
    apart (`bench.framework.scores.ScoreTable.apart`), which none is where all are told more."""
    told: dict[Mark, list[str]] = {}
    for name, own in marks.items():
        for mark in own:
            told.setdefault(mark, []).append(name)
    return [
        f"{mark.symbol} {', '.join(names)}: {mark.sentence}"
        + ("; ranked apart." if mark.apart and apart and set(names) <= set(apart) else ".")
        for mark, names in sorted(told.items(), key=lambda item: item[0].symbol)
    ]


def _sigma(suite: object) -> float | None:
    """Return the noise level that all images of a suite have by its name, None where they differ.

    >>> _sigma("bsd68:sigma=25")
    25.0
    """
    text = parse_spec(suite)[1].get("sigma", "") if isinstance(suite, str) else ""
    try:
        return float(text)
    except ValueError:
        return None


def _short_training(header: Mapping[str, Any]) -> str:
    """Say how long a network was trained here, unless that was its paper's recipe, in full."""
    budget, recipe = header.get("budget"), header.get("recipe")
    if not isinstance(budget, str) or not isinstance(recipe, dict):
        return ""
    card = model_cards().get(str(header.get("model")))
    paper = card.paper if card else None
    given = paper.budget if paper and "budget" not in paper.not_given else None
    if paper and recipe == to_json(paper) and (given is None or _as_long(budget, given)):
        return ""
    steps = header.get("planned_steps")
    in_steps = bool(steps) and budget.strip().endswith("steps")
    spent = _spaced(budget)
    length = f"{steps} steps" if in_steps else f"{spent} ({steps} steps)" if steps else spent
    said = f"trained for {length}"
    return said + (f"; its paper trains for {_spaced(given)}" if given else "")


def _spaced(budget: str) -> str:
    """Write a budget as words: ``100 epochs`` for 100epochs; seconds stay ``75s``."""
    return re.sub(r"(?<=\d)(?=steps|epochs)", " ", budget)


def _as_long(budget: str, other: str) -> bool:
    """Whether a training's length, as typed, is at least another's; never of different units."""
    (mine, unit), (theirs, their_unit) = (
        (text.strip().rstrip("acehmopst"), text.strip().lstrip("0123456789. "))
        for text in (budget, other)
    )
    return unit == their_unit and float(mine) >= float(theirs)
