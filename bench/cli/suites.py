"""``bench suites`` lists them; ``check`` verifies a copy; ``make`` makes one of photographs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from bench.cli.console import ShownProgress, complain, part, print_json, print_table, say, split
from bench.cli.options import Json
from bench.core.errors import BenchError
from bench.core.names import parse_spec
from bench.degrade.table import blur_names
from bench.suites.table import resolve_suite, suite_cards

if TYPE_CHECKING:
    from bench.suites.mixture import Mixture

app = typer.Typer(rich_markup_mode="rich")

Number = TypeVar("Number", int, float)


@app.callback(invoke_without_command=True)
def suites(context: typer.Context, as_json: Json = False) -> None:
    """List the suites, check a copy of one, or make your own. Alone it lists them."""
    if context.invoked_subcommand is None:
        _list(as_json)


def _check(
    suite: Annotated[str, typer.Argument(help="Suite spec name[:key=value,..].")],
    data: Annotated[
        Path | None, typer.Option(help="The suite's folder.", show_default="data/SUITE")
    ] = None,
    decode: Annotated[
        bool,
        typer.Option(
            "--decode",
            help="Decode every image, look for one image in two splits, and compare "
            "the SHA-256 of what was made here.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Verify a copy of a suite: layout, splits, counts, names and sizes.

    Exit status: 0 all is well, 1 there are problems, 2 there is no such data.
    """
    card, _ = resolve_suite(suite)
    from bench.suites.check import check_suite

    with ShownProgress() as progress:
        found = check_suite(suite, data or Path("data") / card.name, decode, progress.update)
    if as_json:
        print_json(asdict(found))
    else:
        say(f"{found.suite} in {found.root}")
        if found.layout:
            say(f"layout: {found.layout}")
        for split, images in found.images.items():
            say(f"{split}: {images} images, {found.clusters[split]} clusters")
        for note in found.notes:
            say(f"note: {note}")
        for problem in found.problems:
            complain(problem)
        if found.count > len(found.problems):
            complain(f"and {found.count - len(found.problems)} more problems")
        if not found.count:
            say("every image decoded" if decode else "every header read, nothing decoded")
    if found.count:
        raise typer.Exit(1)


def _make(
    photographs: Annotated[Path, typer.Argument(help="Folder of sharp photographs, any depth.")],
    out: Annotated[Path, typer.Option(help="Folder of the suite, a new one.")],
    blur: Annotated[str, typer.Option(help=f"Kinds of blur: {', '.join(blur_names())}.")] = "shake",
    extent: Annotated[
        str,
        typer.Option(
            help="Pixels over which blur spreads a point of light: the path's longer side, the "
            "length, the diameter, the full width at half maximum, the way of the corners."
        ),
    ] = "0,3,6,9",
    noise: Annotated[
        str,
        typer.Option(
            help="Noise in 8-bit levels: the standard deviation at mid grey (level 118) and full "
            "light. It is made of photons, (129/noise)^2 electrons for white, so that other tones "
            "have other noise, as in a camera."
        ),
    ] = "0,5,15",
    light: Annotated[
        str,
        typer.Option(
            help="Fractions of the light: at 0.25, amplified back, the noise is twice as high."
        ),
    ] = "1",
    jpeg: Annotated[str, typer.Option(help="JPEG qualities, 1 to 100, or none.")] = "none",
    crop: Annotated[
        str, typer.Option(help="Side of the square taken from each centre, or none: all of it.")
    ] = "256",
    per_photo: Annotated[
        int | None,
        typer.Option(
            help="So many combinations of each photograph, every level equally often.",
            show_default="all combinations",
        ),
    ] = None,
    val: Annotated[str, typer.Option(help="Part of the photographs for validation.")] = "0%",
    test: Annotated[
        str, typer.Option(help="Part of the photographs for tests; what is left is for training.")
    ] = "100%",
    quality: Annotated[
        str,
        typer.Option(
            help="Leave out photographs whose piece has a blur effect above blur (0 sharp, 1 "
            "blurred) or that are under side pixels: blur=0.6,side=256.",
            show_default="none",
        ),
    ] = "",
    fixed: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="KEY=VALUE for all images, again and again: low_light=dark, read_noise, angle, "
            "roll, exposure, objects, background, surface, focus, detail_loss, detail_range.",
            show_default="none",
        ),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out photographs that cannot be used.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of paths, noise and splits.")] = 0,
    as_json: Json = False,
) -> None:
    """Make a suite of sharp photographs, degraded by every combination of the levels given.

    A report of a run on it charts every score against extent, noise, light and JPEG quality. All
    images of a photograph are in one split and share the hand's path; give one photograph of a
    scene. The same photographs and options give the same files; once made, nothing is done again.
    """
    from bench.suites.mixture import Mixture

    mixture = Mixture(
        blur=split(blur),  # checked there
        extent=_numbers("extent", extent, float),
        noise=_numbers("noise", noise, float),
        light=_numbers("light", light, float),
        jpeg=() if jpeg == "none" else _numbers("jpeg", jpeg, int),
        crop=None if crop == "none" else _numbers("crop", crop, int)[0],
        per_photo=per_photo,
        val=part("val", val),
        test=part("test", test),
        seed=seed,
        quality=_quality(quality),
        fixed=dict(_setting(text) for text in fixed or ()),
    )
    made = _make_suite(photographs, out, mixture, skip_bad)
    if as_json:
        print_json(made)
        return
    if not made["new"]:
        say(f"'{out}' holds this suite already, nothing to do")
    say(", ".join(f"{count} {name} images" for name, count in made["images"].items()))
    say(f"next: bench run --suite folder --data {out}")


for _name, _function, _example in (
    ("check", _check, "bench suites check gopro --data data/gopro"),
    ("make", _make, "bench suites make photographs --out data/mine --blur shake,defocus"),
):
    app.command(_name, epilog=f"Example: [bold]{_example}[/bold]")(_function)


def _make_suite(source: Path, out: Path, mixture: Mixture, skip_bad: bool) -> dict[str, Any]:
    """Make the suite unless it is there; return where it is, what it holds and what was left out.

    ``left_out`` names photographs with the reason, of this making.
    """
    from bench.suites import made, photographs
    from bench.suites.folder import named_images

    if out.resolve().is_relative_to(source.resolve()):
        raise BenchError(
            f"--out '{out}' lies among the photographs of '{source}'; name a folder elsewhere"
        )
    files = named_images(source)
    with ShownProgress() as progress:
        identity = photographs.identify(files, mixture, progress.update)
        made.require_ours(out.resolve(), photographs.TITLE, identity)
        ready = made.usable(out, identity)
        new, left_out = ready is None, {}
        if ready is None:
            order = photographs.order(files, mixture, identity, progress.update, skip_bad)
            left_out = dict(order.told["left_out"])
            for name, why in left_out.items():
                progress.note(f"left out: {name}: {why}")
            size = photographs.room(order.items) / 1e6
            progress.note(f"making {len(order.items)} images in '{out}', {size:.0f} MB at most")
            ready = made.make(out, order, progress.update)
    counts = {s: sum(row["split"] == s for row in ready["pairs"]) for s in made.SPLITS}
    return {
        "suite": str(out),
        "new": new,
        "images": {name: count for name, count in counts.items() if count},
        "left_out": left_out,
    }


def _numbers(option: str, text: str, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    try:
        found = tuple(kind(item) for item in split(text))
    except ValueError:
        found = ()
    if not found:
        what = "whole numbers" if kind is int else "numbers"
        raise BenchError(f"--{option} '{text}': expected {what}, separated by commas")
    return found


def _quality(text: str) -> tuple[float, int] | None:
    if not text:
        return None
    from bench.prepare import read_step

    _, options = read_step(f"quality:{text}")
    return options["blur"], round(options["side"])


def _setting(text: str) -> tuple[str, Any]:
    """Read ``key=value``; a value is a whole number, a number, or a word."""
    _, options = parse_spec(f"set:{text}")
    ((key, value),) = options.items() if len(options) == 1 else ((text, ""),)
    for kind in (int, float):
        try:
            return key, kind(value)
        except ValueError:
            continue
    return key, value


def _list(as_json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {
            **asdict(card),
            "options": {key: list(values) for key, values in card.options.items()},
            "data": f"data/{name}",
            "found": (Path("data") / name).is_dir(),
        }
        for name, card in suite_cards().items()
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        "",
        ("suite", "task", "options", "here", "size", "licence", "what"),
        (
            (
                row["name"],
                row["task"],
                ", ".join(f"{k}={'|'.join(v)}" for k, v in row["options"].items()) or "—",
                row["data"] if row["found"] else "made here" if row["made_here"] else "—",
                row["size"],
                row["licence"],
                row["about"],
            )
            for row in rows
        ),
    )
    sources = [row for row in rows if row["source"]]
    print_table(
        "",
        ("suite", "get it, and put it into data/SUITE or name its folder with --data"),
        (
            (
                row["name"],
                (f"bench fetch {row['name']}, or " if row["download"] else "") + row["source"],
            )
            for row in sources
        ),
    )
