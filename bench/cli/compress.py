"""``bench compress``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.checks import CompressionOrder, check_compression
from bench.cli.console import (
    ShownProgress,
    complain,
    next_line,
    print_json,
    print_table,
    say,
    say_prose,
    split,
)
from bench.cli.options import METRICS_HELP, Device, Json, Noncommercial, OwnWeights
from bench.cli.train import BUDGET_HELP, PresetName
from bench.compute.noise import MARK
from bench.core.errors import BenchError
from bench.core.formats import to_json
from bench.records import profile_size
from bench.suites.table import suite_cards
from models.compression.table import MEASURED, METHODS

if TYPE_CHECKING:
    from bench.compressing import Row, Value


def compress(
    model: Annotated[
        str,
        typer.Argument(
            help="A network of 'bench models', FILE.safetensors, FILE.pth or FILE.onnx; one that "
            "was compressed before, too."
        ),
    ],
    method: Annotated[
        str, typer.Option(help="; ".join(f"{m.name}: {m.title}" for m in METHODS.values()) + ".")
    ],
    suite: Annotated[
        str,
        typer.Option(
            help="Suite spec name[:key=value,..] whose training images it sees, and on whose test "
            f"images it is measured: {', '.join(suite_cards())}."
        ),
    ],
    data: Annotated[
        Path | None, typer.Option(help="The suite's folder.", show_default="data/SUITE")
    ] = None,
    amount: Annotated[
        str,
        typer.Option(
            help="The part of the parameters that goes, such as 0.4; several, separated by "
            "commas, are drawn as quality lost against cost saved.",
            show_default="none",
        ),
    ] = "",
    into: Annotated[
        str | None,
        typer.Option(
            help="The network of 'bench models' that distil teaches.", show_default="none"
        ),
    ] = None,
    weights: OwnWeights = None,
    preset: PresetName = "quick",
    budget: Annotated[
        str | None, typer.Option(help=BUDGET_HELP, show_default="the preset's own")
    ] = None,
    metrics: Annotated[str, typer.Option(help=METRICS_HELP)] = ",".join(MEASURED),
    limit: Annotated[
        int | None,
        typer.Option(help="Measure on so many test images.", show_default="all"),
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            help="Measure costs at this HEIGHTxWIDTH, or at several, separated by commas; "
            "'suite': at its images'; or 'none'."
        ),
    ] = "suite",
    noncommercial: Noncommercial = False,
    seed: Annotated[int, typer.Option(help="Seed of training.")] = 0,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the files.", show_default="results/compressed/SUITE"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a model smaller, and measure what that cost and what it brought, before and after.

    The file is a model like any other, and says how it came about. Stopped, the same command goes
    on. What each method is good for: docs/compression.md.
    """
    options: dict[str, str] = {k: str(v) for k, v in locals().items() if v is not None}
    checked = check_compression(
        CompressionOrder(
            model=model,
            method=method,
            suite=suite,
            amounts=tuple(_amount(text) for text in split(amount)),
            into=into,
            data=data,
            weights=weights,
            preset=preset,
            budget=budget,
            metrics=tuple(split(metrics)),
            limit=limit,
            profile=profile_size(profile),
            seed=seed,
            device=device,
            out=out,
        )
    )

    from bench.compressing import compress as make_smaller

    with ShownProgress() as progress:
        try:
            made = make_smaller(checked, options=options, progress=progress)
        except KeyboardInterrupt:
            complain("stopped; the same command goes on from here")
            raise typer.Exit(130) from None
    if as_json:
        print_json(
            {
                "made": [str(file) for file in made.made],
                "run": str(made.run.path),
                "table": str(made.table),
                "plot": None if made.plot is None else str(made.plot),
                "compared": list(made.compared),
                "published": to_json(made.published),
                "models": [to_json(row) | {"file": str(row.file)} for row in made.rows],
            }
        )
    else:
        _show(made.rows)
        for text in made.compared:
            say(text)
        for file in made.made:
            say(f"made: {file}")
        say(f"table: {made.table}" + (f"; plot: {made.plot}" if made.plot else ""))
        for claim in made.published:
            say_prose(str(claim))
        say_prose(f"note: {METHODS[method].helps}")
        say(next_line("report", made.run.path))
    if made.run.record.failures:
        for failure in made.run.record.failures[:10]:
            complain(f"{failure.model} on {failure.image}: {failure.message}")
        raise typer.Exit(1)


def _amount(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BenchError(
            f"--amount {text}: expected a part such as 0.4, or several, separated by commas"
        ) from None


def _show(rows: tuple[Row, ...]) -> None:
    """Print a line for each model: costs and their change in parts, quality and its difference."""
    first = rows[0]
    costs = {"params": "parameters", "macs": "MACs", "latency_ms": "ms", "process_memory_mb": "MB"}
    print_table(
        "costs: of the model, and over those of the first",
        ("model", "file, bytes", *costs.values()),
        (
            (
                row.model,
                _with_part(row.file_bytes, first.file_bytes),
                *(_cost(row.costs[name], first.costs[name]) for name in costs),
            )
            for row in rows
        ),
    )
    print_table(
        "quality: means, and paired differences from the first with 95 % intervals",
        ("model", *first.quality),
        ((row.model, *(_quality(found) for found in row.quality.values())) for row in rows),
    )
    reasons: dict[str, list[str]] = {}
    for row in rows:
        for name, found in (*row.costs.items(), *row.quality.items()):
            if found.missing:
                reasons.setdefault(found.missing, []).append(f"{name} of {row.model}")
    for reason, figures in reasons.items():
        shown = ", ".join(figures[:4]) + (", .." if len(figures) > 4 else "")
        say_prose(f"missing: {shown}: {reason}")


def _with_part(value: float, before: float | None) -> str:
    shown = f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"
    return shown if not before or value == before else f"{shown} (x{value / before:.2f})"


def _cost(found: Value, before: Value) -> str:
    if found.value is None:
        return "—"
    return _with_part(found.value, before.value) + (f" {MARK}" if found.noisy else "")


def _quality(found: Value) -> str:
    if found.value is None:
        return "—"
    shown = f"{found.value:.4g}"
    if found.change is None:
        return shown
    between = (
        ""
        if found.change_low is None or found.change_high is None
        else f" [{found.change_low:+.3g}, {found.change_high:+.3g}]"
    )
    return f"{shown} ({found.change:+.3g}{between})"
