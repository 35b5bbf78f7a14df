"""THE table of a report's sections, in the order of the page, and how they are built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.core.errors import BenchError
from bench.core.names import choose, counted
from bench.core.plugins import extended, load_object
from bench.report.drawing.content import Content, Html, Missing
from bench.report.drawing.tables import Table
from bench.report.drawing.theme import Plot
from bench.report.reading.context import Context
from bench.report.reading.marking import marked

Build = Callable[[Context], Content | Missing]


@dataclass(frozen=True, slots=True)
class Section:
    """One row of the table: a section of the page, or a part of one.

    ``title`` stands in the navigation, and above the section unless its `Content` has a heading; a
    part without a title follows on the section's own heading. ``about`` says beside the folded
    heading what is inside. ``wants`` are names of `WANTS`: where one is not there, neither is the
    section, with the reason, and nothing is built. ``build`` is ``module:function``, or the
    function itself; None for a section that is its parts alone. ``without`` begins the sentence on
    a section that is missing (default: "No" and the title).
    """

    id: str
    title: str
    wants: tuple[str, ...] = ()
    build: str | Build | None = None
    without: str = ""
    parts: tuple[Section, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True)
class Built:
    """A section as the page shows it. ``reasons``: a sentence on each part that is missing."""

    section: Section
    content: Content
    parts: Sequence[Built]
    reasons: Sequence[str]

    @property
    def heading(self) -> str:
        """What stands above it."""
        return self.content.heading or self.section.title

    @property
    def folded(self) -> bool:
        """Whether there is more of it than its lead."""
        return bool(self.content.body or self.content.notes or self.parts or self.reasons)

    @property
    def inside(self) -> str:
        """What there is under its heading: "2 figures and 1 table"."""
        blocks = [block for one in self.with_parts() for block in one.content.body]
        tables = sum(isinstance(block, Table) for block in blocks)
        figures = sum(len(block) for block in blocks if not isinstance(block, str | Table | Html))
        counts = ((figures, "figure"), (tables, "table"))
        return " and ".join(counted(number, what) for number, what in counts if number)

    def with_parts(self) -> list[Built]:
        """Return it and its parts, and theirs."""
        return [self, *(one for part in self.parts for one in part.with_parts())]

    def tables(self) -> list[Table]:
        """Return all tables of it and of its parts."""
        return [table for one in self.with_parts() for table in one.content.tables()]

    def plots(self) -> list[Plot]:
        """Return all plots of it and of its parts."""
        return [plot for one in self.with_parts() for plot in one.content.plots()]


def _any_costs(context: Context) -> bool:
    return bool(context.analysis.data.conditions())


def _quality(context: Context) -> bool:
    return bool(context.facts.qualities)


def _training(context: Context) -> bool:
    data = context.analysis.data
    paths = [data.training(row.name) for row in data.rows]
    return any(path.is_file() or path.with_suffix("").is_dir() for path in paths)


def _references(context: Context) -> bool:
    return any(shot.reference for shot in context.analysis.data.shots)


WANTS: Mapping[str, tuple[Callable[[Context], bool], str]] = {
    "scores": (lambda context: bool(context.analysis.measured), "no model has a score"),
    "quality": (_quality, "no model has a score, and no study was given"),
    "costs": (_any_costs, "costs were not measured"),
    "people": (lambda context: context.people is not None, "no study was given"),
    "training": (_training, "nothing of a training was kept"),
    "trial": (lambda context: context.trial is not None, "no model was put in (--try)"),
    "references": (_references, "the images have no references"),
}
"""What a section may want: whether it is there, and the reason where it is not."""

_HERE = "bench.report.sections"

DECISION = (
    Section(
        "budgets", "", ("costs",), f"{_HERE}.budget_table:section", without="No choice by budget"
    ),
    Section(
        "front",
        "On the front, and how surely",
        ("costs",),
        f"{_HERE}.pareto_table:front",
        without="No front",
    ),
    Section(
        "plane",
        "Perception and distortion",
        (),
        f"{_HERE}.perception_distortion:section",
        without="No perception-distortion plane",
    ),
    Section(
        "acceptability",
        "Whatever matters most",
        ("costs",),
        f"{_HERE}.acceptability:section",
        without="No weightings",
    ),
    Section(
        "ranks", "Who is better than whom", (), f"{_HERE}.pareto_table:ranking", without="No ranks"
    ),
    Section(
        "efficiency",
        "Scores in one number",
        ("costs",),
        f"{_HERE}.efficiency:section",
        without="No efficiency scores",
    ),
    Section(
        "worth",
        "What people’s preference is worth",
        ("people",),
        f"{_HERE}.preference:section",
        without="Not regressed on people's votes",
    ),
)
"""The parts of "What to take", in the order of the page."""

SECTIONS: dict[str, Section] = {
    section.id: section
    for section in (
        Section("results", "Results", (), f"{_HERE}.results:section"),
        Section(
            "people",
            "People",
            ("people",),
            f"{_HERE}.study:section",
            without="Nothing of what people said",
            about="people’s scale, by kind of image, and how raters sat",
        ),
        Section(
            "trust",
            "Metrics and people",
            ("scores",),
            f"{_HERE}.trust:section",
            without="Metrics are not held against people",
            about="which metric agrees with people, and where one contradicts them most; without "
            "a study, what others published",
        ),
        Section(
            "improvement",
            "Improvement",
            ("scores",),
            f"{_HERE}.improvement:section",
            about="paired differences, by every metric",
        ),
        Section(
            "cost",
            "Quality and cost",
            ("scores", "costs"),
            f"{_HERE}.pareto_plots:section",
            without="No plot of quality against cost",
            about="the first metrics against every cost, and what nothing beats in both",
        ),
        Section(
            "decision",
            "What to take",
            ("quality",),
            f"{_HERE}.decision:section",
            without="Nothing to decide by",
            parts=DECISION,
            about="by budget, by front, by weighting, by rank, in one number",
        ),
        Section(
            "published",
            "Published figures",
            (),
            f"{_HERE}.published:section",
            about="figures of papers beside ours, with both conventions",
        ),
        Section(
            "distribution",
            "Per image",
            ("scores",),
            f"{_HERE}.distribution:section",
            without="No distribution over images",
            about="how the scores of single images spread",
        ),
        Section(
            "metrics",
            "Metrics",
            ("scores",),
            f"{_HERE}.metric_agreement:section",
            without="No agreement of metrics",
            about="which metrics order the models alike, and on which images they do not",
        ),
        Section(
            "sets",
            "Whole sets",
            (),
            f"{_HERE}.sets:section",
            without="No score of whole sets",
            about="one value for all images of a model together",
        ),
        Section(
            "robustness",
            "By kind",
            ("scores",),
            f"{_HERE}.robustness:section",
            without="Not told by kind of image",
            about="scores by strength of the blur and by other kinds of image",
        ),
        Section(
            "conventions",
            "Conventions",
            ("scores",),
            f"{_HERE}.conventions:section",
            without="No comparison of conventions",
            about="the same images, scored under several conventions",
        ),
        Section(
            "viewer",
            "Side by side",
            (),
            f"{_HERE}.viewer:section",
            without="No viewer",
            about="two versions of an image, pixel for pixel, beside each other or in flicker",
        ),
        Section(
            "trial",
            "Try it on your own photograph",
            ("trial",),
            f"{_HERE}.trial:section",
            without="Nothing to try in the browser",
            about="a network of this run, in this page; your photograph stays on your computer",
        ),
        Section(
            "samples",
            "Samples",
            (),
            f"{_HERE}.samples:section",
            about="images from the hardest to the easiest, in every version",
        ),
        Section(
            "failures",
            "Failure cases",
            ("scores",),
            f"{_HERE}.samples:failures",
            about="the worst images of each model",
        ),
        Section(
            "training",
            "Training",
            ("training",),
            f"{_HERE}.training:section",
            about="curves of what was trained, epoch by epoch",
        ),
        Section(
            "costs",
            "Costs",
            ("costs",),
            f"{_HERE}.costs:section",
            about="time, memory, operations and size, with their conditions",
        ),
        Section(
            "conditions",
            "Conditions",
            (),
            f"{_HERE}.conditions:section",
            about="conventions, suite, weights, failures and machines",
        ),
    )
}


def section_table() -> dict[str, Section]:
    """Return our sections, and after them those of packages that join."""
    found = extended(SECTIONS, "restoration_bench.sections", Section)
    return {name: replace(section, id=name) for name, section in found.items()}


def build(sections: Iterable[Section], context: Context) -> tuple[list[Built], list[str]]:
    """Return the sections that there is something for, and a sentence on each of the others.

    Raises `BenchError` for a want that there is not, and for what a builder raises: a reason why a
    section is missing is a value, `Missing`.
    """
    there: list[Built] = []
    missing: list[str] = []
    for section in sections:
        content = marked(_content(section, context), context)
        if isinstance(content, Missing):
            missing.append(_sentence(section, content))
            continue
        parts, reasons = build(section.parts, context)
        nothing = not (parts or content.body or content.lead)
        if nothing and (section.parts or section.build is None):
            missing += reasons
        else:
            there.append(Built(section, content, parts, reasons))
    return there, missing


def _content(section: Section, context: Context) -> Content | Missing:
    for want in section.wants:
        known, reason = WANTS[choose("want of a section", want, WANTS)]
        if not known(context):
            return Missing(reason)
    if section.build is None:
        return Content()
    made = load_object(section.build) if isinstance(section.build, str) else section.build
    content = made(context)
    if not isinstance(content, Content | Missing):
        raise BenchError(
            f"section '{section.id}': its builder returned {content!r}; expected Content or Missing"
        )
    return content


def _sentence(section: Section, missing: Missing) -> str:
    return f"{section.without or f'No {section.title.lower()}'}: {missing.reason}."
