"""What every section of a report is made from: computed once, and only where a section asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from bench.framework.marks import symbols
from bench.report.drawing.theme import Look, looks
from bench.report.reading.analysis import Analysis
from bench.report.reading.evidence import Facts, gather_facts, names_on_page

if TYPE_CHECKING:
    from bench.framework.people import HumanScale
    from bench.report.reading.trial import Trial


@dataclass(frozen=True)
class Context:
    """One report's numbers, and what people said.

    ``people`` has the study's names of its models, ``names`` those that they have on the page.
    ``trial`` is a model for readers to try.
    """

    analysis: Analysis
    people: HumanScale | None
    names: Mapping[str, str]
    trial: Trial | None = None

    @cached_property
    def looks(self) -> Mapping[str, Look]:
        """Every model's colour and marker, by its name on the page."""
        names = [row.name for row in self.analysis.data.rows]
        marks = self.analysis.data.table.marks
        return looks(names, self.analysis.base, {n: symbols(own) for n, own in marks.items()})

    @cached_property
    def judged_looks(self) -> Mapping[str, Look]:
        """Those of the models that people judged, by the study's names."""
        return {label: self.looks[name] for label, name in self.names.items()}

    @cached_property
    def facts(self) -> Facts:
        """The evidence that decides between models."""
        people = self.people
        if people is not None:
            people = replace(people, models=tuple(self.names[m] for m in people.models))
        return gather_facts(self.analysis, people)


def context_of(
    analysis: Analysis, people: HumanScale | None = None, trial: Trial | None = None
) -> Context:
    """Return what sections are made from. Raises `BenchError` for a study of another run."""
    names = names_on_page(people, analysis) if people else {}
    return Context(analysis, people, names, trial)
