"""Where things lie under ``results/``, and how names become file names."""

from __future__ import annotations

import re
from pathlib import Path

RESULTS = Path("results")


def file_name(text: str) -> str:
    """Return ``text`` with everything that a file name should not hold replaced by ``_``."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", text).strip("_.") or "_"
