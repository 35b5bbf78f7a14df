"""Lightning, kept from talking and from swallowing signals."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM through, which Lightning turns into exit status 1 and 0.

    It also leaves Ctrl-C disabled.
    """
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as end:
        if isinstance(end.__context__, KeyboardInterrupt):
            signal.signal(signal.SIGINT, handler)
            raise KeyboardInterrupt from None
        if isinstance(end, SIGTERMException):
            signal.raise_signal(signal.SIGTERM)  # its usual effect: Lightning has stepped aside
        raise


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning's hints and advertisements out of the output."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")
        loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
