"""``bench profile``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.checks import check_profile
from bench.cli.console import (
    ShownProgress,
    next_line,
    parse_size,
    print_json,
    print_table,
    say,
    say_prose,
)
from bench.cli.options import MODEL_FORMS, Device, Json, Noncommercial
from bench.compute import roofline
from bench.compute.noise import MARK, is_load, seen
from bench.compute.quantities import quantities, row_of
from bench.compute.waiting import lengthened
from bench.core.errors import BenchError
from bench.core.files import number_to_json
from bench.core.names import counted
from bench.core.progress import part_of
from bench.records import ONE_SAMPLE, Profile
from models.specs import label
from models.variants import precision_of

if TYPE_CHECKING:
    from bench.compute.profile import Measurement


MEMORY_OF = {"cpu": "process_memory_mb", "cuda": "device_memory_mb"}
"""The memory that a device runs out of first."""


def _list(shown: bool) -> None:
    """Print THE table of quantities, and end."""
    if shown:
        print_table(
            "",
            ("quantity", "unit", "better", "meaning", "also, for bench pick"),
            (
                (
                    row.name,
                    row.unit,
                    "higher" if row.higher_is_better else "lower",
                    row.meaning,
                    ", ".join(row.aliases),
                )
                for row in quantities().values()
            ),
        )
        raise typer.Exit


def profile(
    model: Annotated[
        str, typer.Argument(help=f"Model spec: {MODEL_FORMS}.", show_default="needed, or --again")
    ] = "",
    again: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Measure anew the costs in a run (a folder, or a suite's name for its latest run) "
            "that were noisy, under their own conditions, and replace them there.",
            show_default="none",
        ),
    ] = None,
    size: Annotated[
        str,
        typer.Option(
            "--size",
            "--sizes",
            help="Input HEIGHTxWIDTH in pixels, or several, separated by commas.",
        ),
    ] = "256x256",
    batch: Annotated[
        str,
        typer.Option(
            "--batch",
            "--batches",
            help="Images in one pass, or several numbers, separated by commas.",
        ),
    ] = "1",
    device: Device = "auto",
    threads: Annotated[
        str,
        typer.Option(help="CPU threads, or several numbers, separated by commas: 1,2,4,all."),
    ] = "all",
    processes: Annotated[int, typer.Option(help="Fresh processes to measure in.", min=1)] = 3,
    passes: Annotated[int, typer.Option(help="Timed passes in each.", min=2)] = 30,
    seconds: Annotated[float, typer.Option(help="Longest timing of each process.")] = 10.0,
    weights: Annotated[
        Path | None, typer.Option(help="Weights.", show_default="random: costs do not depend")
    ] = None,
    noncommercial: Noncommercial = False,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.onnx",
            help="Measure nothing here: write the network and, beside it, a script that measures "
            "it on another machine with onnxruntime and numpy alone.",
            show_default="none",
        ),
    ] = None,
    listed: Annotated[
        bool,
        typer.Option(
            "--quantities",
            callback=_list,
            is_eager=True,
            help="List what is measured and exactly what it means, and end.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure what a model costs: parameters, operations, latency, memory, cold start, energy.

    Every figure comes from fresh processes, and carries its device, size, batch and threads. Of
    several sizes, batches or threads a line each says what grows, and how fast. Exit status 1 says
    that a latency could not be measured; with --again, that some are noisy still.
    """
    if bool(model) == (again is not None):
        raise BenchError("expected a model to measure, or --again RUN; give one of them")
    if again is not None:
        _measure_again(again, processes, passes, seconds, as_json)
        return
    sizes = [parse_size(one) for one in size.split(",")]
    batches = [_count("--batch", one) for one in batch.split(",")]
    several = [
        None if one.strip() == "all" else _count("--threads", one, " or all")
        for one in threads.split(",")
    ]
    for height_width in sizes:
        check_profile(model, size=height_width, seconds=seconds, weights=weights)

    if export is not None:
        _export(model, export, sizes[0], weights, as_json)
        return

    from bench.compute.environment import pick_device
    from bench.compute.profile import Conditions, measure

    where = pick_device(device)  # not by `bench.api`: nothing here needs torch but the processes
    asked = [
        Conditions(
            *height_width,
            batch=images,
            device=where,
            threads=number,
            processes=processes,
            passes=passes,
            seconds=seconds,
        )
        for number in several
        for images in batches
        for height_width in sizes
    ]
    with ShownProgress() as progress:
        measured = [
            found
            for index, conditions in enumerate(asked)
            for found in measure(
                [(label(model), model, weights)],
                conditions,
                part_of(progress.update, index, len(asked)),
            )
        ]
    rows = [row for found in measured for row in found.profiles()]
    if as_json:
        print_json(
            [
                {
                    k: number_to_json(v) if isinstance(v, float) else v
                    for k, v in asdict(row).items()
                }
                | {"meaning": row_of(row.quantity).meaning, "single": row.single}
                for row in rows
            ]
        )
        _end(rows)
        return
    if len(measured) > 1:
        for one in dict.fromkeys(found.threads for found in measured):
            _show_sizes([found for found in measured if found.threads == one])
    else:
        _show_figures(model, rows)
    for note in _notes(measured):
        say(f"note: {note}")
    for found in measured:
        at, figures = found.conditions, {row.quantity: row for row in found.profiles()}
        if why := lengthened(figures):
            say(f"{at.height}x{at.width}, batch {at.batch}: {why}")
        if len(measured) == 1 and (near := roofline.said({r.quantity: r for r in rows})):
            say(near)
    if why := seen(rows):
        say_prose(f"{MARK} noisy: {why}; measure anew when the machine is quiet")
    _end(rows)


def _notes(measured: Sequence[Measurement]) -> Iterable[str]:
    """Return what is to be known of the figures, each with its conditions where there are several.

    Of several, the load of those that are not noisy is left out.
    """
    if len(measured) == 1:
        return measured[0].notes()
    told: dict[str, list[str]] = {}
    for found in measured:
        at = found.conditions
        where = f"{at.height}x{at.width} x{at.batch}, {counted(found.threads, 'thread')}"
        quiet = not any(row.noisy for row in found.profiles())
        for note in found.notes():
            if not (quiet and is_load(note)):
                told.setdefault(note, []).append(where)
    return (f"{'; '.join(places)}: {note}" for note, places in told.items())


def _export(
    model: str, path: Path, size: tuple[int, int], weights: Path | None, as_json: bool
) -> None:
    """Write the network and the script that measures it elsewhere."""
    script = path.with_suffix(".py")
    if path.suffix != ".onnx":
        raise BenchError(f"--export {path}: expected a file that ends in .onnx")
    if there := next((file for file in (path, script) if file.exists()), None):
        raise BenchError(f"'{there}' is there already; give another --export")

    from bench.compute.elsewhere import write_script
    from models.export import export as write
    from models.formats import FORMATS
    from models.loading import load_restorer

    restorer = load_restorer(model, weights=weights, random_weights=weights is None)
    made = write(restorer, path, FORMATS["onnx"], size)
    write_script(script, label(model), size)
    costs = path.with_suffix(".json")
    if as_json:
        print_json(
            {
                "onnx": str(path),
                "script": str(script),
                "costs": str(costs),
                "model": label(model),
                "megabytes": made.megabytes,
            }
        )
        return
    say(f"{path}, {made.megabytes:.2f} MB, and {script}")
    say_prose(
        f"There, with onnxruntime and numpy: 'python3 {script.name}' writes {costs.name}. Here: "
        f"'bench report RUN --costs {costs}' shows it beside the run's own costs."
    )


def _end(rows: Sequence[Profile]) -> None:
    """Exit with 1 where a latency is missing: the model could not be run."""
    if any(row.quantity == "latency_ms" and row.value is None for row in rows):
        raise typer.Exit(1)


def _count(option: str, text: str, more: str = "") -> int:
    if not (text.strip().isdecimal() and int(text)):
        raise BenchError(f"{option} {text}: expected a whole number above 0{more}")
    return int(text)


def _show_sizes(measured: Sequence[Measurement]) -> None:
    """Print a line for each size and batch, then how the costs grow with the pixels of a pass."""
    from bench.compute.environment import memory_mb
    from bench.compute.growth import Point, growth, largest_that_fits
    from bench.framework.costs import cost_of

    of_each = [{row.quantity: row for row in found.profiles()} for found in measured]
    pixels = [found.conditions.megapixels for found in measured]
    first = of_each[0]["latency_ms"]
    shown = [
        name
        for name in ("latency_ms", "throughput_mpix_s", "process_memory_mb", "device_memory_mb")
        if any(one[name].value is not None for one in of_each)
    ]
    print_table(
        f"{first.model} on {first.device}, {precision_of(measured[0].spec) or first.dtype}, "
        f"{counted(first.threads, 'thread')}",
        ("size", "batch", "megapixels", *shown, "missing"),
        (
            (
                f"{found.conditions.height}x{found.conditions.width}",
                found.conditions.batch,
                f"{size:.4g}",
                *(
                    f"{_value(one[name])}{f' ({ONE_SAMPLE})' if one[name].single else ''}"
                    for name in shown
                ),
                "; ".join(dict.fromkeys(one[name].missing or "" for name in shown)).strip("; "),
            )
            for found, size, one in zip(measured, pixels, of_each, strict=True)
        ),
    )
    for name in shown:
        costs = [(size, cost_of(one, name)) for size, one in zip(pixels, of_each, strict=True)]
        points = [
            Point(
                megapixels=size,
                value=cost.value,
                low=cost.low,
                high=cost.high,
                single=cost.single,
            )
            for size, cost in costs
            if cost
        ]
        if name != "throughput_mpix_s" and (found := growth(points)):
            ends = f"[{found.low:.2f}, {found.high:.2f}]"
            say(
                f"{name} grows as megapixels^{found.exponent:.2f} "
                f"{f'({ONE_SAMPLE})' if found.single else ends} from {found.smallest:.3g} to "
                f"{found.largest:.3g} megapixels"
            )
        if name == MEMORY_OF[first.device.partition(":")[0]]:
            room = memory_mb(first.device)
            if held := largest_that_fits(points, room):
                say(
                    f"reckoned to fit in {room / 1e3:.3g} GB: {'at least ' * held.at_least}"
                    f"{held.megapixels:.3g} megapixels in one pass; "
                    "larger images are worked on in tiles"
                )


def _show_figures(model: str, rows: Sequence[Profile]) -> None:
    """Print all figures of one size."""
    first = rows[0]
    precision = precision_of(model) or first.dtype
    print_table(
        f"{first.model} on {first.device}, {precision}, {first.batch}x3x{first.height}x"
        f"{first.width}, {counted(first.threads, 'thread')}",
        ("quantity", "value", "95 % interval", "unit", "missing"),
        (
            (
                row.quantity,
                _value(row),
                _interval(row),
                row.unit,
                row.missing or "",
            )
            for row in rows
        ),
    )


def _interval(row: Profile) -> str:
    if row.single:
        return ONE_SAMPLE
    return "" if row.low is None or row.high is None else f"[{row.low:,.5g}, {row.high:,.5g}]"


def _value(row: Profile) -> str:
    if row.value is None:
        return "—"
    return f"{row.value:,.6g} {MARK}" if row.noisy else f"{row.value:,.6g}"


def _measure_again(run: str, processes: int, passes: int, seconds: float, as_json: bool) -> None:
    """Measure anew what was noisy in a run, and say what changed. Exit status 1: still noisy."""
    from bench.runs.finding import find_run

    folder = find_run(run)

    from bench.runs.again import remeasure

    with ShownProgress() as progress:
        changes = remeasure(folder, processes, passes, seconds, progress.update)
    if as_json:
        print_json([asdict(change) for change in changes])
    elif not changes:
        say_prose(f"no cost in {folder.path} was noisy; nothing is measured anew")
    else:
        print_table(
            "latency in ms",
            ("model", "size", "before", "now", "why", "still noisy"),
            (
                (c.model, f"{c.height}x{c.width}", _ms(c.before), _ms(c.after), c.why, c.still)
                for c in changes
            ),
        )
        say(next_line("report", folder.path))
    if any(change.still for change in changes):
        raise typer.Exit(1)


def _ms(value: float | None) -> str:
    return "—" if value is None else f"{value:.4g}"
