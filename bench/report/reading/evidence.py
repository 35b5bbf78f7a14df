"""What the parts of a report's decision share: models, axes of quality and cost, wording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.core.errors import BenchError
from bench.framework.costs import Conditions
from bench.framework.joint import PEOPLE, Axis, Evidence, Joint, join
from bench.report.drawing.numbers import COSTS, decimals, fixed, significant, title
from bench.report.reading.analysis import Analysis, memory

if TYPE_CHECKING:
    from bench.framework.people import HumanScale


@dataclass(frozen=True)
class Facts:
    """``qualities``: axes of quality, people's first; ``costs``: axes of
    cost, of which two models or more have a figure under ``conditions``.
    """

    analysis: Analysis
    evidence: Evidence
    qualities: Sequence[str]
    costs: Sequence[str]
    conditions: Conditions | None

    @property
    def main(self) -> str:
        """The quality that decides: people's, else the first metric."""
        return self.qualities[0]

    def join(self, *axes: str) -> Joint:
        """Draw all models but the base on ``axes``, best first by the report's order."""
        order = [m for m in self.analysis.order if m != self.evidence.base]
        return join(self.evidence, axes, self.conditions, order)

    def written(self, axis: Axis, value: float, sign: bool = False) -> str:
        """Return a value of an axis with its unit, as the other tables write it."""
        if axis.kind == "cost":
            _, unit, factor = COSTS[axis.name]
            plus = "+" if sign and value > 0 else ""
            return f"{plus}{significant(value * factor)} {unit}".strip()
        places = self.analysis.places.get(axis.name, decimals([value], axis.unit))
        return f"{fixed(value, places, sign)} {axis.unit}".strip()


def axis_title(name: str) -> str:
    """Return how an axis is written in headings."""
    if name == PEOPLE:
        return "People"
    return COSTS[name][0] if name in COSTS else title(name)


def in_words(names: Sequence[str]) -> str:
    """Return axes as a sentence has them: ``PSNR, latency and MACs``."""
    words = [axis_title(name) for name in names]
    words = [w.lower() if n in COSTS and not w.isupper() and n != "macs" else w
             for n, w in zip(names, words, strict=True)]  # fmt: skip
    return f"{', '.join(words[:-1])} and {words[-1]}" if words[1:] else words[0]


def names_on_page(scale: HumanScale, analysis: Analysis) -> dict[str, str]:
    """Return the name on the page of each model of the study.

    Raises `BenchError` where its run is none of the report's.
    """
    data = analysis.data
    here = [n for n, run in enumerate(data.runs) if run.path.resolve() == scale.run.path.resolve()]
    if not here:
        raise BenchError(
            f"study '{scale.answers.study}' was made of '{scale.run.path}', which is left out of "
            "this report; name that run first"
        )
    rows = {row.label: row.name for row in data.rows if row.run == here[0]}
    shared = {row.label: row.name for row in data.rows}  # equal in an earlier run, shown once
    return {model: rows.get(model, shared[model]) for model in scale.models}


def gather_facts(analysis: Analysis, people: HumanScale | None) -> Facts:
    """Gather the evidence of a report; people's scale is matched by the report's model names."""
    data = analysis.data
    if people is not None:
        names = names_on_page(people, analysis)
        people = replace(people, models=tuple(names[model] for model in people.models))
    conditions = next(iter(data.conditions()), None)
    costs: list[str] = []
    if conditions is not None:
        for quantity in ("latency_ms", memory(analysis, conditions)):
            known = [name for name in analysis.order if name != analysis.base
                     and (cost := analysis.cost(name, quantity, conditions))
                     and cost.value is not None]  # fmt: skip
            costs += [quantity] if len(known) > 1 else []
    evidence = Evidence(
        data.table, data.costs, people, analysis.base if analysis.has_base else None
    )
    qualities = [*([PEOPLE] if people is not None else []), *analysis.shown]
    return Facts(analysis, evidence, qualities, costs, conditions)
