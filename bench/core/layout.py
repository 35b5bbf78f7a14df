"""Where things lie under ``results/``, and how names become file names.

``bench --results DIR`` or the environment variable ``BENCH_RESULTS`` moves the root, for this
process and those that it starts. An address such as ``s3://bucket/folder`` is a root that a team
shares (`bench.core.shared`); its runs are worked on in a folder of this machine.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

VARIABLE = "BENCH_RESULTS"
WEIGHTS, TRAINING, ACROSS, COMPRESSED = "weights", "training", "across", "compressed"
OTHERS = (WEIGHTS, TRAINING, ACROSS, COMPRESSED)
"""Folders of the root that hold no runs."""

LONGEST_NAME = 120
"""Characters of a text that its file name shows; most file systems allow names of 255 bytes."""

_HASHED = re.compile(r"(^|-)[0-9a-f]{10}$")


def results() -> Path:
    """Return the root of all that runs, trainings and studies write on this machine."""
    address = shared_address()
    if address is None:
        return Path(os.environ.get(VARIABLE) or "results")
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "restoration-bench" / file_name(address)


def shared_address() -> str | None:
    """Return the address of the root, where it is one and no folder."""
    root = os.environ.get(VARIABLE) or ""
    return root.rstrip("/") if "://" in root else None


def move_results(root: Path | str) -> None:
    """Let ``root`` be the root from now on."""
    os.environ[VARIABLE] = str(root)


def run_folder(suite: str, digest: str) -> Path:
    """Return the folder of a run that is given no other."""
    return results() / file_name(suite) / digest


def training_folder(suite_spec: str, *parts: str) -> Path:
    """Return the folder of the trainings on a suite that are given no other.

    ``parts`` of it are for recipes of one's own, and for further seeds.
    """
    return (results() / TRAINING / file_name(suite_spec)).joinpath(*filter(None, parts))


def weights_root() -> Path:
    """Return where the weights of trained networks are kept for later runs, by suite."""
    return results() / WEIGHTS


def compressed_folder(suite_spec: str) -> Path:
    """Return the folder of the models that were made smaller on a suite."""
    return results() / COMPRESSED / file_name(suite_spec)


def backbones_folder() -> Path:
    """Return where the networks under LPIPS and perceptual losses are kept."""
    return weights_root() / "backbones"


def runtime_folder() -> Path:
    """Return where what runs models in browsers is kept."""
    return weights_root() / "onnxruntime-web"


def across_folder() -> Path:
    """Return where tables across suites are kept that are given no other folder."""
    return results() / ACROSS


def published_folder() -> Path:
    """Return where published checkpoints that run by name are kept."""
    return weights_root() / "published"


def studies_address() -> str:
    """Return the SQLAlchemy address of the study database that is given no other."""
    return f"sqlite:///{results()}/studies.db"


def file_name(text: str) -> str:
    """Return the file name of a text, such as a model's label: other texts have other names.

    A short text of plain characters is its own name. Of any other the name shows what is plain,
    and ends in a hash of all of it.

    >>> file_name("unet")
    'unet'
    >>> file_name("gopro:blur=blur")
    'gopro_blur_blur-42c021cf6c'
    """
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "_", text).strip("_.")[:LONGEST_NAME]
    if plain == text and plain and not _HASHED.search(text):
        return text
    digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:10]
    return f"{plain}-{digest}" if plain else digest
