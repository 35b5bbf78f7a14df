"""How long it takes to list a suite of 100,000 images, and what the list takes. 1 on a miss.

Run as ``python tests/performance/listing.py``. The files are empty: listing reads names only.
"""

from __future__ import annotations

import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from bench.suites.table import open_suite, spread

IMAGES = 100_000
SECONDS, BYTES, MORE = 2.0, 400, 64
"""At most: processor time to open the suite (the best of three: a busy machine takes longer by the
clock), for each image while it is open, and for each image more while they are gone through: names
that the interpreter keeps a table of."""


def folder(root: Path) -> str:
    """Lay out input/ and target/ in sequences of 100 frames."""
    for half in ("input", "target"):
        (root / half).mkdir()
        for number in range(IMAGES):
            (root / half / f"street{number // 100:04d}-{number % 100:06d}.png").touch()
    return "folder"


def gopro(root: Path) -> str:
    """Lay out train/ and test/ officially, in sequences of 100 frames."""
    for sequence in range(IMAGES // 100):
        place = root / ("train" if sequence % 3 else "test") / f"GOPR{sequence:04d}_11_00"
        for half in ("blur", "sharp"):
            (place / half).mkdir(parents=True)
            for frame in range(100):
                (place / half / f"{frame:06d}.png").touch()
    return "gopro"


def celeba(root: Path) -> str:
    """Lay out photographs of 10,000 people."""
    (root / "img_align_celeba").mkdir()
    rows = []
    for number in range(IMAGES):
        (root / "img_align_celeba" / f"{number:06d}.jpg").touch()
        rows.append(f"{number:06d}.jpg {number * 7919 % 10_000}\n")
    (root / "identity_CelebA.txt").write_text("".join(rows))
    return "celeba"


def measure(lay_out: Callable[[Path], str]) -> bool:
    """Print what listing and going through a suite takes; return whether that is little enough."""
    with tempfile.TemporaryDirectory() as name:
        spec = lay_out(Path(name))
        times = []
        for _ in range(3):
            begin = time.process_time()
            open_suite(spec, Path(name))
            times.append(time.process_time() - begin)
        listed = min(times)
        tracemalloc.start()
        suite = open_suite(spec, Path(name))
        held, _ = tracemalloc.get_traced_memory()
        splits = [suite.pairs(split) for split in ("test", "val", "train")]
        tracemalloc.reset_peak()
        count = sum(bool(pair.id) for pairs in splits for pair in spread(pairs, None))
        grown = tracemalloc.get_traced_memory()[1] - held
        tracemalloc.stop()
    print(
        f"{spec}: {count} images listed in {listed:.2f} s (target {SECONDS}), "
        f"{held / count:.0f} bytes each (target {BYTES}); going through all of them takes "
        f"{grown / count:.0f} bytes each more (target {MORE})"
    )
    return count == IMAGES and listed < SECONDS and held / count < BYTES and grown / count < MORE


if __name__ == "__main__":
    reached = [measure(lay_out) for lay_out in (folder, gopro, celeba)]
    sys.exit(0 if all(reached) else 1)
