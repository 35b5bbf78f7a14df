"""Images from memory: given to their rater at once, to others as if there were none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from raters.database.store import Store
from raters.studies.secret import new_secret
from raters.studies.stimuli import opaque_pngs
from raters.web import stimulus_cache
from raters.web.app import create_app
from raters.web.stimulus_cache import StimulusCache, served
from tests.browser.studies import Study, make_run, make_study
from tests.raters.web.test_app import judgement, ready, trial

SECRET = new_secret()


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return make_study(make_run(tmp_path, 96), f"sqlite:///{tmp_path / 's.db'}", raters=2, crop=96)


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect what every store that is opened meanwhile says to its database."""
    said: list[str] = []
    opened = Store.__init__

    def watched(self: Store, *args: object, **more: object) -> None:
        opened(self, *args, **more)  # type: ignore[arg-type]
        event.listen(
            self.engine, "before_cursor_execute", lambda *a: said.append(a[2]), named=False
        )

    monkeypatch.setattr(Store, "__init__", watched)
    yield said


def test_what_was_used_last_is_held_up_to_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stimulus_cache, "served", lambda png, *_: png)  # of bytes that are no PNG
    store = Store(f"sqlite:///{tmp_path / 's.db'}")
    cache = StimulusCache(store, limit=10)
    cache.remember({str(number): number for number in range(5)}, "mine", SECRET)

    def held() -> list[int]:
        return [number for number in range(5) if number in cache._pngs]

    for number in range(3):
        cache.keep(number, b"1234")
    assert held() == [1, 2]
    assert cache.cached("1", "mine") == b"1234"  # used, so that 2 is now the oldest
    cache.keep(3, b"5678")
    assert held() == [1, 3]
    cache.keep(1, b"9")  # in place of four bytes
    cache.keep(2, b"12345")
    assert held() == [1, 2, 3]
    cache.keep(4, b"12345678901")  # larger than all there is
    assert held() == [1, 2, 3]
    assert [cache.cached(str(number), "mine") for number in (1, 2, 3, 4)] == [
        b"9",
        b"12345",
        b"5678",
        None,
    ]
    store.close()


def test_an_image_is_at_hand_for_its_rater_once_given_and_seen(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 's.db'}")
    cache = StimulusCache(store)
    (png,) = opaque_pngs([np.zeros((8, 8, 3), np.uint8)])
    cache.keep(7, png)
    assert cache.cached("serving", "mine") is None
    cache.remember({"serving": 7, "unseen": 8}, "mine", SECRET)
    assert cache.cached("serving", "mine") == served(png, SECRET, "serving") != png
    assert cache.cached("unseen", "mine") is None
    assert cache.cached("serving", "theirs") is None
    assert cache.cached("", "") is None
    store.close()


def test_from_memory_an_image_is_the_same_answer_without_the_database(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    with statements(monkeypatch) as said, TestClient(create_app(study.url)) as client:
        owner, other = ready(client.app, study.tokens[0]), ready(client.app, study.tokens[1])  # type: ignore[arg-type]
        url = trial(owner)["slots"]["a"]
        said.clear()
        from_database = owner.get(url)
        assert sum("png" in statement for statement in said) == 1
        said.clear()
        from_memory = owner.get(url)
        assert said == []
        assert from_memory.content == from_database.content
        assert from_memory.headers == from_database.headers
        assert from_memory.headers["content-security-policy"].startswith("default-src 'none'")
        assert other.get(url).status_code == 404
        assert owner.post(url, json={}).status_code == 405
        assert said != []  # what is not at hand is looked up


def test_images_ahead_are_at_hand_after_an_answer(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    with statements(monkeypatch) as said, TestClient(create_app(study.url)) as client:
        owner = ready(client.app, study.tokens[0])  # type: ignore[arg-type]
        for number in range(2):
            step = trial(owner)
            following = owner.post(
                "/api/judgement", json=judgement(step, "a", f"key-0000000{number}")
            ).json()["next"]
        for url in following["slots"].values():
            owner.get(url)
        said.clear()
        assert all(owner.get(url).status_code == 200 for url in following["slots"].values())
        assert said == []


def test_nothing_of_gradio_runs_beside_the_study(study: Study) -> None:
    running: list[str] = []

    async def look() -> None:
        tasks = [task.get_coro() for task in asyncio.all_tasks()]
        running.extend(getattr(task, "__qualname__", "") for task in tasks)

    with TestClient(create_app(study.url)) as client:
        assert client.portal is not None
        client.portal.call(look)
    assert running
    assert not [name for name in running if "Queue" in name or "delete" in name]
    assert not [thread.name for thread in threading.enumerate() if "gradio" in thread.name]
