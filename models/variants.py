"""Variants of a model, and how a spec names them: ``MODEL@x8``, ``MODEL@tlc+x8``.

A variant is a model like any other: it has a label, cells and costs of its own. Several apply in
the order of the table, whatever the order they are named in. Imports no torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bench.core.names import choose
from bench.core.plugins import extended

_SUFFIX = re.compile(r"(.+)@([A-Za-z0-9_-]+(?:\+[A-Za-z0-9_-]+)*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One row of the table.

    ``apply`` is ``module:function`` from a `models.restorer.Restorer` that is ready to one that is
    changed; it raises `BenchError` for a model that it does not apply to. ``times`` is how often
    the model then works on an image.
    """

    name: str
    title: str
    apply: str
    citation: str
    times: int = 1


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

    A file or folder that is there is named whole. Raises `BenchError` for an unknown variant.

    >>> parted("nafnet.pth@x8+tlc")
    ('nafnet.pth', ('tlc', 'x8'))
    """
    found = _SUFFIX.fullmatch(spec)
    if found is None or Path(spec.removeprefix("outputs:")).exists():
        return spec, ()
    known = variants()
    named = {choose("variant", name, known) for name in found[2].split("+")}
    return found[1], tuple(name for name in known if name in named)


def without_variants(spec: str, label: str) -> tuple[str, tuple[str, ...]]:
    """Return a label, or a spec, of a run without its variants, and these, known here or not.

    >>> without_variants("nafnet.pth@tlc", "nafnet@tlc")
    ('nafnet', ('tlc',))
    """
    found = None if spec.startswith("outputs:") else _SUFFIX.fullmatch(label)
    return (label, ()) if found is None else (found[1], tuple(found[2].split("+")))
