"""``bench rate plan``: how many raters a study needs, before there is one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.console import part, print_json, print_table, say_prose, split
from bench.cli.options import Json
from bench.cli.rate.analyse import MethodsFile, Seed, VotesFile, pilot_votes
from bench.cli.rate.options import DEFAULT_DB, Db, Study
from bench.core.errors import BenchError
from bench.core.names import choose

if TYPE_CHECKING:
    from raters.statistics.planning import Design

ASSUMED_SD = 0.3


def plan(
    study: Study = "",
    votes: VotesFile = None,
    methods: MethodsFile = None,
    share: Annotated[
        str | None,
        typer.Option(help="Without a pilot: so many would prefer the better of two models, 60%."),
    ] = None,
    models: Annotated[int, typer.Option(help="Without a pilot: models in the study.")] = 2,
    pair: Annotated[
        str | None,
        typer.Option(help="The pilot's two models to tell apart, A,B.", show_default="the best"),
    ] = None,
    images: Annotated[int, typer.Option(help="Images in the study.")] = 20,
    trials: Annotated[int, typer.Option(help="Trials of one rater, golden and repeats too.")] = 60,
    golden: Annotated[str, typer.Option(help="Part of trials whose answer is known.")] = "5%",
    repeats: Annotated[str, typer.Option(help="Part of trials that come a second time.")] = "5%",
    power: Annotated[str, typer.Option(help="How surely the difference is to be found.")] = "80%",
    alpha: Annotated[float, typer.Option(help="How often at most one that is none.")] = 0.05,
    rater_sd: Annotated[
        float | None,
        typer.Option(
            help="How far raters differ on a model, in log odds.",
            show_default=f"the pilot's, or {ASSUMED_SD} assumed",
        ),
    ] = None,
    image_sd: Annotated[
        float | None,
        typer.Option(
            help="How far images do.", show_default=f"the pilot's, or {ASSUMED_SD} assumed"
        ),
    ] = None,
    simulations: Annotated[int, typer.Option(help="Studies simulated for each size.")] = 1000,
    seed: Seed = 0,
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Say how many raters a study of pairs needs: for an effect, or for what a pilot found.

    The pilot is a closed study, or --votes. Every size is simulated with its whole analysis; all
    pairs of models are tested together.
    """
    from raters.statistics import planning

    judged = round(trials * (1 - part("golden", golden) - part("repeats", repeats)))
    if share is None:
        try:
            pilot = pilot_votes(votes, methods, study, db)
        except BenchError as error:
            raise BenchError(f"{error}; --share 60% plans without a pilot") from None
        names: Sequence[str] = pilot.methods
        design = planning.pilot_design(pilot, images, judged)
    else:
        if votes or study or pair:
            raise BenchError(
                "--share is for a plan without a pilot; leave out the study, --votes "
                "and --pair, or leave out --share"
            )
        names, design = _assumed(part("share", share), models, images, judged)
    design = _with_spreads(design, rater_sd, image_sd)
    at = _pair(names, design, pair)
    tests = math.comb(len(names), 2)
    found = planning.raters_needed(
        design,
        part("power", power),
        at,
        alpha=alpha,
        tests=tests,
        simulations=simulations,
        seed=seed,
    )
    gap = design.strengths[at[0]] - design.strengths[at[1]]
    plan_of = {
        "raters": found.raters,
        "trials_per_rater": trials,
        "judgements_per_rater": judged,
        "judgements": found.judgements,
        "judgements_per_pair": math.ceil(found.judgements / tests),
        "power": asdict(found.power),
        "target": part("power", power),
        "alpha": alpha,
        "tests": tests,
        "pair": [names[at[0]], names[at[1]]],
        "share": 1 / (1 + math.exp(-gap)),
        "images": images,
        "strengths": dict(zip(names, design.strengths, strict=True)),
        "rater_sd": design.rater_sd,
        "image_sd": design.image_sd,
    }
    if as_json:
        print_json(plan_of)
        return
    _show(plan_of)
    sizes = sorted({max(2, found.raters // 2), found.raters, found.raters * 3 // 2})
    print_table(
        "",
        ("raters", "judgements", "per pair", "power"),
        [
            _size(design, raters, at, alpha=alpha, tests=tests, simulations=simulations, seed=seed)
            for raters in sizes
        ],
    )


def _assumed(share: float, models: int, images: int, judged: int) -> tuple[Sequence[str], Design]:
    """Return two models that ``share`` tells apart, and others between them."""
    from raters.statistics.planning import Design

    if not 0.5 < share < 1:
        raise BenchError(f"--share {100 * share:g}%: expected more than 50% and less than 100%")
    half = math.log(share / (1 - share)) / 2
    names = ["better", "worse", *(f"other {k + 1}" for k in range(models - 2))]
    return names, Design(
        (half, -half, *[0.0] * (models - 2)), images, judged, ASSUMED_SD, ASSUMED_SD
    )


def _with_spreads(design: Design, rater_sd: float | None, image_sd: float | None) -> Design:
    return replace(
        design,
        rater_sd=design.rater_sd if rater_sd is None else rater_sd,
        image_sd=design.image_sd if image_sd is None else image_sd,
    )


def _pair(names: Sequence[str], design: Design, pair: str | None) -> tuple[int, int]:
    if pair is None:
        order = sorted(range(len(names)), key=lambda i: -design.strengths[i])
        return (0, 1) if names[0] == "better" else (order[0], order[1])
    wanted = split(pair)
    if len(wanted) != 2:
        raise BenchError(f"--pair {pair}: expected two models, A,B")
    first, second = (names.index(choose("method", name, names)) for name in wanted)
    return first, second


def _show(found: dict[str, Any]) -> None:
    better, worse = found["pair"]
    say_prose(
        f"{found['raters']} raters of {found['trials_per_rater']} trials each "
        f"({found['judgements_per_rater']} of them judge models), {found['judgements']} judgements "
        f"in all, {found['judgements_per_pair']} per pair"
    )
    measured = found["power"]
    say_prose(
        f"find that {better} is better than {worse} (preferred by {100 * found['share']:.0f}%) in "
        f"{100 * measured['value']:.0f}% [{100 * measured['low']:.0f}, "
        f"{100 * measured['high']:.0f}] of {measured['simulations']} simulated studies"
    )
    say_prose(
        f"on {found['images']} images, tested with {found['tests']} pairs together at "
        f"{found['alpha']:g}; raters differ by {found['rater_sd']:.2f} and images by "
        f"{found['image_sd']:.2f} log odds"
    )


def _size(
    design: Design,
    raters: int,
    at: tuple[int, int],
    *,
    alpha: float,
    tests: int,
    simulations: int,
    seed: int,
) -> tuple[str, str, str, str]:
    from raters.statistics.planning import power

    found = power(design, raters, at, alpha=alpha, tests=tests, simulations=simulations, seed=seed)
    judgements = raters * design.judgements
    reached = f"{100 * found.value:.0f}% [{100 * found.low:.0f}, {100 * found.high:.0f}]"
    return str(raters), str(judgements), str(math.ceil(judgements / tests)), reached
