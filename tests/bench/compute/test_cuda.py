"""Measurements on a GPU, where there is one."""

from __future__ import annotations

from textwrap import dedent

import pytest
import torch

from bench.compute.environment import environment
from bench.compute.passes import busy_ms, time_passes
from bench.compute.profile import Conditions, measure

pytestmark = pytest.mark.gpu

MODELS = '''
    import torch
    from torch import nn


    class Hungry(nn.Module):
        """200 MB of weights, and 300 MB more for a moment."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(50_000_000))

        def forward(self, x):
            return x + torch.ones(75_000_000, device=x.device).mean() * self.weight[0]
'''


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "cuda_models.py").write_text(dedent(MODELS))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        asked = Conditions(64, 64, device="cuda", processes=2, passes=10, seconds=1.0)
        (found,) = measure([("hungry", "cuda_models:Hungry", None)], asked)
    return found


def test_allocator_peak_is_weights_and_the_largest_moment(report):
    found = {row.quantity: row for row in report.profiles()}
    assert found["device_memory_mb"].value == pytest.approx(500, rel=0.02)
    memory = report.reports[0].device_memory
    assert memory.reserved >= memory.allocated


def test_gpu_clock_and_synchronised_wall_clock_stand_side_by_side(report):
    timing = report.reports[0].latency
    assert len(timing.passes_ms) == len(timing.wall_ms) >= 3
    assert min(timing.passes_ms) > 0
    assert sorted(timing.wall_ms)[len(timing.wall_ms) // 2] < 1000


def test_the_gpu_works_for_no_longer_than_the_wall_clock_or_the_reason_is_told(report):
    (share,) = [row for row in report.profiles() if row.quantity == "gpu_busy_percent"]
    assert 0 < share.value <= 100
    told = report.reports[0]
    assert (told.busy_ms or 0) > 0 or "CUPTI" in told.missing["busy"]


def test_a_network_of_many_small_layers_waits_for_launches():
    layers = torch.nn.Sequential(*(torch.nn.Conv2d(3, 3, 1) for _ in range(300))).cuda()
    with torch.inference_mode():
        small = torch.rand(1, 3, 16, 16, device="cuda")
        timing = time_passes(layers, [small], 10, 2.0, events=True)
        worked = busy_ms(layers, [small])
    assert worked < sorted(timing.wall_ms)[5] / 1.2


def test_energy_is_a_positive_number_or_a_reason(report):
    (energy,) = [row for row in report.profiles() if row.quantity == "energy_j"]
    assert (energy.value or 0) > 0 or "NVML" in energy.missing


def test_events_see_the_work_that_an_unsynchronised_clock_misses():
    matrix = torch.rand(4096, 4096, device="cuda")
    timing = time_passes(lambda x: [x @ x for _ in range(20)], [matrix], 10, 5.0, events=True)
    middle = sorted(timing.wall_ms)[5]
    assert sorted(timing.passes_ms)[5] > 0.5 * middle


def test_environment_names_the_gpu():
    found = environment("cuda")["gpu"]
    assert found["name"] == torch.cuda.get_device_name(0)
    assert found["cuda"] == torch.version.cuda
