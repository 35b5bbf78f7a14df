"""Real measurements in real fresh processes, of networks and other models written for the test."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent

import pytest

from bench.compute import copies
from bench.compute.messages import ProfileJob, ProfileReport
from bench.compute.processes import Child
from bench.compute.profile import Conditions, measure
from bench.compute.quantities import QUANTITIES
from bench.core.errors import BenchError

pytestmark = pytest.mark.slow


MODELS = '''
    """Models that behave and models that do not."""

    import os
    import signal
    import time

    import numpy as np
    import torch
    from torch import nn


    def network():
        print("a model may print")
        tail = nn.Conv2d(8, 3, 3, padding=1)
        return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), tail)


    class Hungry(nn.Module):
        """Holds 200 MB of weights and needs 300 MB more for a moment."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(50_000_000))

        def forward(self, x):
            return x + torch.ones(75_000_000).mean() * self.weight[0]


    class Sharpener:
        """No network, and in need of a PSF."""

        name, scale, needs_psf, network = "sharpener", 1, True, None
        device = torch.device("cpu")

        def restore(self, degraded, hints):
            assert hints.psf.shape == (9, 9) and abs(hints.psf.sum() - 1) < 1e-9
            assert degraded.std() > 0.2, "random inputs, never zeros"
            return torch.from_numpy(np.clip(degraded.numpy() * 1.5 - 0.25, 0, 1))


    earlier = []


    class Remembers(nn.Identity):
        def __init__(self):
            super().__init__()
            assert not earlier, "a process of another measurement"
            earlier.append(self)


    def raises():
        raise ValueError("no such layer: 'conv9'")


    def exits():
        os._exit(3)


    def killed():
        os.kill(os.getpid(), signal.SIGKILL)


    def hangs():
        time.sleep(600)


    class DiesLater(nn.Module):
        """Ends the process in the second pass."""

        def __init__(self):
            super().__init__()
            self.passes = 0

        def forward(self, x):
            self.passes += 1
            if self.passes == 2:
                os._exit(0)
            return x
'''

CHEAP = {"passes": 6, "seconds": 0.5, "threads": 1}
JOB = ProfileJob(
    spec="odd_models:network",
    weights=None,
    height=32,
    width=32,
    batch=1,
    device="cpu",
    threads=1,
    dtype="float32",
    passes=6,
    seconds=0.5,
    tile=None,
    scale=1,
    count=True,
)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A module of models that child processes can import."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "odd_models.py").write_text(dedent(MODELS))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder


@pytest.fixture(scope="module")
def well_behaved(models):
    """Two models, two processes each, and the order in which they ran."""
    told = []
    pair = [
        ("net", "odd_models:network", None),
        ("sharpener", "odd_models:Sharpener", None),
        ("saved", f"outputs:{models}", None),
    ]
    asked = Conditions(48, 64, processes=2, **CHEAP)
    return measure(pair, asked, lambda *progress: told.append(progress)), told


@pytest.fixture(scope="module")
def misbehaved(models):
    names = ("Hungry", "raises", "exits", "killed", "DiesLater")
    asked = Conditions(32, 32, processes=2, **CHEAP)
    found = measure([(name, f"odd_models:{name}", None) for name in names], asked)
    return {one.model: one for one in found}


def reasons(measurement):
    """Why there is no figure, of all that its processes were to tell: not of its training."""
    told = [row for row in measurement.profiles() if not row.quantity.startswith("train_")]
    return {row.missing for row in told}


def rows(measurement):
    return {row.quantity: row for row in measurement.profiles()}


def test_every_quantity_has_a_row_with_its_unit_and_provenance(well_behaved):
    (net, *_), _ = well_behaved
    table = net.profiles()
    assert [row.quantity for row in table] == list(QUANTITIES)
    assert [row.unit for row in table] == [quantity.unit for quantity in QUANTITIES.values()]
    for row in table:
        assert (row.model, row.device, row.dtype) == ("net", "cpu", "float32")
        assert (row.height, row.width, row.batch, row.threads) == (48, 64, 1, 1)
        assert (row.value is None) == bool(row.missing)


def test_counts_equal_those_made_by_hand(well_behaved):
    found = rows(well_behaved[0][0])
    assert found["params"].value == 3 * 8 * 9 + 8 + 8 * 3 * 9 + 3
    assert found["macs"].value == 48 * 64 * 2 * (3 * 8 * 9)
    assert found["activations"].value == 48 * 64 * (8 + 3)
    assert found["weights_mb"].value == 4 * found["params"].value / 1e6


def test_latency_interval_contains_the_median_and_p90_is_above(well_behaved):
    for measurement in well_behaved[0][:2]:
        found = rows(measurement)
        latency = found["latency_ms"]
        assert 0 < latency.low <= latency.value <= latency.high
        assert latency.value <= found["latency_ms_p90"].value
        speed = found["throughput_mpix_s"]
        assert speed.value == pytest.approx(48 * 64 / 1e6 / (latency.value / 1e3))
        assert speed.low <= speed.value <= speed.high


def test_cold_start_has_all_its_parts_and_is_that_of_a_started_process(well_behaved):
    for measurement in well_behaved[0][:2]:
        first, second = measurement.reports
        for report in (first, second):
            assert report.load_s > 0
            assert report.first_pass_s > 0
        assert first.imports_s > 0.1  # torch
        assert (second.imports_s is None) == copies.possible("cpu")
        assert rows(measurement)["cold_start_s"].value > 0.1


def test_threads_asked_for_are_used_by_the_process(well_behaved):
    assert [report.threads for report in well_behaved[0][0].reports] == [1, 1]


def test_models_take_turns(well_behaved):
    _, told = well_behaved
    assert [name for _, _, _, name in told] == ["net", "sharpener", "net", "sharpener", ""]
    assert [done for _, done, _, _ in told] == [0, 1, 2, 3, 4]


def test_model_without_a_network_has_time_and_memory_but_no_parameters(well_behaved):
    found = rows(well_behaved[0][1])
    for name in ("params", "macs", "activations", "weights_mb"):
        assert found[name].missing == "not a network"
    assert found["latency_ms"].value > 0
    assert found["process_memory_mb"].value >= 0


def test_shares_of_the_peak_are_told_of_a_network_and_files_of_any_model(well_behaved):
    net, sharpener, _ = well_behaved[0]
    found = rows(net)
    for name in ("arithmetic_percent", "bandwidth_percent", "device_tflops", "device_gb_s"):
        assert found[name].value > 0
        assert found[name].single  # the peak is measured once, and so is what follows from it
    assert found["files_per_s"].value > 0
    other = rows(sharpener)
    assert other["files_per_s"].value > 0
    assert other["arithmetic_percent"].missing == "not a network"
    assert other["device_tflops"].value == found["device_tflops"].value  # measured once


def test_energy_and_device_memory_are_missing_on_a_cpu_never_zero(well_behaved):
    found = rows(well_behaved[0][0])
    assert found["energy_j"].value is found["device_memory_mb"].value is None
    assert "CPU" in found["energy_j"].missing


def test_folder_of_outputs_costs_nothing_that_could_be_measured(well_behaved):
    saved = well_behaved[0][2]
    assert reasons(saved) == {"outputs only: nothing is run"}


def test_notes_tell_what_disturbed_the_timing(well_behaved):
    assert any("involuntary context switches" in note for note in well_behaved[0][0].notes())


def test_process_memory_is_that_of_weights_and_the_largest_moment(misbehaved):
    found = rows(misbehaved["Hungry"])
    assert 490 < found["process_memory_mb"].value < 750  # 200 + 300, and what torch needs
    assert found["weights_mb"].value == 200
    started, copied = (report.process_memory for report in misbehaved["Hungry"].reports)
    assert copied == pytest.approx(started, rel=0.1)


def measured(job, **stocks):
    child = Child(job, 60, **stocks)
    child.prepare()
    child.measure()
    child.close()
    return child.report


@pytest.mark.skipif(not copies.possible("cpu"), reason="no copies on this system")
@pytest.mark.usefixtures("models")
def test_a_copy_knows_nothing_of_others_and_one_is_started_where_the_stock_is_gone():
    job = replace(JOB, spec="odd_models:Remembers", count=False)
    with copies.Stock() as stock:
        told = [measured(job, splits=stock), measured(job, stock=stock), measured(job, stock=stock)]
    told.append(measured(job, stock=stock))
    assert [report.failed for report in told] == [None] * 4
    assert [report.imports_s is None for report in told] == [False, True, True, False]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises", "ValueError: no such layer: 'conv9'"),
        ("exits", "the process ended with status 3"),
        ("killed", "the process was killed, as happens where memory runs out"),
    ],
)
def test_crash_is_a_reason_and_stops_nobody_else(misbehaved, name, reason):
    table = misbehaved[name].profiles()
    assert [report.failed for report in misbehaved[name].reports] == [reason, reason]
    assert reasons(misbehaved[name]) == {reason}
    assert {row.threads for row in table} == {1}
    assert any(reason in note for note in misbehaved[name].notes())


def test_what_was_measured_before_a_crash_is_kept(misbehaved):
    found = rows(misbehaved["DiesLater"])
    assert found["cold_start_s"].value > 0
    assert found["latency_ms"].missing == "the process ended with status 0"


@pytest.mark.usefixtures("models")
def test_model_that_hangs_is_ended_at_the_limit():
    asked = Conditions(32, 32, processes=1, limit=1.0, **CHEAP)
    (found,) = measure([("slow", "odd_models:hangs", None)], asked)
    assert reasons(found) == {"took longer than 1 s"}


@pytest.mark.usefixtures("models")
def test_batches_and_mixed_precision_are_measured_on_networks_only():
    pair = [("net", "odd_models:network", None), ("sharpener", "odd_models:Sharpener", None)]
    options = {"processes": 1, "dtype": "bfloat16", "batch": 2, **CHEAP}
    net, sharpener = measure(pair, Conditions(32, 32, **options))
    found = rows(net)
    assert (found["latency_ms"].batch, found["latency_ms"].dtype) == (2, "bfloat16")
    speed = 2 * 32 * 32 / 1e6 / (found["latency_ms"].value / 1000)
    assert found["throughput_mpix_s"].value == pytest.approx(speed)
    assert found["macs"].value == 32 * 32 * 2 * (3 * 8 * 9)  # of one image
    assert "own precision" in rows(sharpener)["latency_ms"].missing


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.onnx and onnx on themselves
@pytest.mark.usefixtures("models")
def test_tiles_and_onnx_files_are_counted_as_they_are_run(tmp_path):
    import torch

    path = tmp_path / "same.onnx"
    network = torch.nn.Conv2d(3, 3, 5, padding=2)
    sides = {2: "height", 3: "width"}
    torch.onnx.export(
        network,
        (torch.rand(1, 3, 32, 32),),
        path,
        dynamo=False,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": sides, "y": sides},
    )
    pair = [("net", "odd_models:network", None), ("file", str(path), None)]
    net, file = measure(pair, Conditions(64, 96, processes=1, tile=64, **CHEAP))
    # one row of tiles, 64 wide and overlapping by 32, so that 96 columns need two
    tiles = 2 * 64 * 64
    assert rows(net)["macs"].value == tiles * 2 * (3 * 8 * 9)
    assert rows(file)["macs"].value == tiles * 3 * 3 * 25
    assert rows(file)["params"].value == 3 * 3 * 25 + 3
    assert "in tiles of 64 pixels" in net.notes()
    assert file.reports[0].threads == 1


@pytest.mark.parametrize(
    "wrong", [{"dtype": "float8"}, {"device": "tpu"}, {"processes": 0}, {"seconds": 0}]
)
def test_senseless_conditions_are_refused(wrong):
    with pytest.raises(BenchError, match="expected"):
        Conditions(64, 64, **wrong)


@pytest.mark.usefixtures("models")
def test_child_whose_parent_goes_away_measures_nothing():
    child = Child(JOB, limit=60)
    child.prepare()
    child._process.stdin.close()
    assert child._process.wait(60) == 0
    child.close()
    assert child.report == ProfileReport(threads=1, imports_s=child.report.imports_s)
    assert child.report.imports_s is not None


@pytest.mark.usefixtures("models")
def test_folder_called_models_where_one_stands_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.chdir(tmp_path)
    child = Child(JOB, limit=60)
    child.prepare()
    child.close()
    assert child.report.threads == 1
