"""``bench pick``."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.console import next_line, print_json, print_table, say, say_prose
from bench.cli.options import Json, Study
from bench.compute.noise import MARK, summary
from bench.core.errors import BenchError
from bench.core.files import number_to_json
from bench.records import ONE, ONE_SAMPLE

if TYPE_CHECKING:
    from bench.framework.budgets import Candidate, Limit, Pick


def pick(
    run: Annotated[str, typer.Argument(help="Run folder, or a suite's name for its latest run.")],
    quality: Annotated[
        str, typer.Option(help="What to be best in: a metric of the run, or people (with --study).")
    ],
    maxima: Annotated[
        list[str] | None,
        typer.Option(
            "--max",
            metavar="NAME=VALUE",
            help="Not more than this of a cost or a metric: latency_ms, memory_mb, gmacs, mparams, "
            "cold_start_s, energy_j .. ('bench profile --quantities' lists all). The upper end of "
            "the interval is what counts, or of the range of a noisy cost. Repeat it.",
            show_default="no limit",
        ),
    ] = None,
    minima: Annotated[
        list[str] | None,
        typer.Option(
            "--min",
            metavar="NAME=VALUE",
            help="Not less than this: the lower end of the interval counts.",
            show_default="no limit",
        ),
    ] = None,
    study: Study = None,
    as_json: Json = False,
) -> None:
    """Choose the best model within a budget, and say which others cannot be told from it.

    A limit is held against the worse 95 % confidence bound of a figure. Of a noisy cost the limits
    inside its range are neither kept nor broken, which is said. Of a cost with one sample there is
    no interval: the sample is held against the limit, which is said, too. Where nothing fits, the
    smallest changes of the budget that admit a model are given. Costs are those measured under one
    set of conditions: figures of another device, size, batch or number of threads are not mixed in.
    Exit status 1: nothing surely fits.
    """
    most, least = _limits("--max", maxima), _limits("--min", minima)

    from bench import api

    opened = api.open_run(run)
    found = opened.pick(quality, most, least, study)
    if as_json:
        print_json(_json(asdict(found)))
    else:
        _show(found)
        _show_noise(found, opened.path)
    if found.chosen is None:
        raise typer.Exit(1)


def _limits(option: str, texts: list[str] | None) -> dict[str, float]:
    """Read ``NAME=VALUE`` options."""
    found: dict[str, float] = {}
    for text in texts or ():
        name, _, value = text.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise BenchError(
                f"{option} '{text}': expected NAME=VALUE with a number, such as latency_ms=50"
            ) from None
    return found


def _show(found: Pick) -> None:
    budget = ", ".join(limit.given for limit in found.limits) or "no limit"
    doubtful = [c.model for c in found.candidates if c.state == "open"]
    surely = " surely" if doubtful else ""
    if found.chosen:
        best = f"{found.chosen} is the best by {found.quality.name}"
        say_prose(f"{best}{surely} within the budget ({budget})")
        if also := [c.model for c in found.candidates if c.state == "tied"]:
            say_prose(f"tied with it: {', '.join(also)}")
    else:
        say_prose(f"no model{surely} fits the budget ({budget}); what would have to give:")
        for way in found.relaxations:
            needed = " and ".join(_wider(given, value) for given, value in way.limits.items())
            say_prose(f"  {way.model} ({found.quality.name} {way.quality:.4g}) with {needed}")
    if doubtful:
        say_prose(f"not known whether within the budget, for noise: {', '.join(doubtful)}")
    axes = list(dict.fromkeys([found.quality.name, *(limit.axis.name for limit in found.limits)]))
    units = {found.quality.name: found.quality.unit}
    units |= {limit.axis.name: limit.axis.unit for limit in found.limits}
    print_table(
        "",
        ("model", *(f"{name} {units[name]}".strip() for name in axes), "in the budget", "why"),
        (
            (
                c.model,
                *(_figure(c, name) for name in axes),
                _WORDS[c.state],
                _why(found, c),
            )
            for c in found.candidates
        ),
    )
    if found.images:
        figures = (c.figures.get(name) for c in found.candidates for name in axes)
        spread = ", with 95 % intervals" if any(f and f[1] < f[2] for f in figures) else ""
        say_prose(f"means over {found.images} image{'s' * (found.images != 1)}{spread}")
    if found.conditions:
        say_prose(f"costs on {found.conditions}")
    for note in found.notes:
        say_prose(f"note: {note}")


_WORDS = {
    "chosen": "yes, the best",
    "tied": "yes, tied",
    "behind": "yes, worse",
    "untested": "yes",
    "open": "not known",
    "over": "no",
    "apart": "ranked apart",
    "unknown": "not known",
}


def _show_noise(found: Pick, run: Path) -> None:
    """Say which costs are noisy, and what to do."""
    noisy = {c.model: c.noisy for c in found.candidates if c.noisy}
    if not noisy:
        return
    say_prose(summary({m: "; ".join(dict.fromkeys(why.values())) for m, why in noisy.items()}))
    say(next_line("profile", "--again", run))


def _figure(one: Candidate, axis: str) -> str:
    if axis not in one.figures:
        return "—"
    value, low, high = one.figures[axis]
    text = f"{value:.4g} {MARK}" if axis in one.noisy else f"{value:.4g}"
    text = text if low == high else f"{text} [{low:.4g}, {high:.4g}]"
    if axis in one.single:
        text += f" ({ONE if axis in one.noisy else ONE_SAMPLE})"
    return text


def _wider(given: str, value: float) -> str:
    """Return a limit with ``value`` in its number's place, rounded so that the model does fit."""
    name, sign, _ = given.rsplit(" ", 2)
    digits = 10.0 ** (3 - math.floor(math.log10(abs(value)))) if value else 1.0
    rounded = (math.ceil if sign == "<=" else math.floor)(value * digits) / digits
    return f"{name} {sign} {rounded:.10g}"


def _why(found: Pick, one: Candidate) -> str:
    broken = [limit for limit in found.limits if limit.given in one.broken]
    if one.state == "open":
        return ", ".join(_between(limit, one) for limit in broken) + "; measure anew"
    if broken:
        return ", ".join(
            f"{limit.axis.name} {'was' if _sampled_once(one, limit) else 'may be'} "
            f"{limit.needed(*one.figures[limit.axis.name][1:]):.4g}"
            for limit in broken
        )
    if one.beaten is not None and found.chosen:
        share = "over 0.99" if one.beaten > 0.99 else f"{one.beaten:.2f}"
        return f"{found.chosen} is better with probability {share}"
    return one.reason or ""


def _sampled_once(one: Candidate, limit: Limit) -> bool:
    """Whether the figure is one sample, of which nothing says what else it may be."""
    return limit.axis.name in one.single and limit.axis.name not in one.noisy


def _between(limit: Limit, one: Candidate) -> str:
    _, low, high = one.figures[limit.axis.name]
    return f"{limit.axis.name} measured between {low:.4g} and {high:.4g} {limit.axis.unit}".rstrip()


def _json(value: Any) -> Any:
    """Return ``value`` with infinities as text."""
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return number_to_json(value) if isinstance(value, float) else value
