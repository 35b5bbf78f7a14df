"""restoration-bench: which image-restoration model to use, with every number's convention.

The Python API (`bench.api`) is loaded when it is first asked for: ``bench.run``, ``bench.score``,
``bench.profile``, ``bench.metric`` and ``bench.open_run``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.core.version import VERSION

if TYPE_CHECKING:
    from bench.api import Run, metric, open_run, profile, run, score

__version__ = VERSION
__all__ = ["Run", "__version__", "metric", "open_run", "profile", "run", "score"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    from bench import api

    return getattr(api, name)
