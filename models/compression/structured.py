"""``prune``: channels taken out of a network, which is then trained on by its recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.core.errors import BenchError
from bench.core.files import copy_atomic, sha256_of
from models.catalogue import Card, model_cards
from models.compression.pruning import THE_PICTURES, prune
from models.compression.table import Order
from models.construction import construct
from models.structure import narrowed
from models.training.train import Job, Trained, train
from models.weights import Compressed, WeightsHeader, header_of, load_weights, save_weights


def run(order: Order) -> list[Path]:
    """Prune, and train on. Raises `BenchError` where it cannot be, or nothing could go."""
    assert order.amount is not None
    header, card = of_ours(order)
    network = construct(card.build, card.options)
    load_weights(network, order.source, card.name)
    pruned = prune(network, order.amount, card.multiple)
    done = {
        "parameters": f"{pruned.before:,} -> {pruned.after:,} "
        f"({pruned.after / pruned.before - 1:+.1%})",
        "then trained": f"for {order.budget or card.preset(order.preset).budget}",
    }
    if kept := {name: why for name, why in pruned.kept.items() if why != THE_PICTURES}:
        done["left as they were"] = ", ".join(f"{name} ({why})" for name, why in kept.items())
    whole = construct(card.build, card.options)
    begun = replace(
        header,
        compressed=(*header.compressed, step_of(order, done)),
        widths=narrowed(pruned.network, whole),
    )
    before = order.training / "untrained.safetensors"
    save_weights(before, pruned.network, begun)
    return [trained_on(order, card, before)]


def of_ours(order: Order) -> tuple[WeightsHeader, Card]:
    """Return the header of a file of ours, and the card of its network with the file's options.

    Raises `BenchError` for files of others.
    """
    header = header_of(order.source) if order.source.suffix.lower() == ".safetensors" else None
    card = model_cards().get(header.model) if header else None
    if header is None or card is None:
        raise BenchError(
            f"'{order.source}': --method {order.method.name} takes networks of 'bench models' in "
            "files that 'bench train' or 'bench compress' wrote; of others there is --method "
            "quantise"
        )
    return header, replace(card, options=header.options)


def step_of(order: Order, done: dict[str, str]) -> Compressed:
    """Return what a header records of an order that was carried out."""
    return Compressed(
        method=order.method.name,
        of=order.label,
        sha256=sha256_of(order.source),
        amount=order.amount,
        done=done,
    )


def trained_on(order: Order, card: Card, begin: Path) -> Path:
    """Train weights on by their network's recipe; return the file of the finished model."""
    return finished(order, order.name, teach(order, card, order.training, begin))


def teach(
    order: Order, card: Card, folder: Path, begin: Path | None, teacher: Path | None = None
) -> Trained:
    """Train by a card's recipe on the order's pairs; the same order goes on where it stopped."""
    job = Job(
        card=card,
        recipe=card.preset(order.preset),
        suite=order.suite,
        train=order.train,
        val=order.val,
        folder=folder,
        budget=order.budget,
        seed=order.seed,
        device=order.device,
        initial=begin,
        teacher=teacher,
    )
    return train(job, order.progress.update, order.progress.note)


def finished(order: Order, name: str, trained: Trained) -> Path:
    """Copy a training's weights to where the compressed model lies."""
    path = order.folder / f"{name}.safetensors"
    copy_atomic(trained.weights, path)
    return path
