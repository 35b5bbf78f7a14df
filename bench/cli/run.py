"""``bench run``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.checks import check_run
from bench.cli.console import (
    ShownProgress,
    complain,
    print_json,
    print_table,
    say,
    split,
    split_models,
    split_specs,
)
from bench.cli.options import (
    DEFAULT_METRICS,
    EXECUTOR_HELP,
    METRICS_HELP,
    Device,
    Json,
    Noncommercial,
    Tile,
)
from bench.cli.train import BUDGET_HELP, PresetName, RecipeFile, SetFields
from bench.core.allocator import keep_memory
from bench.core.errors import BenchError
from bench.core.names import choose
from bench.prepare import STEPS
from bench.records import profile_size, tile_of
from bench.runs.executors.table import executor_on
from bench.suites.table import suite_cards
from models.recipe_files import changes_of


def _read_config(context: typer.Context, file: Path | None) -> Path | None:
    """Take the options of a TOML file as defaults: the command line wins."""
    if file is None:
        return None
    import tomllib

    try:
        options = tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise BenchError(f"cannot read options from '{file}': {error}") from error
    known = {str(one.name).strip("_"): one for one in context.command.params}
    defaults: dict[str, object] = {}
    for key, value in options.items():
        option = known[choose("option", key.replace("-", "_"), known)]
        joined = isinstance(value, list) and not getattr(option, "multiple", False)
        defaults[str(option.name)] = ",".join(map(str, value)) if joined else value
    context.default_map = defaults
    return file


def run(
    suite: Annotated[
        str, typer.Option(help=f"Suite spec name[:key=value,..]: {', '.join(suite_cards())}.")
    ],
    data: Annotated[
        Path | None, typer.Option(help="The suite's folder.", show_default="data/SUITE")
    ] = None,
    models: Annotated[
        str,
        typer.Option(
            help="Model specs, separated by commas: a name of 'bench models', FILE.safetensors, "
            "FILE.pth, FILE.onnx, package.module:factory, outputs:FOLDER; after any but the last "
            "@VARIANT, as @x8, @onnx or @float16+compile; or 'all': every model of 'bench models' "
            "for the suite's task that needs no download.",
            show_default="the standard ones of these",
        ),
    ] = "",
    metrics: Annotated[
        str,
        typer.Option(help=METRICS_HELP, show_default=f"the suite's own, mostly {DEFAULT_METRICS}"),
    ] = "",
    prepare: Annotated[
        str,
        typer.Option(
            help="Steps before every model, in order, separated by commas: "
            f"{', '.join(STEPS)}; a step is NAME[:KEY=VALUE].",
            show_default="none",
        ),
    ] = "",
    limit: Annotated[
        int | None,
        typer.Option(help="Take so many images, spread over the sequences.", show_default="all"),
    ] = None,
    device: Device = "auto",
    train: Annotated[
        Literal["missing", "never", "always"],
        typer.Option(
            help="Train networks that have no weights, none (those that come with weights run with "
            "these), or all of them anew."
        ),
    ] = "missing",
    preset: PresetName = "quick",
    budget: Annotated[
        str | None, typer.Option(help=BUDGET_HELP, show_default="the preset's own")
    ] = None,
    recipe: RecipeFile = None,
    set_: SetFields = None,
    profile: Annotated[
        str,
        typer.Option(
            help="Measure costs at this HEIGHTxWIDTH, such as papers' 256x256, or BATCHxHEIGHT"
            "xWIDTH; 'suite': at the size of most of the suite's images; several, separated by "
            "commas; or 'none'. The same command with another size adds it: the report draws "
            "costs over sizes and batches."
        ),
    ] = "suite",
    tile: Tile = "whole",
    noncommercial: Noncommercial = False,
    seed: Annotated[
        int,
        typer.Option(help="Seed of training; but for 0, kept weights of others are passed over."),
    ] = 0,
    devices: Annotated[
        str | None,
        typer.Option(
            help="GPUs that share the images out, a process each, as 0,1: short for --executor "
            "processes:devices=cuda:0+cuda:1."
        ),
    ] = None,
    executor: Annotated[str, typer.Option(help=EXECUTOR_HELP)] = "local",
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Refuse to go on where a model, an image or a metric's weights have changed since "
            "the run began, instead of doing anew what follows from them.",
        ),
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget what the run has finished and begin anew.")
    ] = False,
    overlap: Annotated[
        Literal["refuse", "mark"],
        typer.Option(help="What becomes of weights that learned from test images."),
    ] = "refuse",
    out: Annotated[
        Path | None, typer.Option(help="The run's folder.", show_default="results/SUITE/DIGEST")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file of these options.", callback=_read_config, is_eager=True),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train or load models, restore a suite, score, measure costs, and write a report.

    The same command again does only what is missing, and what has changed since.
    """
    options: dict[str, str] = {
        k.strip("_"): " ".join(v) if isinstance(v, list) else str(v)
        for k, v in locals().items()
        if v is not None
    }
    size, side = profile_size(profile), tile_of(tile)
    changes = changes_of(recipe, set_ or ())
    if changes and train == "never":
        raise BenchError("--recipe and --set say how to train, and --train never trains nothing")
    if devices is not None:
        if executor != "local":
            raise BenchError("--devices is itself an --executor; give one of them")
        executor = executor_on(split(devices))
    if keep and fresh:
        raise BenchError("--keep and --fresh contradict each other; give one of them")

    specs: Sequence[str] | Literal["all"] = "all" if models == "all" else split_models(models)
    check_run(
        suite,
        data=data,
        models=specs,
        metrics=split(metrics),
        prepare=split_specs(prepare),
        limit=limit,
        budget=budget,
        profile=size,
        executor=executor,
        preset=preset,
        recipe=changes,
    )

    keep_memory()
    from bench import api

    with ShownProgress() as progress:
        try:
            made = api.run(
                suite,
                data=data,
                models=specs,
                metrics=split(metrics),
                prepare=split_specs(prepare),
                limit=limit,
                device=device,
                train=train,
                preset=preset,
                budget=budget,
                recipe=changes,
                profile=size,
                tile=side,
                seed=seed,
                executor=executor,
                changed="afresh" if fresh else "refuse" if keep else "redo",
                overlap=overlap,
                out=out,
                options=options,
                progress=progress,
            )
        except KeyboardInterrupt:
            complain("stopped; the same command goes on from here")
            raise typer.Exit(130) from None
    page = made.report()
    record = made.record
    if as_json:
        states = {name: asdict(model) for name, model in record.models.items()}
        failures = [asdict(failure) for failure in record.failures]
        print_json(
            {
                "run": str(made.path),
                "report": str(page),
                "status": record.status,
                "models": states,
                "failures": failures,
            }
        )
    else:
        from bench.report import summary_table  # and matplotlib, which no image waits for

        heads, rows, notes = summary_table(made.folder)
        for line in notes:
            say(line)
        print_table("", heads, rows)
    broken = {n: m.reason for n, m in record.models.items() if m.state == "failed"}
    for model, reason in broken.items():
        complain(f"{model}: {reason}")
    single = [failure for failure in record.failures if failure.image is not None]
    for failure in single[:10]:
        complain(f"{failure.model} on {failure.image}: {failure.message}")
    if len(single) > 10:
        complain(f"and {len(single) - 10} more, listed in {made.path / 'run.json'}")
    if not as_json:
        say(f"report: {page}")
    if broken or record.failures:
        raise typer.Exit(1)
