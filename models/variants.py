"""Variants of a model, and how a spec names them: ``MODEL@x8``, ``MODEL@float16+compile``.

A variant is a model like any other: it has a label, cells and costs of its own. Several apply in
the order of the table, whatever the order they are named in. Imports no torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import BenchError
from bench.core.names import choose
from bench.core.plugins import extended

_SUFFIX = re.compile(r"(.+)@([A-Za-z0-9_-]+(?:\+[A-Za-z0-9_-]+)*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One row of the table.

    ``apply`` is ``module:function`` from a `models.restorer.Restorer` that is ready to one that is
    changed; it raises `BenchError` for a model that it does not apply to. ``times`` is how often
    the model then works on an image. Of those that share a ``kind`` a model can have one.
    """

    name: str
    title: str
    apply: str
    citation: str
    times: int = 1
    kind: str = ""


VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant(
            name="tlc",
            title="statistics of a window of 1.5 times the training crop, not of the whole image",
            apply="models.local_statistics:with_local_statistics",
            citation="Chu et al. 2022, arXiv:2112.04491",
        ),
        Variant(
            name="channels_last",
            title="channels innermost in memory, as every network has them on a CPU already",
            apply="models.execution:channels_last",
            citation="torch.channels_last",
        ),
        Variant(
            name="keep_memory",
            title="memory that a layer frees is kept for the next on a CPU, as on every GPU",
            apply="models.execution:keep_memory",
            citation="mallopt(3) of glibc; the same by MALLOC_MMAP_MAX_=0 and "
            "MALLOC_TRIM_THRESHOLD_=1000000000000 in the environment",
        ),
        Variant(
            name="float16",
            title="weights and features in half precision",
            apply="models.execution:float16",
            citation="IEEE 754 binary16",
            kind="precision",
        ),
        Variant(
            name="bfloat16",
            title="weights and features in bfloat16: 8 bits of a value are kept",
            apply="models.execution:bfloat16",
            citation="Kalamkar et al. 2019, arXiv:1905.12322",
            kind="precision",
        ),
        Variant(
            name="autocast",
            title="mixed precision by torch.autocast: bfloat16 on a CPU, float16 on a GPU",
            apply="models.execution:autocast",
            citation="Micikevicius et al. 2018, arXiv:1710.03740",
            kind="precision",
        ),
        Variant(
            name="compile",
            title="compiled by torch.compile; what it compiles it keeps, for later processes too",
            apply="models.execution:compiled",
            citation="Ansel et al. 2024, doi:10.1145/3620665.3640366",
            kind="runtime",
        ),
        Variant(
            name="cudagraph",
            title="recorded as a CUDA graph and replayed: no time between launches",
            apply="models.execution:cuda_graph",
            citation="torch.cuda.CUDAGraph",
            kind="runtime",
        ),
        Variant(
            name="onnx",
            title="exported to ONNX on the spot, run by onnxruntime",
            apply="models.execution:by_onnxruntime",
            citation="onnxruntime",
            kind="runtime",
        ),
        Variant(
            name="tensorrt",
            title="exported to ONNX on the spot, run by TensorRT through onnxruntime",
            apply="models.execution:by_tensorrt",
            citation="onnxruntime's TensorRT execution provider",
            kind="runtime",
        ),
        Variant(
            name="x8",
            title="mean over the image's 8 flips and rotations (self-ensemble)",
            apply="models.ensemble:over_symmetries",
            citation="Timofte et al. 2016, arXiv:1511.02228",
            times=8,
        ),
    )
}


def variants() -> dict[str, Variant]:
    """Return the table with the variants of installed third-party packages."""
    return extended(VARIANTS, "restoration_bench.variants", Variant)


def parted(spec: str) -> tuple[str, tuple[str, ...]]:
    """Return the model that a spec names and its variants, in the order of the table.

    A file or folder that is there is named whole. Raises `BenchError` for an unknown variant, and
    for two of a kind.

    >>> parted("nafnet.pth@x8+tlc")
    ('nafnet.pth', ('tlc', 'x8'))
    """
    found = _SUFFIX.fullmatch(spec)
    if found is None or Path(spec.removeprefix("outputs:")).exists():
        return spec, ()
    known = variants()
    named = {choose("variant", name, known) for name in found[2].split("+")}
    kinds: dict[str, str] = {}
    for name in (name for name in known if name in named and known[name].kind):
        other = kinds.setdefault(known[name].kind, name)
        if other != name:
            raise BenchError(f"{spec}: one {known[name].kind} at a time, not {other} and {name}")
    return found[1], tuple(name for name in known if name in named)


def renamed(spec: str, name: str) -> str:
    """Return the spec of the model ``name`` with the variants that ``spec`` names.

    >>> renamed("unet@x8+tlc", "unet-shipped-deblur")
    'unet-shipped-deblur@tlc+x8'
    """
    _, named = parted(spec)
    return f"{name}@{'+'.join(named)}" if named else name


def precision_of(spec: str) -> str:
    """Return the variant of a spec that is a precision, nothing where it has none.

    >>> precision_of("unet@float16+compile"), precision_of("unet@x8")
    ('float16', '')
    """
    known = variants()
    return next((name for name in parted(spec)[1] if known[name].kind == "precision"), "")


def without_variants(spec: str, label: str) -> tuple[str, tuple[str, ...]]:
    """Return a label, or a spec, of a run without its variants, and these, known here or not.

    >>> without_variants("nafnet.pth@tlc", "nafnet@tlc")
    ('nafnet', ('tlc',))
    """
    found = None if spec.startswith("outputs:") else _SUFFIX.fullmatch(label)
    return (label, ()) if found is None else (found[1], tuple(found[2].split("+")))
