"""``bench models`` and ``bench metrics``: what there is, and what each needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bench.cli.console import ShownProgress, print_json, print_table, say, say_prose, split
from bench.cli.options import Json
from bench.core.errors import BenchError
from bench.core.formats import to_json
from bench.core.limits import cores
from bench.core.names import choose
from bench.metrics.backbones import BACKBONES, has_backbone
from bench.metrics.card import GROUPS, MetricCard
from bench.metrics.cost import MetricCosts, keep_costs, kept_costs, measure_metrics
from bench.metrics.opinions import OPINIONS, opinions_at
from bench.metrics.set_table import SetMetricCard, set_metric_cards
from bench.metrics.table import DEFAULT, at_hand, metric_cards, resolve
from bench.published import REPORTS
from bench.suites.table import suite_cards
from models.catalogue import Card, model_cards
from models.published_files import checkpoint_of, find_published, how_to_get
from models.recipe_files import written
from models.shipped.table import SHIPPED, shipped_of
from models.shipped.telling import as_row, credits, told
from models.variants import variants
from models.weights_folder import WeightsFolder

if TYPE_CHECKING:
    from bench.metrics.validation import Validated
    from bench.statistics.correlation import Coefficient


def _first_two(names: Sequence[str]) -> str:
    """Return two names, and whether there are more: a list of models is 80 columns wide."""
    return ", ".join(names[:2]) + ("…" if len(names) > 2 else "")


def models(
    name: Annotated[
        str, typer.Argument(help="Show all of one model.", show_default="one line each")
    ] = "",
    task: Annotated[
        str, typer.Option(help="Those for this task: deblur, denoise, dejpeg, super-resolution ..")
    ] = "",
    family: Annotated[
        str, typer.Option(help="Those of this family: classical, cnn, gan, transformer ..")
    ] = "",
    recipe: Annotated[
        Literal["quick", "paper"] | None,
        typer.Option(help="Print this recipe of one model: a file for --recipe of 'bench train'."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the models of the catalogue, one a line, or show all of one.

    Parameters are in millions; GMACs, 10^9 multiply-accumulates, are for an image of 256x256. All
    of a model: its recipes, what its paper does not give, its citation, the weights found here; of
    a published network its file, address, digest and licence. Any of them, but for outputs, has
    variants: MODEL@x8.
    """
    cards = model_cards()
    chosen = {name: cards[choose("model", name, cards)]} if name else cards
    if recipe:
        if not name:
            raise BenchError("--recipe prints that of one model: bench models NAME --recipe quick")
        found = cards[name].preset(recipe)
        if as_json:
            print_json(to_json(found))
        else:
            typer.echo(written(found, f"the {recipe} recipe of {name}"), nl=False)
        return
    for what, wanted in (("task", task), ("family", family)):
        if wanted:
            known = {word for card in cards.values() for word in _words(card, what)}
            choose(what, wanted, known)
            chosen = {n: card for n, card in chosen.items() if wanted in _words(card, what)}
    kept = WeightsFolder()
    rows: list[dict[str, Any]] = [
        {
            **asdict(card),
            "name": n,
            "weights": [str(path) for path in _weights(card, kept)],
            "published": _figures_of(n),
            "shipped": _shipped(card, whole=bool(name) or as_json),
        }
        for n, card in chosen.items()
    ]
    if as_json:
        print_json(rows)
    elif name:
        _show_model(rows[0])
    else:
        every = {suite.task for suite in suite_cards().values()}
        print_table(
            "",
            ("model", "family", "tasks", "params", "GMACs", "needs"),
            (
                (
                    r["name"],
                    r["family"],
                    "all" if every <= set(r["tasks"]) else _first_two(r["tasks"]),
                    _size(r["params"], 1e6),
                    _size(r["gmacs"], 1),
                    _needs(r),
                )
                for r in rows
            ),
        )
        say("bench models NAME shows all of one; MODEL@x8 is a variant, as listed there")


def _figures_of(name: str) -> list[dict[str, Any]]:
    """Return the published figures of a model: suite and level, variants, and what they are."""
    return [
        {
            "suite": ", ".join((report.suite, *(f"{k} {v}" for k, v in report.options.items()))),
            "variants": "+".join(report.variants),
            "measure": figure.family,
            "value": figure.value,
            "convention": figure.convention,
            "source": figure.source,
        }
        for report in REPORTS
        if name in report.names
        for figure in report.figures
    ]


def _shipped(card: Card, *, whole: bool) -> list[dict[str, Any]]:
    """Return what comes with the package of a network, or what the weights of this name are: the
    names alone, or all that the files say."""
    own = [
        row for row in SHIPPED.values() if row in (card.shipped, shipped_of(card.name, row.task))
    ]
    return [as_row(row) if whole else {"name": row.name} for row in own]


def _weights(card: Card, kept: WeightsFolder) -> list[Path]:
    if card.shipped is not None:
        return [card.shipped.file]
    if card.checkpoint is None:
        return sorted(kept.all_of(card.name))
    found = find_published(card)
    return [] if found is None else [found]


def _words(card: Card, what: str) -> tuple[str, ...]:
    return card.tasks if what == "task" else (card.family,)


def _needs(row: dict[str, Any]) -> str:
    if row["recipe"]:
        return "weights here" if row["weights"] else "nothing" if row["shipped"] else "training"
    if row["checkpoint"]:
        by = "download" if row["checkpoint"]["url"] else "by hand"
        return "weights here" if row["weights"] else by
    return "the PSF" if row["needs_psf"] else "nothing"


def _frames(row: dict[str, Any]) -> str:
    count = row["frames"]
    if row["recurrent"]:
        return f"all frames before one, carried on; learns from {count} in a row (frames={count})"
    return f"{count} frames for one: the suite is opened with frames={count}"


def _size(value: float | None, unit: float) -> str:
    """Return a number of four digits, more only before its point."""
    if value is None:
        return "—"
    number = value / unit
    return f"{number:.{max(0, 3 - len(str(int(number))) + (number < 1))}f}"


def _show_model(row: dict[str, Any]) -> None:
    say_prose(f"{row['name']}: {row['title']}")
    say(f"family: {row['family']}")
    say(f"tasks: {', '.join(row['tasks'])}")
    say_prose(f"citation: {row['citation']}")
    say(f"licence: {row['licence']}")
    for variant in variants().values():
        say_prose(f"variant: {row['name']}@{variant.name}: {variant.title} ({variant.citation})")
    say(f"made by: {row['build']}")
    say(f"runs where a run names no models: {'yes' if row['standard'] else 'no'}")
    say(f"parameters: {'—' if row['params'] is None else format(row['params'], ',')}")
    say(f"GMACs of an image of 256x256: {_size(row['gmacs'], 1)}")
    if row["frames"] > 1:
        say_prose(f"sees: {_frames(row)}")
    say(f"needs: {_needs(row)}")
    for path in row["weights"]:
        say(f"weights: {path}")
    for one in row["shipped"]:
        say_prose(f"shipped: {told(SHIPPED[one['name']])}")
    for line in credits() if row["shipped"] else ():
        say_prose(f"learned from: {line}")
    if row["checkpoint"]:
        card = model_cards()[row["name"]]
        found = checkpoint_of(card)
        say(f"file: {found.file}, {found.size}")
        say(f"address: {found.url or f'none for programs; for people: {found.page}'}")
        say(f"offered at: {found.page}")
        say(f"sha256: {found.sha256 or 'not published: pinned when the file first comes'}")
        if found.noise is not None:
            say(f"trained for: noise of {found.noise} alone")
        if found.note:
            say_prose(f"note: {found.note}")
        if not row["weights"]:
            say_prose(f"to get it: {how_to_get(card)}")
    figures = [
        (
            one["suite"],
            one["variants"] or "none",
            one["measure"].upper(),
            f"{one['value']:g}",
            one["convention"],
            one["source"],
        )
        for one in row["published"]
    ]
    if figures:
        heads = ("suite", "variants", "measure", "value", "convention", "source")
        print_table("published figures", heads, figures)
    for title, key in (("quick recipe", "recipe"), ("recipe of its paper", "paper")):
        if row["recipe"] and row[key] is None:
            say(f"{title}: none")
        elif row[key]:
            print_table(
                title,
                ("part", "value"),
                (
                    (part.replace("_", " "), _written(value))
                    for part, value in row[key].items()
                    if value not in (None, "", (), {})
                ),
            )


def _written(value: Any) -> str:
    """Return a part of a recipe in words."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_written(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return "; ".join(_written(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None or value == "" else str(value)


def metrics(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[validate]",
            help="'validate': how well metrics say what people said of the data set at --data.",
            show_default="list them",
        ),
    ] = "",
    data: Annotated[
        Path | None, typer.Option(help="A data set of opinions, in its authors' layout.")
    ] = None,
    names: Annotated[
        str, typer.Option("--metrics", help="Those to validate; 'bench metrics' lists them.")
    ] = ",".join(DEFAULT),
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Validate on so many references.", show_default="all"),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Prove each against its reference implementation, here."),
    ] = False,
    time: Annotated[
        bool,
        typer.Option("--time", help="Measure what each costs on this machine, and keep it."),
    ] = False,
    as_json: Json = False,
) -> None:
    """List the metrics by group, and what each needs: a name stands for one convention.

    Needed are a package of others, installed with this one or by its extra, and a download
    of so many MB, which 'bench fetch weights METRIC' gets.

    --time measures milliseconds a megapixel of a restored image, by the clock on the processor, and
    once of each reference (with --json). They are kept with the results and shown from then on.

    --check scores photographs that come with scikit-image, degraded on the spot, by every metric
    and by the implementation that its row names; the largest difference
    decides. It ends with 1 if one of them differs.

    'bench metrics validate --data DIR' reads the folder of TID2013, KADID-10k, LIVE, CSIQ or PIPAL,
    or of votes on deblurring (deblur_study_methods.txt, deblur_study_uniform.csv, a folder of
    numbered images for each method and one called reference),
    and correlates metrics with what people said: Spearman's, Kendall's and Pearson's coefficients
    (the last after a logistic fit), with intervals over references, beside what was published.
    """
    if what:
        choose("action", what, ["validate"])
        if data is None:
            raise BenchError(
                f"'bench metrics validate' needs --data, the folder of one of {', '.join(OPINIONS)}"
            )
        _validate(data, split(names), limit, as_json)
        return
    if check:
        _check(as_json)
        return
    costs = _time() if time else kept_costs()
    rows = [_metric(card, "each image") for card in metric_cards().values()]
    rows += [_metric(card, "whole sets") for card in set_metric_cards().values()]
    for row in rows:
        cost = costs.costs.get(row["name"]) if costs else None
        row["ms_a_megapixel"] = cost.image if cost else None
        row["ms_a_megapixel_of_references"] = cost.reference if cost else None
        row["timed_on"] = costs.machine if costs and cost else None
    if as_json:
        print_json(to_json(rows))
        return
    for number, (group, about) in enumerate(GROUPS.items()):
        if number:
            say("")
        say_prose(f"{group}: {about}")
        print_table(
            "",
            (
                "metric",
                "better",
                "range",
                *(["ms/MP"] if costs else []),
                "needs",
                "convention",
                "source",
            ),
            (
                (
                    row["name"],
                    "higher" if row["higher_is_better"] else "lower",
                    f"{row['low']:g}..{row['high']:g} {row['unit']}".rstrip(),
                    *([_size(row["ms_a_megapixel"], 1)] if costs else []),
                    row["needs"],
                    row["convention"],
                    row["citation"],
                )
                for row in rows
                if row["group"] == group
            ),
        )
    say("")
    if costs:
        say_prose(f"ms/MP: of a restored image of one megapixel, on {costs.machine}")
    else:
        say_prose("'bench metrics --time' measures what each costs here, in ms a megapixel")


def _time() -> MetricCosts:
    """Measure all metrics of single images here and keep the figures."""
    from bench.compute.environment import cpu

    with ShownProgress() as progress:
        costs = measure_metrics(metric_cards(), progress=progress.update)
    here = cpu()
    found = MetricCosts(machine=f"{here['model']}, {cores()} cores", costs=costs)
    keep_costs(found)
    return found


def _metric(card: MetricCard | SetMetricCard, of: str) -> dict[str, Any]:
    """Return a metric's row with its group and what it needs.

    ``download_mb`` is None where nothing is downloaded, and ``here`` whether all of it is.
    """
    megabytes, here, needs = None, True, [card.package] if card.package else []
    if card.extra:
        here = _installed(card.package)
        needs = [card.package if here else f"{card.package} (extra '{card.extra}')"]
    if isinstance(card, MetricCard) and card.program:
        here = which(card.program) is not None
        needs = [f"{card.package}{' (here)' if here else ''}"]
    if card.backbone:
        megabytes = round(BACKBONES[card.backbone].size / 1e6)
        here = here and has_backbone(card.backbone)
        needs.append(f"{megabytes} MB{' (here)' if has_backbone(card.backbone) else ''}")
    return {
        **asdict(card),
        "of": of,
        "group": card.group,
        "download_mb": megabytes,
        "here": here,
        "needs": ", ".join(needs) or "nothing",
    }


def _validate(data: Path, names: tuple[str, ...], limit: int | None, as_json: bool) -> None:
    from bench.metrics.validation import validate

    opinions = opinions_at(data)
    with ShownProgress() as progress:
        found = validate(
            opinions, data, at_hand(resolve(names)), limit=limit, progress=progress.update
        )
    if as_json:
        rows = [{**asdict(one), "agreement": _agreement(one)} for one in found]
        about = {key: value for key, value in asdict(opinions).items() if key != "read"}
        print_json(to_json({"opinions": about, "metrics": rows}))
        return
    say_prose(f"{opinions.title}; {opinions.citation}; licence: {opinions.licence}")
    if judged := max(one.images for one in found):
        references = max(one.references for one in found)
        say(f"{judged} of {opinions.images} images, {references} references")
    print_table(
        "",
        ("metric", "images", "SROCC", "KRCC", "PLCC", "note"),
        (
            (
                one.metric,
                one.images,
                *(
                    _coefficient(getattr(one.agreement, key, None))
                    for key in ("srocc", "krcc", "plcc_fitted")
                ),
                one.reason,
            )
            for one in found
        ),
    )
    say_prose("more is better agreement; in brackets 95 % intervals over references")
    if opinions.relative:
        say_prose("of values less their mean on a reference: what tells its versions apart")
    print_table(
        "published, not measured here",
        ("metric", "SROCC", "KRCC", "PLCC", "convention", "source"),
        (
            (
                row.metric,
                *(_published(getattr(row, key)) for key in ("srocc", "krcc", "plcc")),
                row.convention,
                row.source,
            )
            for one in found
            for row in one.published
        ),
    )


def _published(value: float | None) -> str:
    return "—" if value is None else f"{value:g}"


def _agreement(one: Validated) -> dict[str, Any] | None:
    """Return the coefficients without the draws behind their intervals."""
    if one.agreement is None:
        return None
    return {
        key: {part: value for part, value in each.items() if part != "draws"}
        for key, each in asdict(one.agreement).items()
    }


def _coefficient(found: Coefficient | None) -> str:
    if found is None or found.value is None:
        return "—"
    if found.low is None or found.high is None:
        return f"{found.value:.3f}"
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def _check(as_json: bool) -> None:
    from bench.metrics.checks import check_metrics

    found = check_metrics()
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        print_table(
            "",
            ("metric", "reference", "version", "difference", "tolerance", "verdict", "note"),
            (
                (
                    one.metric,
                    one.reference,
                    one.version,
                    "—" if one.difference is None else f"{one.difference:.1e}",
                    "—" if one.tolerance is None else f"{one.tolerance:.0e}",
                    one.verdict,
                    one.note,
                )
                for one in found
            ),
        )
    if any(one.verdict == "differs" for one in found):
        raise typer.Exit(1)
