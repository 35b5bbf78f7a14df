"""``bench suites`` lists them; ``check`` verifies a copy; ``make`` makes one of photographs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from bench.cli.console import (
    ShownProgress,
    complain,
    next_line,
    part,
    print_json,
    print_table,
    say,
    say_prose,
    split,
)
from bench.cli.options import Json
from bench.cli.verbs import add_verbs
from bench.core.errors import BenchError
from bench.core.names import choose, parse_spec
from bench.degrade.table import blur_names
from bench.suites.degrading import DEGRADERS
from bench.suites.frames import ABOUT
from bench.suites.sizing import KERNELS
from bench.suites.table import resolve_suite, suite_cards

if TYPE_CHECKING:
    from bench.suites.mixture import Mixture


class SuitesOrVerbs(TyperGroup):
    """What stands behind ``bench suites`` is a verb or, as everywhere else, a suite's name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Take a suite's name for ``show NAME``."""
        if args and args[0] in suite_cards() and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(add_completion=False, cls=SuitesOrVerbs, rich_markup_mode="rich")

Number = TypeVar("Number", int, float)


@app.callback(invoke_without_command=True)
def suites(context: typer.Context, as_json: Json = False) -> None:
    """List the suites, one a line; ``bench suites NAME`` shows all of one."""
    if context.invoked_subcommand is None:
        _list(as_json)


def _show(
    suite: Annotated[str, typer.Argument(help="A suite's name.")], as_json: Json = False
) -> None:
    """Show all of one suite: what it is, its options, its licence, and how to get it."""
    name = choose("suite", suite, suite_cards())
    row = next(row for row in _rows() if row["name"] == name)
    if as_json:
        print_json(row)
        return
    say(f"{name}: {row['title']}")
    say_prose(f"what: {row['about']}")
    say(f"task: {row['task']}")
    for key, values in row["options"].items():
        say_prose(
            f"option {key}: {', '.join(values) or 'any text'} (the first unless told otherwise)"
        )
    for option, degrader in DEGRADERS.items():
        if option not in row["options"]:
            say_prose(f"option {option}: {degrader.about}; the task is then {degrader.task} (none)")
    say_prose("options crop=WxH, resize=WxH: the middle of each image, and another size (none)")
    say_prose(f"option kernel: {', '.join(KERNELS)} (how to resize)")
    if row["sequences"]:
        say_prose(f"option frames: {ABOUT} (1)")
    say_prose(f"metrics: {', '.join(row['metrics'])}")
    for part_of, count in row["images"].items():
        say(f"{part_of} images: {count:,}")
    say(f"size: {row['size']}")
    say_prose(f"licence: {row['licence']}")
    if row["citation"]:
        say_prose(f"citation: {row['citation']}")
    if row["source"]:
        say(f"source: {row['source']}")
    if row["download"]:
        say(next_line("fetch", name))
    if row["found"]:
        say(f"here: {row['data']}")
    elif not row["made_here"]:
        say(f"here: no; put it into {row['data']} or name its folder with --data")


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
            "roll, radius, astigmatism, exposure, objects, background, surface, focus, haze, "
            "airlight, detail_loss, detail_range.",
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
    say(next_line("run", "--suite", "folder", "--data", out))


add_verbs(
    app,
    {
        "show": (_show, "bench suites show gopro"),
        "check": (_check, "bench suites check gopro --data data/gopro"),
        "make": (_make, "bench suites make photographs --out data/mine --blur shake,defocus"),
    },
)


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
            left_out = dict(order.details["left_out"])
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
    rows = _rows()
    if as_json:
        print_json(rows)
        return
    print_table(
        "",
        ("suite", "task", "options", "here", "images"),
        (
            (
                row["name"],
                row["task"],
                ", ".join(f"{k}={'|'.join(v)}" for k, v in row["options"].items()) or "—",
                "yes" if row["found"] else "made here" if row["made_here"] else "no",
                row["images"].get("test", "—"),
            )
            for row in rows
        ),
    )
    say("bench suites NAME shows one; each takes sigma=, jpeg=, scale=, crop=WxH, ..")


def _rows() -> list[dict[str, Any]]:
    return [
        {
            **asdict(card),
            "options": {key: list(values) for key, values in card.options.items()},
            "data": f"data/{name}",
            "found": (Path("data") / name).is_dir(),
        }
        for name, card in suite_cards().items()
    ]
