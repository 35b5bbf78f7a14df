"""A network of a run, as a reader of its report can try it in a browser."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import BenchError
from bench.core.names import choose
from bench.runs.again import measured_weights
from bench.runs.store import RunFolder
from models.browser import Runtime, read_runtime

LARGEST = 20
"""Megabytes of a model that a page holds, at most."""
TILE = 256
"""Pixels of a tile's side: a page has little memory, and says after each how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A network as ONNX, what runs it, and how: as `models.restorer.NetworkRestorer` would.

    ``multiple``, ``minimum`` and ``tile`` are of height and width; ``channels`` is 1 for a network
    that restores red, green and blue apart.
    """

    model: str
    onnx: bytes
    runtime: Runtime
    scale: int
    channels: int
    multiple: tuple[int, int]
    minimum: tuple[int, int]
    tile: tuple[int, int]


def trial_of(runs: Sequence[RunFolder], model: str) -> Trial:
    """Return a model of these runs as a page can hold it, written by ``bench export``'s own code.

    Raises `BenchError` for a model that no run has, that is no network, whose weights have changed,
    or that is over `LARGEST`; and where onnxruntime-web was not fetched.
    """
    records = {name: one for run in reversed(runs) for name, one in run.record().models.items()}
    record = records[choose("model of the run", model, records)]
    if record.weights is None:
        raise BenchError(f"--try {model}: it has no weights; expected a network of the run")
    file = measured_weights(model, record.weights)
    size = file.stat().st_size / 1e6
    if size > LARGEST:
        raise _too_large(model, size)
    runtime = read_runtime()

    from models.contract import Contained  # and torch
    from models.export import export
    from models.formats import FORMATS
    from models.loading import load_restorer
    from models.restorer import NetworkRestorer
    from models.windows import reach_of

    given = record.family == "given"  # its spec is the file
    restorer = load_restorer(record.spec, weights=None if given else file)
    if (frames := reach_of(restorer).frames) > 1:
        raise BenchError(
            f"--try {model}: it sees {frames} frames for one, and a reader has a photograph; name "
            "a network of single images"
        )
    with tempfile.TemporaryDirectory(prefix="bench-try-") as folder:
        made = export(restorer, Path(folder) / "network.onnx", FORMATS["onnx"], (TILE, TILE))
        if made.megabytes > LARGEST:
            raise _too_large(model, made.megabytes)
        onnx = made.path.read_bytes()
    network = restorer.inner if isinstance(restorer, Contained) else restorer
    assert isinstance(network, NetworkRestorer)  # or nothing was exported
    sides = network.padded(TILE, TILE)
    return Trial(
        model=model,
        onnx=onnx,
        runtime=runtime,
        scale=network.scale or 1,
        channels=network.channels,
        multiple=network.multiple,
        minimum=network.minimum if made.sizes else sides,
        tile=sides,
    )


def _too_large(model: str, megabytes: float) -> BenchError:
    return BenchError(
        f"--try {model}: {megabytes:.0f} MB, and a page holds {LARGEST} at most; name a smaller "
        "model, or make it smaller ('bench compress')"
    )
