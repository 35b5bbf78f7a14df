"""``bench rate analyse``: from votes to a ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bench.cli.console import print_json, print_table, say, split
from bench.cli.options import Json
from bench.cli.rate.options import DEFAULT_DB, Db, Study, chosen_study, open_store
from bench.core.errors import BenchError

if TYPE_CHECKING:
    from raters.statistics.analyse import ScaleAnalysis
    from raters.statistics.ratings import RatingAnalysis
    from raters.statistics.votes import Votes
    from raters.statistics.votes_file import Winner
    from raters.studies.answers import Answers

VotesFile = Annotated[
    Path | None,
    typer.Option(help="A file of votes instead of a study: CSV with image,a,b,winner[,rater]."),
]
MethodsFile = Annotated[
    Path | None, typer.Option(help="Names of methods that --votes numbers from 1, one a line.")
]
WinnerOption = Annotated[
    Literal["auto", "column", "method"],
    typer.Option(
        help="What the winners of --votes are: column a or b, or a method's name; auto: whichever "
        "is meant, refused where it could be both."
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of what is drawn.")]


def analyse(
    study: Study = "",
    votes: VotesFile = None,
    methods: MethodsFile = None,
    winner: WinnerOption = "auto",
    model: Annotated[
        Literal["bradley-terry", "thurstone", "davidson"],
        typer.Option(help="How votes become a scale; thurstone is in JOD, davidson models ties."),
    ] = "bradley-terry",
    samples: Annotated[int, typer.Option(help="Bootstrap samples of raters and images.")] = 1000,
    seed: Seed = 0,
    prior: Annotated[
        float | None,
        typer.Option(
            help="Standard deviation of a Gaussian prior, for votes that fix no scale.",
            show_default="none",
        ),
    ] = None,
    unblind: Annotated[
        bool, typer.Option("--unblind", help="Rank though the study is open; goes on record.")
    ] = False,
    exclude: Annotated[
        str | None,
        typer.Option(help="Leave out these raters of a study: numbers, separated by commas."),
    ] = None,
    exclude_flagged: Annotated[
        bool,
        typer.Option("--exclude-flagged", help="Leave out the raters whom a sign speaks against."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for tables (CSV, Markdown, LaTeX) and plots (PNG, SVG, PDF)."),
    ] = None,
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Rank the models of a closed study, or of anyone's votes: scale, intervals, groups, flags."""
    from bench.report.sections.people import agreement, scale_plot, tables

    answers, before = None, None
    excluded: list[str] = []
    if votes is not None and (exclude or exclude_flagged):
        raise BenchError("--exclude and --exclude-flagged are for the raters of a study")
    if votes is None:
        if methods is not None:
            raise BenchError("--methods names the methods of --votes FILE.csv; give that too")
        answers = _answers(db, study, unblind)
        signs = answers.flags()
        excluded = list(split(exclude)) if exclude else []
        if exclude_flagged:
            excluded += [name for name in signs if signs[name] and name not in excluded]
        if excluded:
            before = answers.analyse(model, samples, seed, prior)
            answers = answers.without(excluded)
            signs = answers.flags()
        found = answers.analyse(model, samples, seed, prior)
    else:
        from raters.statistics.analyse import analyse as analyse_votes

        found = analyse_votes(_votes(votes, methods, study, winner), model, samples, seed, prior)
        signs = {}
    title = votes.name if votes else answers.study if answers else ""
    made = tables(found, signs, title)
    if as_json:
        document = _as_dict(found, signs, title, answers)
        if before is not None:
            document |= {"excluded": excluded, "before": _ranking(before)}
        print_json(document)
    else:
        if before is not None:
            _show_change(before, found, excluded)
        _show(found, made, agreement(found, answers.golden() if answers else None), title)
    if out is not None:
        for table in made:
            table.write(out / "tables")
        scale_plot(found, {}).write(out / "plots")
        if not as_json:
            say(f"written: {out / 'tables'}, {out / 'plots'}")


def _answers(db: str, study: str, unblind: bool) -> Answers:
    from raters.studies.answers import read_answers
    from raters.studies.unblinding import StillOpen

    store = open_store(db)
    try:
        return read_answers(store, chosen_study(store, study), unblind)
    except StillOpen as error:
        raise BenchError(
            f"{error}; 'bench rate analyse --unblind' ranks it now, on record"
        ) from None
    finally:
        store.close()


def _votes(path: Path, methods: Path | None, study: str, winner: Winner = "auto") -> Votes:
    from raters.statistics.votes_file import read_votes

    if study:
        raise BenchError(f"both a study, '{study}', and --votes '{path}'; give one of them")
    return read_votes(path, methods, winner)


def pilot_votes(votes: Path | None, methods: Path | None, study: str, db: str) -> Votes:
    """Return the comparisons of a file or of a closed study."""
    if votes is not None:
        return _votes(votes, methods, study)
    return _answers(db, study, unblind=False).votes()


def _as_dict(
    found: ScaleAnalysis | RatingAnalysis,
    signs: Mapping[str, Sequence[str]],
    title: str,
    answers: Answers | None,
) -> dict[str, Any]:
    """Return everything but the bootstrap samples."""
    shown: dict[str, Any] = {"study" if answers else "votes_file": title}
    shown |= {key: value for key, value in asdict(found).items() if key != "draws"}
    golden = answers.golden() if answers else None
    shown["agreement"]["golden"] = asdict(golden) if golden else None
    shown["signs"] = {rater: list(against) for rater, against in signs.items() if against}
    return shown


def _ranking(found: ScaleAnalysis | RatingAnalysis) -> list[dict[str, Any]]:
    return [{"method": m.method, "rank": m.rank, "value": m.value} for m in found.methods]


def _show_change(
    before: ScaleAnalysis | RatingAnalysis,
    after: ScaleAnalysis | RatingAnalysis,
    excluded: Sequence[str],
) -> None:
    """Say what leaving raters out has changed."""
    then = {m.method: m for m in before.methods}
    print_table(
        f"Left out: {', '.join(excluded)}",
        ("model", "rank before", "rank", "value before", "value"),
        [
            (m.method, then[m.method].rank, m.rank, f"{then[m.method].value:.2f}", f"{m.value:.2f}")
            for m in after.methods
        ],
    )


def _show(
    found: ScaleAnalysis | RatingAnalysis,
    made: Sequence[Any],
    agreed: Sequence[tuple[str, str]],
    title: str,
) -> None:
    scale, others = made[0], {table.name: table for table in made[1:]}
    heads = [" ".join(filter(None, (c.head, c.unit and f"({c.unit})"))) for c in scale.columns]
    print_table(scale.caption, heads, [[_text(cell) for cell in row] for row in scale.rows])
    for line in scale.html_legend():
        say(line)
    for name, text in agreed:
        say(f"{name}: {text}")
    raters = others.get("raters")
    if raters is not None:
        flagged = [row for row in raters.rows if row[-1].text != "—"]
        if flagged:
            print_table(
                "",
                [c.head for c in raters.columns],
                [[_text(cell) for cell in row] for row in flagged],
            )
        say(raters.legend[0])


def _text(cell: Any) -> str:
    return f"{cell.text} {cell.detail}".strip()
