"""Train the weights that come with the package, all or those named, and put them there.

    python -m models.shipped.train [--out results/shipped] [NAME ..]

Needs `pip install -e '.[shipped]'`. Minutes of one thread for each; stopped, the same command goes
on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file

from bench.core.names import choose
from bench.suites.table import open_suite
from models.catalogue import MODELS
from models.loading import build_network
from models.recipes import Recipe
from models.shipped.making import make_pairs
from models.shipped.table import SHIPPED, TASKS, Shipped
from models.shipped.telling import credits
from models.training.train import Job, Trained, train
from models.weights import WeightsHeader, save_weights


def recipe_of(row: Shipped) -> Recipe:
    """Return how a network is trained: its quick recipe, for longer, and the mean of its weights.

    The photographs are few: colours change places in all, as in litenet's own recipe.
    """
    quick = MODELS[row.network].preset("quick")
    augment = dict.fromkeys((*quick.augment, "colours"))
    return replace(
        quick,
        augment=tuple(augment),
        batch=8,
        average=0.998,
        validate_every=500,
        patience=None,
        budget=f"{row.steps}steps",
        least=None,
        source="ours, for the weights that come with the package",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SHIPPED)}; none: all")
    parser.add_argument("--out", type=Path, default=Path("results/shipped"))
    given = parser.parse_args(arguments)
    rows = [SHIPPED[choose("shipped model", name, SHIPPED)] for name in given.names]
    make_pairs(given.out / "pairs", update=_shown)
    for row in rows or SHIPPED.values():
        found = trained(row, given.out)
        pack(found.weights, found.header, row.file)
        figures = found.header.validation
        print(  # noqa: T201  a script speaks
            f"{row.name}: {figures.psnr:.2f} dB, untouched {figures.input_psnr:.2f} dB: {row.file}",
            flush=True,
        )


def trained(row: Shipped, out: Path) -> Trained:
    """Train one on the pairs under ``out``, or return it where it is trained already."""
    suite = open_suite(TASKS[row.task], out / "pairs")
    job = Job(
        card=MODELS[row.network],
        recipe=recipe_of(row),
        suite="shipped",
        train=suite.pairs("train"),
        val=suite.pairs("val"),
        folder=out / row.task,
    )
    return train(job, _shown)


LEARNED_ON = "photographs that come with packages"
"""Instead of a suite's name: what reports say that the network was trained on."""


def pack(weights: Path, header: WeightsHeader, to: Path) -> None:
    """Write weights in half precision: whoever loads them copies them into single precision."""
    network = build_network(MODELS[header.model], 0)
    network.load_state_dict(load_file(weights))
    if not all(bool(torch.isfinite(value.half()).all()) for value in network.state_dict().values()):
        raise OverflowError(f"'{weights}' has weights that half precision cannot hold")
    save_weights(
        to, network.half(), replace(header, suite=LEARNED_ON), {"photographs": "\n".join(credits())}
    )


def _shown(what: str, done: float, total: float, detail: str = "", /) -> None:
    if total and done % max(1, total // 20) == 0:
        print(f"{what}: {done:g}/{total:g} {detail}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
