"""What threads do of their work themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from bench.core.parallel import in_threads, keep_to_one_core, keeps_to_one_core


def test_threads_on_all_cores_keep_to_one_each_and_no_other_does() -> None:
    assert all(in_threads(lambda item: keeps_to_one_core(), range(4)))
    assert not keeps_to_one_core()
    with ThreadPoolExecutor(1, initializer=keep_to_one_core) as told, ThreadPoolExecutor(1) as free:
        assert told.submit(keeps_to_one_core).result()
        assert not free.submit(keeps_to_one_core).result()
