"""Suites made of photographs, small and quick to make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.suites.folder import named_images
from bench.suites.made import Manifest, make, require_ours
from bench.suites.mixture import Mixture
from bench.suites.photographs import TITLE, identify, order
from bench.suites.table import Suite, open_suite

SMALL = Mixture(blur=("shake", "defocus"), extent=(0, 4), noise=(2, 8), crop=64)


def quiet(stage: str, done: int, total: int) -> None: ...


def make_suite(
    source: Path, out: Path, mixture: Mixture = SMALL, skip_bad: bool = False
) -> Manifest:
    """Make a suite of the photographs in ``source``."""
    files = named_images(source)
    identity = identify(files, mixture, quiet)
    require_ours(out, TITLE, identity)
    return make(out, order(files, mixture, identity, quiet, skip_bad))


def open_made_suite(root: Path) -> Suite:
    return open_suite("folder", root)


def files_of(root: Path) -> Mapping[str, bytes]:
    paths = (p for p in root.rglob("*") if p.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def values_of(mixture: Mixture) -> dict[str, Any]:
    return {name: getattr(mixture, name) for name in Mixture.__dataclass_fields__}
