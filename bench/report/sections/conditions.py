"""Under which conditions the numbers were made: conventions, suite, models, runs, machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.compute.noise import BUSY, DISAGREE, MARK
from bench.report.drawing.content import Content
from bench.report.drawing.html import render
from bench.report.drawing.numbers import percent
from bench.report.reading.context import Context
from bench.report.reading.gather import Gathered
from bench.statistics.clusters import EXACT_CLUSTERS, SAMPLES


def section(context: Context) -> Content:
    """Return all that a reader needs to repeat the run."""
    data = context.analysis.data
    return Content(
        [
            render(
                "sections/conditions.html",
                data=data,
                environments=_environments(data),
                samples_drawn=f"{SAMPLES:,}".replace(",", " "),
                exact_scenes=EXACT_CLUSTERS,
                disagree=percent(DISAGREE),
                busy=f"{BUSY:g}",
                mark=MARK,
            )
        ]
    )


def _environments(data: Gathered) -> list[tuple[str, list[tuple[str, list[tuple[str, str]]]]]]:
    """Return a heading and the environment of every machine that figures are of."""
    machines = dict.fromkeys([*data.machines, *data.elsewhere])
    several = len(machines) > 1
    return [
        (
            f"Environment of machine {machine + 1}" if several else "Environment",
            _environment(data.environment(machine)),
        )
        for machine in machines
    ]


def _environment(record: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the environment in groups of names and values, whatever is in it."""
    plain = [(key, _value(v)) for key, v in record.items() if not isinstance(v, Mapping)]
    groups = [("general", plain)] if plain else []
    for key, inside in record.items():
        if isinstance(inside, Mapping):
            groups.append((key, list(_flat(inside))))
    return groups


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _value(value)


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(_value(item) for item in value) or "none"
    return str(value)
