"""Every path of a GPU as a whole. A CPU stands for it in the slow tests, so that these are true."""

from __future__ import annotations

import pytest


@pytest.fixture(
    params=[
        pytest.param("cpu", marks=pytest.mark.slow),
        pytest.param("cuda", marks=pytest.mark.gpu),
    ]
)
def device(request: pytest.FixtureRequest) -> str:
    """What learns, restores and is measured."""
    name: str = request.param
    return name
