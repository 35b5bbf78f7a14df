"""Suites that are made here: pairs on disk, and a manifest that names every file.

    {test,val,train}/{input,target}/<id>.png    {test,val,train}/psf/<id>.npy    manifest.json

The manifest holds the suite's identity (what it was made of, and how), and of each pair its split,
cluster, strata and parameters, and each file's size and sha256.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import BenchError
from bench.core.files import locked, sha256_of
from bench.core.identity import BESIDE
from bench.core.limits import cores
from bench.core.parallel import in_threads
from bench.core.progress import Update, unheard
from bench.records import Pair
from bench.suites.table import Split, Suite, SuiteCard, canonical

if TYPE_CHECKING:
    from bench.degrade.pipeline import Degraded
    from bench.image import Pixels

Manifest = dict[str, Any]

MANIFEST = "manifest.json"
ABOUT = "suite.toml"
"""What a folder may say of itself; see `bench.suites.own.own_card`."""
SPLITS: tuple[Split, ...] = ("test", "val", "train")
_FOLDERS = {"input", "target", "psf"}


@dataclass(frozen=True, slots=True)
class Item:
    """One pair to be made. ``make`` returns its reference, (H, W, 3) uint8, and what became of it.

    ``parameters`` is everything else that the manifest tells of it.
    """

    id: str
    split: Split
    cluster: str
    strata: Mapping[str, str]
    make: Callable[[], tuple[Pixels, Degraded]]
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made. Two orders of equal ``identity`` make the same files."""

    title: str
    identity: Mapping[str, Any]
    """What JSON can hold; its key ``suite`` names the kind."""
    items: Sequence[Item]
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the manifest tells beside it; ``notes`` are shown in every report."""
    workers: int = 8
    """So many pairs are made at a time, at most: what is in memory grows with it."""


def read_manifest(root: Path) -> Manifest | None:
    """Return the manifest under ``root``; None where there is none of a suite made here."""
    try:
        manifest: Manifest = json.loads((root / MANIFEST).read_text())
        return manifest if isinstance(manifest["pairs"], list) and manifest["suite"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def usable(root: Path, identity: Mapping[str, Any]) -> Manifest | None:
    """Return the manifest of a complete suite of this identity under ``root``, else None.

    Every file is looked at for its size; nothing is read again.
    """
    manifest = read_manifest(root)
    if manifest is None or _differences(manifest, identity) or damaged(root, manifest):
        return None
    return manifest


def damaged(root: Path, manifest: Manifest) -> list[str]:
    """Return the files that are missing or have not the size that the manifest tells."""

    def complete(name: str, size: int) -> bool:
        try:
            return (root / name).stat().st_size == size
        except OSError:
            return False

    return [name for name, file in _files(manifest) if not complete(name, file["bytes"])]


def altered(root: Path, progress: Update = unheard) -> list[str]:
    """Return the files whose sha256 is not the manifest's, missing ones too; none without one."""
    files = list(_files(read_manifest(root) or {"pairs": []}))

    def same(name: str, digest: str) -> bool:
        try:
            return sha256_of(root / name) == digest
        except OSError:
            return False

    results = in_threads(
        lambda file: same(file[0], file[1]["sha256"]), files, "compare sha256", progress, every=50
    )
    return [name for (name, _), right in zip(files, results, strict=True) if not right]


def open_made(
    card: SuiteCard,
    root: Path,
    options: Mapping[str, str],
    manifest: Manifest,
    spec: str | None = None,
) -> Suite:
    """Return the suite that a manifest describes. Raises `BenchError` where files are not whole.

    ``spec`` is the suite's name in the table, where that is not the card's.
    """
    if wrong := damaged(root, manifest):
        raise BenchError(
            f"'{root}': {len(wrong)} files that its {MANIFEST} names are missing or have another "
            f"size: {', '.join(wrong[:5])}{', ..' if len(wrong) > 5 else ''}; make the suite "
            "again, or get a whole copy of it"
        )
    pairs: dict[Split, list[Pair]] = {split: [] for split in SPLITS}
    for row in manifest["pairs"]:
        pairs[row["split"]].append(_pair(root, row))

    def listed(split: Split) -> Sequence[Pair]:
        return pairs[split]

    filled = ",".join(split for split in SPLITS if pairs[split])
    versions = ", ".join(f"{name} {version}" for name, version in manifest["made_with"].items())
    return Suite(
        spec=canonical(spec or card.name, options),
        card=card,
        root=root,
        layout=f"{{{filled}}}/{{input,target,psf}} with {MANIFEST} (made here)",
        pairs=listed,
        notes=(*manifest.get("notes", ()), f"made with {versions}"),
    )


def _pair(root: Path, row: Mapping[str, Any]) -> Pair:
    folder = root / row["split"]
    return Pair(
        id=row["id"],
        degraded=folder / "input" / f"{row['id']}.png",
        reference=folder / "target" / f"{row['id']}.png",
        cluster=row["cluster"],
        strata=row["strata"],
        psf=folder / "psf" / f"{row['id']}.npy",
    )


# --- making -------------------------------------------------------------------------------------


def make(root: Path, order: Order, progress: Update = unheard, replace: bool = False) -> Manifest:
    """Make a suite under ``root`` and return its manifest; do nothing where it is there already.

    Everything is made in a folder beside ``root``, which is then renamed: a crash leaves nothing
    half made. Of two processes the second waits, and finds the suite ready. Raises `BenchError` if
    ``root`` holds something else, or the disk refuses the files; ``replace`` says that a suite of
    the same kind but another identity may go.
    """
    target = root.resolve()
    require_ours(target, order.title, order.identity, replace)
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.with_name(f".{target.name}.lock")):
            ready = usable(target, order.identity)
            if ready is not None:
                return ready
            require_ours(target, order.title, order.identity, replace)
            shutil.rmtree(part, ignore_errors=True)
            try:
                manifest = _make_all(part, order, progress)
                shutil.rmtree(target, ignore_errors=True)
                part.rename(target)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise BenchError(
            f"could not make {order.title} in '{root}' ({error.strerror or error}); make room, or "
            "name a folder elsewhere"
        ) from error
    return manifest


def require_ours(
    target: Path, title: str, identity: Mapping[str, Any], replace: bool = False
) -> None:
    """Raise `BenchError` where ``place`` holds anything that making the suite would destroy.

    An empty folder may be filled and a damaged suite made again. ``replace`` is as in `make`.
    """
    if target.is_file():
        raise BenchError(f"'{target}' is a file; {title} needs a folder: name a new one")
    if not target.is_dir() or not any(target.iterdir()):
        return
    if strange := _strange(target):
        raise BenchError(
            f"'{target}' is no folder of {title}: it holds {', '.join(strange[:5])}; name an empty "
            "or a new folder"
        )
    manifest = read_manifest(target)
    if replace and (manifest is None or manifest["suite"] == identity["suite"]):
        return
    if manifest is None:
        raise BenchError(
            f"'{target / MANIFEST}' is damaged or no manifest of {title}; name a new folder, or "
            "remove that one first"
        )
    if different := _differences(manifest, identity):
        raise BenchError(
            f"'{target}' holds a suite that was made otherwise: {different}; name a new folder, "
            "or remove that one first"
        )


def _strange(target: Path) -> list[str]:
    """Return what is in a folder that is not of a suite made here, in order."""
    inside = {path.name for path in target.iterdir() if not path.name.startswith(BESIDE)}
    strange = inside - {MANIFEST, ABOUT, *SPLITS}
    if MANIFEST not in inside:  # many published data sets have a folder 'test' or 'train' too
        strange = inside
    for split in inside & set(SPLITS):
        if (target / split).is_dir():
            found = {path.name for path in (target / split).iterdir()}
            strange |= {f"{split}/{name}" for name in found - _FOLDERS}
    return sorted(strange)


def _differences(manifest: Manifest, identity: Mapping[str, Any]) -> str:
    """Say in one line what of ``identity`` a manifest tells otherwise; empty: nothing."""
    wanted: Mapping[str, Any] = json.loads(json.dumps(identity))  # tuples become lists
    details: list[str] = []
    for key, value in wanted.items():
        got = manifest.get(key)
        if isinstance(value, dict) and isinstance(got, dict):
            details += [
                f"{name} {_short(got.get(name))} (now {_short(value.get(name))})"
                for name in {**got, **value}
                if got.get(name) != value.get(name)
            ]
        elif got != value:
            details.append(f"{key} {got} (now {value})")
    more = f", and {len(details) - 5} more" if len(details) > 5 else ""
    return ", ".join(details[:5]) + more


def _short(value: object) -> str:
    text = "none" if value is None else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:12]}.."


def _make_all(part: Path, order: Order, progress: Update) -> Manifest:
    import cv2
    import numpy
    import PIL
    import scipy
    import skimage

    rows: dict[str, dict[str, Any]] = {}
    with ThreadPoolExecutor(max(1, min(order.workers, cores()))) as pool:
        futures = [pool.submit(_make_one, part, item) for item in order.items]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                row = future.result()
                rows[row["id"]] = row
                progress("making images", done, len(futures))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    modules = (numpy, scipy, skimage, cv2, PIL)
    manifest: Manifest = {
        **order.identity,
        **order.details,
        "made_with": {module.__name__: module.__version__ for module in modules},
        "pairs": [rows[item.id] for item in order.items],
    }
    (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def _make_one(part: Path, item: Item) -> dict[str, Any]:
    """Write one pair's three files; return its row of the manifest."""
    import numpy as np

    from bench.image import encode_png

    reference, degraded = item.make()
    psf = io.BytesIO()
    np.save(psf, degraded.psf)
    files: dict[str, dict[str, Any]] = {}
    for folder, name, data in (
        ("input", f"{item.id}.png", encode_png(degraded.pixels)),
        ("target", f"{item.id}.png", encode_png(reference)),
        ("psf", f"{item.id}.npy", psf.getvalue()),
    ):
        path = part / item.split / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        files[f"{item.split}/{folder}/{name}"] = {
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
    return {
        "id": item.id,
        "split": item.split,
        "cluster": item.cluster,
        "strata": dict(item.strata),
        **item.parameters,
        "psf_uniform": degraded.uniform,
        "files": files,
    }


def _files(manifest: Manifest) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in manifest["pairs"]:
        yield from row["files"].items()
