"""``bench suites``, ``bench models``, ``bench metrics``: what there is, and what each needs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.cli.console import print_json, print_table
from bench.cli.options import Json
from bench.metrics.table import metric_cards
from bench.suites.table import suite_cards
from models.catalogue import model_cards


def suites(as_json: Json = False) -> None:
    """List the suites: what they hold, where their data is expected, licence and size."""
    rows = [
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


def models(as_json: Json = False) -> None:
    """List the models of the catalogue: family, task, what each needs, weights found or not."""
    shelf = Path("results") / "weights"
    rows: list[dict[str, Any]] = []
    for name, card in model_cards().items():
        found = sorted(str(path) for path in shelf.glob(f"*/{name}.safetensors"))
        rows.append({**asdict(card), "name": name, "weights": found})
    if as_json:
        print_json(rows)
        return

    def needs(row: dict[str, Any]) -> str:
        if row["recipe"]:
            return f"weights: {', '.join(row['weights'])}" if row["weights"] else "training"
        return "the PSF" if row["needs_psf"] else "nothing"

    print_table(
        "",
        ("model", "family", "tasks", "needs", "licence", "what"),
        (
            (r["name"], r["family"], ", ".join(r["tasks"]), needs(r), r["licence"],
             f"{r['title']}. {r['citation']}")
            for r in rows
        ),
    )  # fmt: skip


def metrics(as_json: Json = False) -> None:
    """List the metrics: each id stands for one convention."""
    rows = [asdict(card) for card in metric_cards().values()]
    for row in rows:
        row["high"] = str(row["high"]) if row["high"] == float("inf") else row["high"]
    if as_json:
        print_json(rows)
        return
    print_table(
        "",
        ("metric", "better", "range", "convention", "source"),
        (
            (
                row["name"],
                "higher" if row["higher_is_better"] else "lower",
                f"{row['low']:g}..{row['high']} {row['unit']}".rstrip(),
                row["convention"],
                row["citation"],
            )
            for row in rows
        ),
    )
