"""The server is killed under load: nothing acknowledged is lost and nothing is stored twice."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from raters.database.store import Store
from raters.studies.creation import StudyOptions, create_study
from raters.studies.tokens import invite
from tests.support.load import Ledger, Plan, Server, load, settle
from tests.support.studies import small_run


@pytest.mark.slow
def test_a_killed_server_loses_nothing_doubles_nothing_and_asks_again(
    address: str, tmp_path: Path
) -> None:
    plan = Plan(raters=8, seconds=8.0, think=0.2, doubles=0.2, kills=3, forgets=0.5, seed=1)
    store = Store(address)
    server = Server(address)
    try:
        run = small_run(tmp_path / "run", images=12).path
        create_study(
            store,
            run,
            StudyOptions("crash", per_pair=4000, trials=70, images=12, crop=64, reference="hidden"),
        )
        tokens = invite(store, "crash", plan.raters)
        server.start()
        with ThreadPoolExecutor(1) as own:  # browser tests leave a loop in the main thread
            seen = own.submit(asyncio.run, load(server, tokens, plan)).result()
        ledger = settle(store, seen)
    finally:
        if server.process is not None:
            server.kill()
        store.close()
    assert seen.errors == []
    assert ledger == Ledger(stored=ledger.stored, lost=0, double=0, over_quota=0, miscounted=0)
    # The crashes were felt, answers were sent twice, and forgotten trials came back.
    assert seen.counts["retries"] > 0
    assert seen.counts["sent twice"] > 0
    assert seen.counts["asked again"] > 0
    assert len(seen.acknowledged) > 8
