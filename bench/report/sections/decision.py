"""What to take: fronts with their uncertainty, budgets, weightings, scores of challenges, and what
people's preference is worth. Each part is a module of its own; here they get their evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.errors import BenchError
from bench.report.drawing.tables import Table
from bench.report.drawing.theme import Look, Plot
from bench.report.reading.analysis import Analysis
from bench.report.reading.evidence import Facts, gather_facts, in_words
from bench.report.sections import acceptability, efficiency, frontier, plane
from bench.report.sections import budget_table as ladders
from bench.report.sections import preference as worth

if TYPE_CHECKING:
    from bench.framework.people import HumanScale


@dataclass(frozen=True)
class Decision:
    """The parts that could be made, and why others could not."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    plots: Mapping[str, Sequence[Plot]] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    axes: str = ""
    """The quality and the costs of the decision, in words."""


Part = Callable[[Facts, Mapping[str, Look], Path], Sequence[Table | Plot]]


def decide(
    analysis: Analysis, people: HumanScale | None, styles: Mapping[str, Look], folder: Path
) -> Decision:
    """Make every part that the evidence allows; plots go into ``folder``, tables are returned."""
    found = gather_facts(analysis, people)
    if not found.qualities:
        return Decision(reasons=["No model has a score, so there is nothing to decide by."])
    parts: Mapping[str, Part] = {
        "plane": plane.planes,
        "front": frontier.tables,
        "ladders": ladders.tables,
        "acceptability": acceptability.chart,
        "efficiency": efficiency.tables,
        "worth": worth.tables,
    }
    tables: dict[str, Table] = {}
    plots: dict[str, list[Plot]] = {}
    reasons: list[str] = []
    for name, part in parts.items():
        try:
            for one in part(found, styles, folder):
                if isinstance(one, Plot):
                    plots.setdefault(name, []).append(one)
                else:
                    tables[one.name] = one
        except BenchError as error:
            reasons.append(f"{_HEADS[name]}: {error}.")
    return Decision(tables, plots, reasons, in_words([found.main, *found.costs]))


_HEADS = {
    "plane": "No perception-distortion plane",
    "front": "No front",
    "ladders": "No choice by budget",
    "acceptability": "No weightings",
    "efficiency": "No efficiency scores",
    "worth": "Not regressed on people's votes",
}
