"""THE table of ways to make a model smaller. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.core.errors import BenchError
from bench.core.progress import Progress
from bench.records import Pair

if TYPE_CHECKING:
    from models.catalogue import Card

MEASURED = ("psnr", "ssim", "st-lpips-alex")
"""What quality is measured by where nothing else is asked for: metrics that have their weights."""

Needs = Literal["network of ours", "network", "model file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One row of the table.

    ``run`` is ``module:function`` from an `Order` and a `Progress` to the files that it made, the
    compressed model's first; what comes after is measured beside it. ``needs`` says of what: a
    network of the catalogue in a file of ours, any network of torch, or that or an ONNX file.
    ``amounts``: it takes an amount; ``trains``: by the model's recipe, for a budget; ``looks``: at
    training images, to calibrate. ``helps`` says where, and where not.
    """

    name: str
    title: str
    run: str
    needs: Needs
    helps: str
    citation: str
    label: str
    amounts: bool = False
    trains: bool = False
    looks: bool = False


METHODS: dict[str, Method] = {
    row.name: row
    for row in (
        Method(
            name="prune",
            title="whole channels taken out, the rest trained on",
            run="models.compression.structured:run",
            needs="network of ours",
            helps="fewer parameters and operations, and faster, wherever it runs",
            citation="Fang et al. 2023, arXiv:2301.12900 (torch-pruning)",
            label="prune{amount:g}",
            amounts=True,
            trains=True,
        ),
        Method(
            name="prune-unstructured",
            title="single weights set to 0 and held there, the rest trained on",
            run="models.compression.unstructured:run",
            needs="network of ours",
            helps="no speed and no smaller file: zeros lie in dense tensors; what it shows is how "
            "many weights a network could do without",
            citation="Han et al. 2015, arXiv:1506.02626",
            label="zeros{amount:g}",
            amounts=True,
            trains=True,
        ),
        Method(
            name="quantise",
            title="static int8 by onnxruntime: weights per channel, features calibrated",
            run="models.compression.quantised:static",
            needs="model file",
            helps="a quarter of the file, and faster on CPUs with int8 dot products (VNNI, ARM's)",
            citation="Jacob et al. 2018, arXiv:1712.05877; onnxruntime's QDQ",
            label="int8",
            looks=True,
        ),
        Method(
            name="dynamic",
            title="int8 weights of matrix products, features quantised as they come",
            run="models.compression.quantised:dynamic",
            needs="model file",
            helps="transformers; it leaves convolutions alone, which it would make slower",
            citation="onnxruntime's dynamic quantisation",
            label="dynamic",
        ),
        Method(
            name="float16",
            title="weights in half precision, as ONNX",
            run="models.compression.quantised:float16",
            needs="model file",
            helps="half the file; faster on GPUs, and slower on CPUs, which convert it back",
            citation="IEEE 754 binary16; onnxruntime.transformers.float16",
            label="float16",
        ),
        Method(
            name="distil",
            title="a small network learns from a large one, beside the same learning alone",
            run="models.compression.taught:run",
            needs="network",
            helps="where a smaller network is to be had at all: name it by --into",
            citation="Hinton et al. 2015, arXiv:1503.02531; Zagoruyko and Komodakis 2017, "
            "arXiv:1612.03928",
            label="distilled",
            trains=True,
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A compression that is wanted: of the model in ``source``, called ``label``, by ``method``.

    The file becomes ``folder``/``name`` and a suffix. ``train`` and ``val`` are a suite's pairs,
    none of which is a test image.
    """

    source: Path
    label: str
    method: Method
    name: str
    folder: Path
    suite: str
    train: Sequence[Pair]
    val: Sequence[Pair]
    amount: float | None = None
    into: Card | None = None
    preset: str = "quick"
    budget: str | None = None
    seed: int = 0
    device: str = "cpu"
    progress: Progress

    @property
    def training(self) -> Path:
        """The folder of its training."""
        return self.folder / "training" / self.name


def name_of(label: str, method: Method, amount: float | None, into: Card | None) -> str:
    """Return what a compressed model is called: ``unet-prune40``, ``litenet-distilled``.

    >>> name_of("unet", METHODS["prune"], 0.4, None)
    'unet-prune40'
    """
    given = method.label.format(amount=100 * (amount or 0))
    return f"{into.name if into else label}-{given}"


def require_amount(method: Method, amounts: Sequence[float]) -> None:
    """Raise `BenchError` for amounts that a method does not take, or that are no such part."""
    if method.amounts and not amounts:
        raise BenchError(f"--method {method.name}: how much? give --amount, such as --amount 0.4")
    if amounts and not method.amounts:
        taking = ", ".join(row.name for row in METHODS.values() if row.amounts)
        raise BenchError(f"--amount is of {taking}; --method {method.name} takes none")
    for amount in amounts:
        if not 0.01 <= amount <= 0.95:
            raise BenchError(
                f"--amount {amount:g}: expected the part of the parameters that goes, from 0.01 to "
                "0.95, such as 0.4"
            )
