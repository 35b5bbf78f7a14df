"""``bench models`` and ``bench metrics``: what there is, and what each needs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from bench.cli.console import print_json, print_table
from bench.cli.options import Json
from bench.core.formats import to_json
from bench.metrics.set_table import set_metric_cards
from bench.metrics.table import metric_cards
from models.catalogue import model_cards
from models.weights_folder import WeightsFolder


def models(as_json: Json = False) -> None:
    """List the models of the catalogue: family, task, what each needs, weights found or not.

    A recipe is a training's method and its length; --json shows all of it, and what the paper does
    not give. Parameters are in millions; GMACs, 10^9 multiply-accumulates, are for an image of
    256x256. Those marked standard run where a run names no models.
    """
    kept = WeightsFolder()
    rows: list[dict[str, Any]] = []
    for name, card in model_cards().items():
        found = sorted(str(path) for path in kept.all_of(name))
        rows.append({**asdict(card), "name": name, "weights": found})
    if as_json:
        print_json(rows)
        return

    def needs(row: dict[str, Any]) -> str:
        if row["recipe"]:
            return f"weights: {', '.join(row['weights'])}" if row["weights"] else "training"
        return "the PSF" if row["needs_psf"] else "nothing"

    def recipes(row: dict[str, Any]) -> str:
        if not row["recipe"]:
            return ""
        paper = row["paper"]
        told = "not given" if paper is None or "losses" in paper["not_given"] else paper["budget"]
        return f"{row['recipe']['method']}: quick {row['recipe']['budget']}, paper {told}"

    print_table(
        "",
        ("model", "standard", "family", "tasks", "M params", "GMACs", "needs", "recipes", "licence",
         "what"),
        (
            (r["name"], "yes" if r["standard"] else "", r["family"], ", ".join(r["tasks"]),
             _size(r["params"], 1e6), _size(r["gmacs"], 1), needs(r), recipes(r),
             r["licence"], f"{r['title']}. {r['citation']}")
            for r in rows
        ),
    )  # fmt: skip


def _size(value: float | None, unit: float) -> str:
    return "—" if value is None else f"{value / unit:.3f}"


def metrics(
    check: Annotated[
        bool,
        typer.Option("--check", help="Prove each against its reference implementation, here."),
    ] = False,
    as_json: Json = False,
) -> None:
    """List the metrics: each id stands for one convention.

    --check scores photographs that come with scikit-image, degraded on the spot, by every metric
    and by the implementation that its row names; the largest difference
    decides. It ends with 1 if one of them differs.
    """
    if check:
        _check(as_json)
        return
    rows = [{**asdict(card), "of": "each image"} for card in metric_cards().values()]
    rows += [{**asdict(card), "of": "whole sets"} for card in set_metric_cards().values()]
    if as_json:
        print_json(to_json(rows))
        return
    print_table(
        "",
        ("metric", "better", "range", "convention", "source"),
        (
            (
                row["name"],
                "higher" if row["higher_is_better"] else "lower",
                f"{row['low']:g}..{row['high']:g} {row['unit']}".rstrip(),
                row["convention"],
                row["citation"],
            )
            for row in rows
        ),
    )


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
                    one.metric, one.reference, one.version,
                    "—" if one.difference is None else f"{one.difference:.1e}",
                    "—" if one.tolerance is None else f"{one.tolerance:.0e}",
                    one.verdict, one.note,
                )
                for one in found
            ),
        )  # fmt: skip
    if any(one.verdict == "differs" for one in found):
        raise typer.Exit(1)
