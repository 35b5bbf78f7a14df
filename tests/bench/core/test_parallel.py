"""How many cores there are, and what threads do of their work themselves."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from bench.core.parallel import cores, in_threads, keep_to_one_core, keeps_to_one_core


def test_the_cores_are_those_that_a_process_may_use_not_all_of_the_machine() -> None:
    def on_one() -> int:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # of this thread alone
        return cores()

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(on_one).result() == 1
    assert cores() == len(os.sched_getaffinity(0))


def test_threads_on_all_cores_keep_to_one_each_and_no_other_does() -> None:
    assert all(in_threads(lambda item: keeps_to_one_core(), range(4)))
    assert not keeps_to_one_core()
    with ThreadPoolExecutor(1, initializer=keep_to_one_core) as told, ThreadPoolExecutor(1) as free:
        assert told.submit(keeps_to_one_core).result()
        assert not free.submit(keeps_to_one_core).result()
