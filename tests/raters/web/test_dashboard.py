"""The dashboard's figures: fresh enough, and cheap enough for those who rate meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from raters.database.store import Store
from raters.studies.creation import StudyOptions, create_study
from raters.studies.tokens import invite
from raters.web import dashboard
from raters.web.dashboard import FRESH_SECONDS, Counts


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_however_many_look_a_study_is_counted_once_in_a_few_seconds(
    sqlite_store: Store, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_study(sqlite_store, run_folder, StudyOptions("s", images=1, crop=64, trials=3))
    counted, clock = list[str](), Clock()
    count = dashboard.status
    monkeypatch.setattr(
        dashboard, "status", lambda store, name: counted.append(name) or count(store, name)
    )
    counts = Counts(sqlite_store, clock)
    with ThreadPoolExecutor(8) as readers:
        shown = list(readers.map(counts.of, ["s"] * 40))
    assert (len(counted), len(set(map(id, shown)))) == (1, 1)
    invite(sqlite_store, "s", 2)
    clock.now += FRESH_SECONDS - 0.1
    assert counts.of("s").invited == 0
    clock.now += 0.2
    assert (counts.of("s").invited, len(counted)) == (2, 2)
    counts.forget("s")
    assert (counts.of("s").invited, len(counted)) == (2, 3)
