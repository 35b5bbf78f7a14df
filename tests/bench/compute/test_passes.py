"""Warm-up, number and order of timed passes, and the memory peak. No time is asserted tightly."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
import torch

from bench.compute import passes
from bench.compute.energy import NoCounter, energy_counter, processor_energy_counter
from bench.compute.memory import reset_peak
from bench.compute.passes import (
    FEWEST,
    Unrecorded,
    busy_ms,
    repeat_for,
    spread,
    time_passes,
    warm_up,
)

IMAGES = [torch.full((1,), float(i)) for i in range(4)]


def test_inputs_take_turns():
    seen = []
    timing = time_passes(lambda x: seen.append(x.item()), IMAGES, 8, 5.0, events=False)
    assert len(timing.passes_ms) == 8
    assert seen[timing.warm_up :][:8] == [0, 1, 2, 3, 0, 1, 2, 3]


def test_slow_model_gets_fewer_passes_but_never_fewer_than_three():
    timing = time_passes(lambda x: time.sleep(0.05), IMAGES, 100, 0.06, events=False)
    assert len(timing.passes_ms) == FEWEST
    assert min(timing.passes_ms) >= 50  # a sleep is never shorter than asked for


def test_warm_up_ends_when_the_time_is_up():
    pause = iter(0.01 * 1.5**i for i in range(20))
    times = warm_up(lambda x: time.sleep(next(pause)), IMAGES, seconds=0.15)
    assert len(times) < 8  # 0.01 + 0.015 + .. passes 0.15 at the sixth, never stable
    assert sum(times[:-1]) < 0.15  # the time was not up before the last
    assert len(times) > 1 or times[0] > 0.15  # where the machine had other work


def test_spread_is_the_middle_half_over_the_median():
    assert spread([5.0] * 9) == 0
    # quartiles of 1..7 by the exclusive method: 2, 4, 6
    assert spread([1.0, 2, 3, 4, 5, 6, 7]) == 1


def test_noisy_passes_are_repeated_once_and_the_calmer_set_kept(monkeypatch):
    noisy, calm = [10.0, 90.0, 10.0, 90.0], [31.0, 30.0, 30.0, 29.0]
    for sets, repeated in (((noisy, calm), True), ((calm, noisy), False)):
        told = iter(sets)
        monkeypatch.setattr(passes, "warm_up", lambda *_: [0.01])
        monkeypatch.setattr(passes, "_wall_passes", lambda *_, told=told: next(told))
        timing = time_passes(id, IMAGES, 4, 9.0, events=False)
        assert (timing.passes_ms, timing.repeated) == (tuple(calm), repeated)


def test_energy_loop_counts_its_passes():
    seen = []
    number, elapsed = repeat_for(lambda x: seen.append(time.sleep(0.01)), IMAGES, 0.05)
    assert number == len(seen)
    assert elapsed >= 0.05


PEAKS = """
import numpy as np
from bench.compute.memory import peak_resident, reset_peak, resident
assert reset_peak()
before = resident()
block = np.ones(100_000_000, np.uint8)
del block
print(peak_resident() - before)
assert reset_peak()
print(peak_resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_peak_remembers_memory_that_was_given_back():
    if not reset_peak():
        pytest.skip("the kernel does not let the peak be reset")
    # in a process of its own, as measuring is: this one has had peaks of many kinds
    ran = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    peak, after = map(int, ran.stdout.split())
    assert 95e6 < peak < 150e6  # the kernel counts in batches of pages
    assert after < 50e6


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a counter, or another reason")
def test_energy_without_a_gpu_is_missing_with_the_reason():
    with pytest.raises(NoCounter, match="NVML"):
        energy_counter("GPU-00000000-0000-0000-0000-000000000000")


def rapl(folder, *microjoules, highest=1000):
    """A folder as Linux shows it: two packages, each with a part that is counted in it already."""
    for index, value in enumerate(microjoules):
        for name in (f"intel-rapl:{index}", f"intel-rapl:{index}:0"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / "energy_uj").write_text(f"{value}\n")
            (folder / name / "max_energy_range_uj").write_text(f"{highest - 1}\n")


def test_the_energy_of_all_packages_is_summed_over_the_end_of_their_counters(tmp_path):
    rapl(tmp_path, 100, 900)
    joules = processor_energy_counter(tmp_path)
    assert joules() == 0
    rapl(tmp_path, 150, 20)  # 50, and 120 over the end
    assert joules() == pytest.approx(170e-6)
    rapl(tmp_path, 150, 30)
    assert joules() == pytest.approx(180e-6)


def test_a_processor_without_a_readable_counter_says_why(tmp_path):
    with pytest.raises(NoCounter, match="the CPU has no energy counter here"):
        processor_energy_counter(tmp_path)
    rapl(tmp_path, 100)
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    with pytest.raises(NoCounter, match=r"cannot be read \(No such file .* root reads it"):
        processor_energy_counter(tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, which is recorded")
def test_without_a_record_of_kernels_nothing_is_called_the_gpus_work():
    with pytest.raises(Unrecorded, match="CUPTI"):
        busy_ms(lambda x: x + 1, IMAGES)
