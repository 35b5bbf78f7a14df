"""What the parts of a report's decision share: models on axes of quality and of cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.compute.quantities import row_of
from bench.core.errors import BenchError
from bench.core.names import counted
from bench.framework.costs import CostConditions
from bench.framework.joint import PEOPLE, Axis, Evidence, Joint, join
from bench.report.drawing.content import Missing
from bench.report.drawing.numbers import decimals, fixed, significant
from bench.report.reading.analysis import Analysis, memory

if TYPE_CHECKING:
    from bench.framework.people import HumanScale


FEWEST = 3
"""Models that a table of the decision is about, at least: two are compared under Results."""


def too_few(models: int) -> Missing | None:
    """Return why there is no table of so many models; None where there is one."""
    if models >= FEWEST:
        return None
    return Missing(f"{counted(models, 'model')} to choose from; Results compares them")


@dataclass(frozen=True)
class Facts:
    """``qualities``: axes of quality, people's first; ``costs``: axes of
    cost, of which two models or more have a figure under ``conditions``.
    """

    analysis: Analysis
    evidence: Evidence
    qualities: Sequence[str]
    costs: Sequence[str]
    conditions: CostConditions | None

    @property
    def main(self) -> str:
        """The quality that decides: people's, else the first metric."""
        return self.qualities[0]

    @property
    def no_costs(self) -> str:
        """Why there are no ``costs``."""
        if self.conditions is None:
            return "costs were not measured"
        return f"fewer than two models have their latency or memory on {self.conditions}"

    def join(self, *axes: str, with_base: bool = False) -> Joint | Missing:
        """Draw all models on ``axes``, best first by the report's order; else say why it cannot be.

        The base is the zero of every axis, or one of the models where it is asked for.
        """
        base = self.evidence.base
        evidence = replace(self.evidence, base=None) if with_base else self.evidence
        order = [m for m in self.analysis.order if with_base or m != base]
        try:
            return join(evidence, axes, self.conditions, order)
        except BenchError as error:
            return Missing(str(error))

    def written(self, axis: Axis, value: float, sign: bool = False) -> str:
        """Return a value of an axis with its unit, as the other tables write it."""
        if axis.kind == "cost":
            row, plus = row_of(axis.name), "+" if sign and value > 0 else ""
            return f"{plus}{significant(value * row.factor)} {row.page_unit}".strip()
        places = self.analysis.places.get(axis.name, decimals([value], axis.unit))
        return f"{fixed(value, places, sign)} {axis.unit}".strip()


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
    """Gather the evidence of a report; people's scale has the page's names of its models."""
    data = analysis.data
    conditions = next(iter(data.conditions()), None)
    costs: list[str] = []
    if conditions is not None:
        for cost in ("latency_ms", memory(analysis, conditions)):
            known = [
                name
                for name in analysis.order
                if name != analysis.base and analysis.cost(name, cost, conditions)
            ]
            costs += [cost] if len(known) > 1 else []
    evidence = Evidence(
        data.table, data.costs, people, analysis.base if analysis.has_base else None
    )
    qualities = [*([PEOPLE] if people is not None else []), *analysis.shown]
    return Facts(analysis, evidence, qualities, costs, conditions)
