"""The suites of one's own photographs: two folders paired by name, or photographs alone."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench.core.errors import BenchError
from bench.core.layout import OTHERS
from bench.metrics.table import WITHOUT_REFERENCE
from bench.records import Pair
from bench.suites.folder import (
    DEGRADED,
    Files,
    NoData,
    assemble,
    cluster_of,
    files_in,
    folders_in,
    halves_in,
    has_images,
    match,
    name_of,
)
from bench.suites.listing import Listing
from bench.suites.made import ABOUT, open_made, read_manifest
from bench.suites.table import Split, Suite, SuiteCard, suite_cards

NO_TRUTH = (
    "no reference: nobody knows how these photographs should look; no-reference metrics and people "
    "can judge"
)

_TASKS = ("deblur", "denoise", "dejpeg", "super-resolution")


def own_card(card: SuiteCard, root: Path) -> SuiteCard:
    """Return the card of somebody's own folder: called as it says itself, else as the folder is.

    ``suite.toml`` in it may tell ``name``, ``title``, ``task``, ``licence`` and ``citation``. So
    titles, runs and weights of two collections do not mix. A name that a suite of the table or
    a folder of results has gets ``own-`` before it. Raises `BenchError` for a damaged
    ``suite.toml`` and for keys that mean nothing.
    """
    path, settings = root / ABOUT, {}
    if path.is_file():
        try:
            settings = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise BenchError(f"cannot read '{path}': {error}") from error
    known = ("name", "title", "task", "licence", "citation")
    for key, value in settings.items():
        if key not in known:
            raise BenchError(f"'{path}': no key '{key}' is known; expected {', '.join(known)}")
        if not isinstance(value, str) or not value.strip():
            raise BenchError(f"'{path}': {key} = {value!r}; expected some text")
    if settings.get("task", card.task) not in _TASKS:
        expected = ", ".join(_TASKS)
        raise BenchError(f"'{path}': task = {settings['task']!r}; expected one of {expected}")
    name = settings.get("name") or root.resolve().name or card.name
    if name in suite_cards() or name in OTHERS:
        name = f"own-{name}"
    return replace(card, **{"title": name, **settings, "name": name})


def open_folder(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open DIR/input and DIR/target, paired by name, with DIR/psf/<name>.npy where it is known.

    DIR/suite.toml may say what it is called: `own_card`. The two folders may have any of the names
    in `HALVES`. All pairs are test pairs; without the second folder they have no reference. A
    folder that ``bench suites make`` made is opened as its manifest says. Raises `BenchError` for
    missing folders and unpaired files.
    """
    halves = halves_in(root)
    if halves is None and (manifest := read_manifest(root)):
        return open_made(own_card(card, root), root, options, manifest, spec=card.name)
    if halves is None and len(alone := _degraded_in(root)) == 1:
        return _unpaired(card, root, options, alone[0])
    if halves is None:
        missing = [name for name in ("input", "target") if not (root / name).is_dir()]
        raise NoData(
            f"no folder {' and no '.join(repr(name) for name in missing)} in '{root}': expected "
            f"'{root}/input' with degraded and '{root}/target' with sharp images of the same "
            "names (or blur and sharp, lq and gt), or what 'bench suites make' made; pass the "
            "folder that holds them with --data, or any folder of photographs to --suite photos"
        )
    files = match(root, *halves)
    clusters = cluster_of([name_of(degraded) for degraded, _ in files])
    known = {p.stem for p in (root / "psf").glob("*.npy")}

    def make(row: Files) -> Pair:
        name = name_of(row[0])
        psf = root / "psf" / f"{name}.npy" if name in known else None
        return Pair(name, root / row[0], root / row[1], clusters[name], psf=psf)

    layout = f"{{{','.join(halves)}}}, paired by name" + (" with psf" if known else "")
    own = own_card(card, root)
    splits: dict[Split, Listing[Files]] = {"test": Listing(files, make)}
    return assemble(own, root, options, layout, splits, spec=card.name)


def open_photos(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open all photographs below DIR, which have no references: all are there to be restored.

    DIR/suite.toml may say what it is called: `own_card`. Raises `BenchError` where there is none.
    """
    if not has_images(root):
        raise NoData(
            f"no photographs in '{root}': expected image files there, at any depth; pass any "
            "folder of photographs with --data"
        )
    return _unpaired(card, root, options, "")


def _degraded_in(root: Path) -> list[str]:
    """Return the folders whose names say that degraded images lie in them."""
    return [name for name in folders_in(root) if name.lower() in DEGRADED]


def _unpaired(card: SuiteCard, root: Path, options: Mapping[str, str], inside: str) -> Suite:
    folder = root / inside
    files = files_in(folder)
    clusters = cluster_of(files)

    def make(name: str) -> Pair:
        return Pair(name, folder / files[name], None, clusters[name])

    layout = f"photographs below {inside or 'it'}, without references"
    own = replace(own_card(card, root), metrics=WITHOUT_REFERENCE)
    splits: dict[Split, Listing[str]] = {"test": Listing(list(files), make, clusters.__getitem__)}
    suite = assemble(own, root, options, layout, splits, spec=card.name)
    return replace(suite, no_reference=NO_TRUTH)
