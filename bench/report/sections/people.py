"""What people said: their scale with intervals and groups, who differs from whom, and how raters
sat. Of a study in a report, and of anyone's votes in ``bench rate analyse``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from bench.core.names import counted
from bench.report.drawing.axes import explain
from bench.report.drawing.numbers import MISSING, fixed, interval, percent
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.drawing.theme import INK, MUTED, WIDTH, Look, Plot, drawing, finish
from raters.statistics.agreement import Share
from raters.statistics.analyse import Agreement, RaterVotes, ScaleAnalysis, ScaleEstimate
from raters.statistics.intervals import PairDifference
from raters.statistics.ratings import OpinionEstimate, RaterOpinion, RatingAnalysis

Found = ScaleAnalysis | RatingAnalysis
Method = ScaleEstimate | OpinionEstimate

PLACES = 2
MATRIX = 16
"""Up to so many methods the page shows who is preferred to whom; the CSV always has it."""
LISTED = 12
"""Raters in the page's table; of more, those with a flag come first."""

METHODS = {
    "bradley-terry": "Bradley–Terry",
    "thurstone": "Thurstone, Case V",
    "davidson": "Davidson",
    "mean opinion": "mean opinion scores",
}


def unit_of(found: Found) -> str:
    """Return the unit of the scale in words."""
    if isinstance(found, RatingAnalysis):
        return f"mean opinion, {found.levels[0]} to {found.levels[-1]}"
    return found.unit


def methods_of(found: Found) -> Sequence[Method]:
    """Return the methods, best first."""
    return found.methods


def scale_table(found: Found, title: str = "") -> Table:
    """Return the scale: a row per method with its interval, possible ranks and group."""
    pairs = isinstance(found, ScaleAnalysis)
    columns = [
        Column("Method", numeric=False),
        Column("Scale" if pairs else "MOS", unit_of(found)),
        Column("Rank", "possible ranks"),
        Column("Group", numeric=False),
    ]
    columns += (
        [Column("Wins"), Column("Losses"), Column("Ties")]
        if pairs
        else [Column("Recovered", "P.913"), Column("Ratings")]
    )
    rows = [[*_scale_cells(method), *_count_cells(method)] for method in methods_of(found)]
    called_bad = found.called_bad if isinstance(found, ScaleAnalysis) else {}
    if called_bad:
        columns.append(Column("Called bad", "both images"))
        for row, method in zip(rows, methods_of(found), strict=True):
            share = called_bad[method.method]
            around = f"{percent(share.low)} to {percent(share.high)}"
            row.append(TableCell(percent(share.value), around))
    legend = [
        f"{percent(found.level)} intervals resample {' and '.join(found.resampled)}. Methods that "
        "share a letter do not differ significantly: every difference is tested directly, adjusted "
        "for all pairs (Holm). Possible ranks hold for all methods at once.",
    ]
    if pairs:
        legend.append("The scale's mean is 0; wins, losses and ties are votes.")
    if called_bad:
        legend.append(
            "Called bad: of the comparisons with this method, those in which both images were "
            "called bad. For the scale they are ties: neither is said to be better."
        )
    else:
        legend.append(
            "Recovered: raters' bias taken off, their consistency weighed (ITU-T P.913, 12.6)."
        )
    what = f"{counted(found.votes, 'vote' if pairs else 'rating')} on "
    what += counted(found.images, "image")
    what += "" if found.raters is None else f" by {counted(found.raters, 'rater')}"
    of = f" of {title}" if title else ""
    caption = f"People’s scale{of} ({METHODS[found.model]}): {what}"
    records = [asdict(method) | {"unit": found.unit} for method in methods_of(found)]
    return Table(
        "people",
        caption,
        columns,
        rows=rows,
        records=records,
        legend=[*legend, *map(_sentence, found.flags)],
    )


def _scale_cells(method: Method) -> list[TableCell]:
    ranks = f"[{method.rank_low}, {method.rank_high}]"
    return [
        TableCell(method.method),
        TableCell(
            fixed(method.value, PLACES),
            interval(method.low, method.high, PLACES),
            sort=method.value,
        ),
        TableCell(str(method.rank), ranks, sort=method.rank),
        TableCell(method.group),
    ]


def _count_cells(method: Method) -> list[TableCell]:
    if isinstance(method, OpinionEstimate):
        shown = (
            TableCell.missing("no solution of P.913")
            if method.recovered is None
            else TableCell(fixed(method.recovered, PLACES), sort=method.recovered)
        )
        return [shown, _count(method.votes)]
    return [_count(n) for n in (method.wins, method.losses, method.ties)]


def _count(n: int) -> TableCell:
    return TableCell(f"{n:,}".replace(",", " "), sort=n)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def difference_table(found: Found) -> Table:
    """Return who is preferred to whom, as a matrix; the records hold each pair in full."""
    names = [method.method for method in methods_of(found)]
    at = {frozenset((d.better, d.worse)): d for d in found.differences}
    pairs = isinstance(found, ScaleAnalysis)
    rows = [
        [TableCell(row), *(_difference_cell(row, column, at, found) for column in names)]
        for row in names
    ]
    what = (
        "Share of decided votes that the scale gives to the row over the column"
        if pairs
        else "Mean opinion of the row minus that of the column"
    )
    legend = [
        "{better}: the row is significantly better. {worse}: significantly worse (p below "
        f"{1 - found.level:.2g}, adjusted for all {counted(len(found.differences), 'pair')}). The "
        "CSV has every difference with its interval and p-value."
    ]
    columns = [Column("Method", numeric=False), *(Column(name, numeric=True) for name in names)]
    records = [asdict(d) | {"unit": found.unit} for d in found.differences]
    return Table("people-differences", what, columns, rows=rows, records=records, legend=legend)


def _difference_cell(
    row: str, column: str, at: Mapping[frozenset[str], PairDifference], found: Found
) -> TableCell:
    if row == column:
        return TableCell("")
    d = at[frozenset((row, column))]
    up = d.better == row
    mark = ("better" if up else "worse") if d.p_adjusted < 1 - found.level else ""
    if d.preferred is not None:
        share = d.preferred if up else 1 - d.preferred
        return TableCell(f"{100 * share:.0f} %", mark=mark, sort=share)
    value = d.value if up else -d.value
    return TableCell(fixed(value, PLACES, sign=True), mark=mark, sort=value)


def rater_table(found: Found, signs: Mapping[str, Sequence[str]]) -> Table | None:
    """Return each rater's votes, agreement or bias, and flags; None where nobody wrote raters down.

    ``signs`` are of `raters.studies.answers.Answers.flags`. Those with a flag come first.
    """
    if not found.people:
        return None
    everyone: Sequence[RaterVotes | RaterOpinion] = found.people
    flags = {p.rater: [*signs.get(p.rater, ()), *_own_flags(p)] for p in everyone}
    people = sorted(everyone, key=lambda p: (not flags[p.rater], _natural(p.rater)))
    columns = [Column("Rater", numeric=False), Column("Judged")]
    if isinstance(found, ScaleAnalysis):
        columns += [Column("Agreed with the scale"), Column("Expected")]
    else:
        columns += [Column("Bias"), Column("Inconsistency"), Column("Far out", "above, below")]
    columns.append(Column("Flags", numeric=False))
    rows = [
        [
            TableCell(p.rater),
            _count(p.votes),
            *_rater_cells(p),
            TableCell("; ".join(flags[p.rater]) or MISSING),
        ]
        for p in people[:LISTED]
    ]
    records = [asdict(p) | {"flags": "; ".join(flags[p.rater])} for p in people]
    flagged = sum(map(bool, flags.values()))
    legend = [
        f"{counted(flagged, 'rater')} of {len(people)} with a flag. A flag is for the reader: no "
        "vote is taken out for it."
    ]
    if len(people) > LISTED:
        legend.append(f"{LISTED} of {len(people)} raters are listed here, the CSV has all.")
    return Table("raters", "Raters", columns, rows=rows, records=records, legend=legend)


def _own_flags(person: RaterVotes | RaterOpinion) -> list[str]:
    """Return what the analysis itself says against a rater."""
    if isinstance(person, RaterVotes):
        return [person.flag] if person.flag else []
    return ["rejected by BT.500"] if person.rejected else []


def _rater_cells(person: RaterVotes | RaterOpinion) -> list[TableCell]:
    if isinstance(person, RaterVotes):
        return [_share_cell(person.agreed), _share_cell(person.expected)]
    known = [
        TableCell.missing("no solution of P.913")
        if value is None
        else TableCell(fixed(value, PLACES, sign))
        for value, sign in ((person.bias, True), (person.inconsistency, False))
    ]
    return [*known, TableCell(f"{person.above}, {person.below}")]


def _share_cell(share: float | None) -> TableCell:
    if share is None:
        return TableCell.missing("no decided vote")
    return TableCell(f"{100 * share:.0f} %", sort=share)


def _natural(name: str) -> tuple[int, str]:
    return (int(name) if name.isdigit() else 0, name)


def opinion_table(found: RatingAnalysis) -> Table:
    """Return the mean opinion of every image of every method."""
    columns = [
        Column("Method", numeric=False),
        Column("Image", numeric=False),
        Column("MOS"),
        Column("Ratings"),
    ]
    rows = [
        [
            TableCell(s.method),
            TableCell(s.image),
            TableCell(fixed(s.value, PLACES), interval(s.low, s.high, PLACES), sort=s.value),
            _count(s.votes),
        ]
        for s in found.stimuli
    ]
    legend = ["Student's interval over raters (ITU-T P.910)."]
    records = [asdict(s) for s in found.stimuli]
    return Table(
        "opinions",
        "Mean opinion of every image",
        columns,
        rows=rows,
        records=records,
        legend=legend,
    )


def tables(found: Found, signs: Mapping[str, Sequence[str]], title: str = "") -> list[Table]:
    """Return all tables of an analysis."""
    made = [scale_table(found, title), difference_table(found), rater_table(found, signs)]
    if isinstance(found, RatingAnalysis):
        made.append(opinion_table(found))
    return [table for table in made if table is not None]


def agreement(found: Found, golden: Share | None = None) -> list[tuple[str, str]]:
    """Return in names and values how far raters agree with one another and with themselves."""
    given = found.agreement
    if isinstance(given, Agreement):
        lines = [
            ("Krippendorff’s alpha, nominal", _number(given.alpha)),
            ("Kendall’s u", _number(given.u)),
        ]
    else:
        lines = [
            ("Krippendorff’s alpha, ordinal", _number(given.alpha)),
            ("Kendall’s W", _number(given.w)),
            ("Kendall’s tau, mean of pairs of raters", _number(given.tau)),
        ]
    lines.append(("The same answer again", _share(given.repeats)))
    lines.append(("Known answers right", _share(golden)))
    return [(name, text) for name, text in lines if text]


def _number(value: float | None) -> str:
    return "" if value is None else fixed(value, PLACES)


def _share(share: Share | None) -> str:
    if share is None:
        return ""
    low, high = 100 * share.low, 100 * share.high
    return f"{100 * share.value:.0f} % of {share.n} [{low:.0f}, {high:.0f}]"


def scale_plot(found: Found, styles: Mapping[str, Look]) -> Plot:
    """Plot the scale: a dot and its interval per method, its group's letters beside it."""
    methods = methods_of(found)
    with drawing(WIDTH, 0.75 + 0.27 * len(methods)) as (figure, axes):
        for position, method in enumerate(methods):
            look = styles.get(method.method, Look(INK, "o", method.method, method.method))
            axes.plot(
                [method.low, method.high], [position, position], color=look.colour, linewidth=1.6
            )
            axes.plot(method.value, position, look.marker, color=look.colour, markersize=6)
            axes.annotate(
                method.group,
                (1, position),
                xycoords=("axes fraction", "data"),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                color=MUTED,
            )
        axes.set_yticks(range(len(methods)), [method.method for method in methods])
        axes.set_ylim(len(methods) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"{unit_of(found)} (right is better)")
        bars = f"{100 * found.level:.0f} % intervals"
        explain(figure, f"Lines: {bars}. Methods that share a letter do not differ significantly.")
        order = ", ".join(f"{m.method} {fixed(m.value, PLACES)} ({m.group})" for m in methods)
        return finish(
            figure,
            "people",
            "People’s scale",
            f"People’s scale in {found.unit}, best first, with significance groups: {order}.",
        )
