"""Where things lie under ``results/``, and how names become file names.

``bench --results DIR`` or the environment variable ``BENCH_RESULTS`` moves the root, for this
process and those that it starts.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

VARIABLE = "BENCH_RESULTS"
WEIGHTS, TRAINING = "weights", "training"
OTHERS = (WEIGHTS, TRAINING)
"""Folders of the root that hold no runs."""


def results() -> Path:
    """Return the root of all that runs, trainings and studies write."""
    return Path(os.environ.get(VARIABLE) or "results")


def move_results(root: Path) -> None:
    """Let ``root`` be the root from now on."""
    os.environ[VARIABLE] = str(root)


def run_folder(suite: str, digest: str) -> Path:
    """Return the folder of a run that is given no other."""
    return results() / file_name(suite) / digest


def training_folder(suite_spec: str) -> Path:
    """Return the folder of the trainings on a suite that are given no other."""
    return results() / TRAINING / file_name(suite_spec)


def weights_root() -> Path:
    """Return where the weights of trained networks are kept for later runs, by suite."""
    return results() / WEIGHTS


def backbones_folder() -> Path:
    """Return where the networks under LPIPS and perceptual losses are kept."""
    return weights_root() / "backbones"


def studies_address() -> str:
    """Return the SQLAlchemy address of the study database that is given no other."""
    return f"sqlite:///{results()}/studies.db"


def file_name(text: str) -> str:
    """Return ``text`` with everything that a file name should not hold replaced by ``_``."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", text).strip("_.") or "_"
