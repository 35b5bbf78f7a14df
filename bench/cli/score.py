"""``bench score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.checks import check_scoring
from bench.cli.console import ShownProgress, complain, print_json, print_table, split
from bench.cli.options import DEFAULT_METRICS, METRICS_HELP, Device, Json
from bench.core.files import check_result_file
from bench.metrics.table import WITHOUT_REFERENCE
from bench.records import SetScore


def score(
    restored: Annotated[Path, typer.Argument(help="Folder of restored images.")],
    reference: Annotated[
        Path | None,
        typer.Option(
            help="Folder of references, paired by name.",
            show_default="none: no-reference metrics",
        ),
    ] = None,
    degraded: Annotated[
        Path | None, typer.Option(help="Folder of the degraded images, scored beside.")
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            help=METRICS_HELP,
            show_default=f"{DEFAULT_METRICS}; without --reference {', '.join(WITHOUT_REFERENCE)}",
        ),
    ] = None,
    border: Annotated[int, typer.Option(help="Pixels cut from each side first.", min=0)] = 0,
    scale: Annotated[
        int, typer.Option(help="References are cut to multiples of this first.", min=1)
    ] = 1,
    device: Device = "auto",
    out: Annotated[Path | None, typer.Option(help="Write image,metric,value,missing here.")] = None,
    as_json: Json = False,
) -> None:
    """Score the outputs of any program, in any language, with the numbers of 'bench run'.

    Without --reference, by metrics that need none.
    """
    folders = {"restored": restored} | ({"degraded": degraded} if degraded else {})
    chosen = check_scoring(list(folders.values()), reference, split(metrics or ""))
    if out:
        check_result_file(out)

    from bench import api
    from bench.runs.cells import write_cells
    from bench.suites.folder import first_few

    found = {}
    with ShownProgress() as progress:
        for kind, folder in folders.items():
            found[kind] = api.score(
                folder,
                reference,
                metrics=chosen.all,
                border=border,
                scale=scale,
                device=device,
                progress=progress,
            )
            if remark := found[kind].remark:
                progress.note(f"{folder}: {remark}")
            if missing := found[kind].missing:
                progress.note(
                    f"{folder}: {len(found[kind].cells)} of {len(found[kind].cells) + len(missing)}"
                    f" references have an image there; no image for {first_few(missing)}"
                )
    if out:
        write_cells(out, found["restored"].cells)
    means = [
        row
        for kind, scores in found.items()
        for row in (
            *(_mean(kind, name, scores.cells) for name in chosen.of_images),
            *(_set_score(kind, name, score) for name, score in scores.sets.items()),
        )
    ]
    if as_json:
        print_json(means)
    else:
        print_table(
            "",
            ("images", "metric", "mean", "95 % interval", "n", "note"),
            (
                (m["images"], m["metric"], _digits(m["mean"]), _interval(m), m["n"], m["note"])
                for m in means
            ),
        )
    failures = [failure for scores in found.values() for failure in scores.failures]
    for failure in failures:
        complain(f"{failure.model}/{failure.image}: {failure.message}")
    if failures:
        raise typer.Exit(1)


def _mean(kind: str, metric: str, cells: list[Any]) -> dict[str, Any]:
    """Return the mean over images that have a finite value, and what became of the others."""
    import numpy as np

    from bench.statistics.clusters import cluster_mean
    from bench.suites.folder import cluster_of

    scores = [cell.scores[metric] for cell in cells]
    kept = [(c.image, c.scores[metric].value) for c in cells]
    finite = [(image, value) for image, value in kept if value is not None and np.isfinite(value)]
    infinite = sum(value is not None and not np.isfinite(value) for _, value in kept)
    reasons = sorted({score.reason for score in scores if score.reason})
    notes = [*([f"{infinite} infinite, not in the mean"] if infinite else []), *reasons]
    row: dict[str, Any] = {
        "images": kind,
        "metric": metric,
        "mean": None,
        "low": None,
        "high": None,
    }
    row |= {"n": len(finite), "note": "; ".join(notes)}
    if finite:
        clusters = cluster_of([cell.image for cell in cells])
        estimate = cluster_mean([v for _, v in finite], [clusters[image] for image, _ in finite])
        row |= {"mean": estimate.value, "low": estimate.low, "high": estimate.high}
    return row


def _set_score(kind: str, metric: str, score: SetScore) -> dict[str, Any]:
    """Return the one value of a metric of whole sets as a row like the others."""
    spread = "" if score.deviation is None else f", standard deviation {score.deviation:.4f}"
    return {
        "images": kind,
        "metric": metric,
        "mean": score.value,
        "low": None,
        "high": None,
        "n": score.images,
        "note": score.reason or f"all images together{spread}",
    }


def _digits(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"


def _interval(row: dict[str, Any]) -> str:
    return "" if row["low"] is None else f"[{row['low']:.4f}, {row['high']:.4f}]"
