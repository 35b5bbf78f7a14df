"""A package of somebody else that brings protocols, where Python finds its entry points."""

from __future__ import annotations

import shutil
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "outside" / "src" / "bench_outside_protocols.py"
ENTRY_POINTS = """[restoration_bench.protocols]
outside-three = bench_outside_protocols:THREE
outside-graded = bench_outside_protocols:GRADED
"""


def put_protocols(folder: Path, entry_points: str = ENTRY_POINTS) -> Path:
    """Write the package and what an installer would write about it; return its folder."""
    described = folder / "bench_outside_protocols-1.0.dist-info"
    described.mkdir(parents=True)
    shutil.copy(SOURCE, folder)
    (described / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: bench-outside-protocols\nVersion: 1.0\n"
    )
    (described / "entry_points.txt").write_text(entry_points)
    return folder
