"""What is installed only where it is asked for, and how to ask."""

from __future__ import annotations

INSTALL = "pip install -e . -c constraints.txt in a clone of this repository"


def extra(name: str) -> str:
    """Return the command that adds an extra of ours, as it works today: from a clone.

    >>> extra("flip")
    "pip install -e '.[flip]' in a clone of this repository"
    """
    return f"pip install -e '.[{name}]' in a clone of this repository"
