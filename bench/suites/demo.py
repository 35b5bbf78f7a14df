"""The demo suite: photographs that ship inside scikit-image, degraded here, once.

What is made is decided by `plan`, a list of `Shot`, from fixed seeds: the same files on every
machine. They lie under the root with a ``manifest.json`` that names each file's size and sha256.

    {test,val,train}/{input,target}/<id>.png    {test,val,train}/psf/<id>.npy    manifest.json
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.records import BenchError, Pair
from bench.suites.table import Progress, Split, Suite, SuiteCard, canonical

if TYPE_CHECKING:
    from bench.suites.demo_plan import Shot

VERSION = 1
"""Raised with every change of the plan or of the pipeline that changes a pixel."""

Manifest = dict[str, Any]


def open_demo(
    card: SuiteCard, root: Path, options: Mapping[str, str], progress: Progress | None = None
) -> Suite:
    """Open the suite under ``root``; make it first where it is missing, damaged or outdated.

    Raises `BenchError` if ``root`` holds something else, or the disk refuses the files.
    """
    manifest = usable_manifest(root)
    if manifest is None:
        from bench.suites.demo_plan import plan

        manifest = make_demo(root, plan(), progress)
    pairs: dict[str, list[Pair]] = {"train": [], "val": [], "test": []}
    for row in manifest["pairs"]:
        pairs[row["split"]].append(_pair(root, row))

    def listed(split: Split) -> Sequence[Pair]:
        return pairs[split]

    return Suite(
        spec=canonical(card.name, options),
        card=card,
        root=root,
        layout="{test,val,train}/{input,target,psf} (made here)",
        pairs=listed,
        notes=(
            "the PSF handed to models that need one is exact for motion and defocus; a shake "
            "differs over the image and its PSF is the mean of 7 x 7 places",
            "low light: few photons, amplified to the brightness of the reference",
            f"demo version {manifest['version']}, made with "
            + ", ".join(f"{name} {version}" for name, version in manifest["made_with"].items()),
        ),
    )


def usable_manifest(root: Path) -> Manifest | None:
    """Return the manifest of a complete demo suite of this version under ``root``, else None.

    Every file is looked at for its size; nothing is read again.
    """
    try:
        manifest: Manifest = json.loads((root / "manifest.json").read_text())
        if manifest["version"] != VERSION:
            return None
        for row in manifest["pairs"]:
            for name, file in row["files"].items():
                if (root / name).stat().st_size != file["bytes"]:
                    return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return manifest


def make_demo(root: Path, shots: Sequence[Shot], progress: Progress | None = None) -> Manifest:
    """Make ``shots`` under ``root`` and return the manifest.

    Everything is made in a folder beside ``root``, which is then renamed: a crash leaves nothing
    half made. Of two processes the second waits, and finds the suite ready. Raises `BenchError` if
    ``root`` holds something else, or the disk refuses the files.
    """
    place = root.resolve()
    _require_ours(place)
    part = place.with_name(f".{place.name}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _lock(place):
            ready = usable_manifest(place)
            if ready is not None:
                return ready
            shutil.rmtree(part, ignore_errors=True)
            try:
                manifest = _make_all(part, shots, progress)
                shutil.rmtree(place, ignore_errors=True)
                part.rename(place)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise BenchError(
            f"could not make the demo suite in '{root}' ({error.strerror or error}); it needs "
            "about 40 MB: make room, or give another folder with --data"
        ) from error
    return manifest


def _make_all(part: Path, shots: Sequence[Shot], progress: Progress | None) -> Manifest:
    import numpy
    import scipy
    import skimage

    rows: dict[str, dict[str, Any]] = {}
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        futures = [pool.submit(_make_one, part, shot) for shot in shots]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                row = future.result()
                rows[row["id"]] = row
                if progress is not None:
                    progress("making demo images", done, len(futures))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    manifest: Manifest = {
        "version": VERSION,
        "made_with": {m.__name__: m.__version__ for m in (numpy, scipy, skimage)},
        "pairs": [rows[shot.id] for shot in shots],
    }
    (part / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def _make_one(part: Path, shot: Shot) -> dict[str, Any]:
    """Write one pair's three files; return its row of the manifest."""
    import numpy as np

    from bench.image import encode_png
    from bench.suites.demo_plan import make

    reference, degraded = make(shot)
    psf = io.BytesIO()
    np.save(psf, degraded.psf)
    files: dict[str, dict[str, Any]] = {}
    for folder, name, data in (
        ("input", f"{shot.id}.png", encode_png(degraded.pixels)),
        ("target", f"{shot.id}.png", encode_png(reference)),
        ("psf", f"{shot.id}.npy", psf.getvalue()),
    ):
        path = part / shot.split / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        files[f"{shot.split}/{folder}/{name}"] = {
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
    return {**shot.as_dict(), "strata": shot.strata, "psf_uniform": degraded.uniform,
            "files": files}  # fmt: skip


def _pair(root: Path, row: Mapping[str, Any]) -> Pair:
    folder = root / row["split"]
    return Pair(
        id=row["id"],
        degraded=folder / "input" / f"{row['id']}.png",
        reference=folder / "target" / f"{row['id']}.png",
        cluster=row["scene"],
        strata=row["strata"],
        psf=folder / "psf" / f"{row['id']}.npy",
    )


def _require_ours(place: Path) -> None:
    """Refuse to replace a folder that holds anything but a demo suite, whole or damaged."""
    if not place.is_dir():
        return
    strange = {path.name for path in place.iterdir()} - {"manifest.json", "train", "val", "test"}
    if strange:
        raise BenchError(
            f"'{place}' is no folder of the demo suite: it holds {', '.join(sorted(strange)[:5])}; "
            "give an empty or a new folder with --data"
        )


@contextmanager
def _lock(place: Path) -> Iterator[None]:
    with place.with_name(f".{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
