"""A server to download from, and photographs to make suites of."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.image import Pixels, write_png
from tests.support.downloads import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def source(photograph: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five photographs of 100x100, one in a folder of its own."""
    root = tmp_path_factory.mktemp("photographs")
    for index, name in enumerate(("a.png", "b.png", "c.png", "d.png", "more/e.png")):
        y, x = 60 * index, 45 * index
        write_png(root / name, np.ascontiguousarray(photograph[y : y + 100, x : x + 100]))
    return root
