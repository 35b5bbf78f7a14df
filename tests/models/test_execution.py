"""Ways of running a network: the same pictures within the precision, by other means."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from torch import nn

from bench.compute.calls import count_calls, observe_calls
from bench.compute.operations import weight_bytes
from bench.core import allocator
from bench.core.errors import BenchError
from bench.runs.executors.frames import Upload
from models.execution import Autocast, GraphedNetwork, keep_memory
from models.export import ExportedNetwork, bound, difference, export_onnx
from models.foreign import onnx_session
from models.loading import load_restorer
from models.restorer import NetworkRestorer, Restorer
from models.variants import VARIANTS, parted

WIDE = torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(0))
HIGH = torch.rand(1, 3, 61, 33, generator=torch.Generator().manual_seed(1))

FACTORY = '''
import torch
from torch import nn


def seeded():
    torch.manual_seed(3)
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.GELU(), nn.Conv2d(8, 3, 3, padding=1), nn.Sigmoid()]
    return nn.Sequential(*layers)


class Told(nn.Module):
    """What it adds depends on the height as a number of Python's: a trace fixes it."""

    def forward(self, image):
        return image * 0.5 + len(range(image.shape[2])) / 1000


class Loose(nn.Module):
    """No graph: a value of the image decides what is done."""

    def forward(self, image):
        return image if float(image.mean()) > 0.5 else image / 2
'''


@pytest.fixture
def own(tmp_path: Path) -> str:
    """A file of factories: networks with weights that do something."""
    (tmp_path / "own.py").write_text(FACTORY, encoding="utf-8")
    return str(tmp_path / "own.py")


def worker(restorer: Restorer) -> NetworkRestorer:
    """The restorer inside what contains a model of others."""
    inner: Any = getattr(restorer, "inner", restorer)
    assert isinstance(inner, NetworkRestorer)
    return inner


@pytest.mark.parametrize(("name", "kept"), [("float16", 11), ("bfloat16", 8)])
def test_a_precision_keeps_so_many_bits_and_half_the_bytes(own: str, name: str, kept: int) -> None:
    plain, half = load_restorer(f"{own}:seeded"), load_restorer(f"{own}:seeded@{name}")
    apart = difference(half.restore(WIDE), plain.restore(WIDE))
    assert 0 < apart < 2.0**-kept
    assert half.restore(WIDE).dtype == torch.float32
    assert half.network is not None
    assert plain.network is not None
    assert weight_bytes(half.network) * 2 == weight_bytes(plain.network)


def test_mixed_precision_convolves_in_bfloat16_and_keeps_weights(own: str) -> None:
    plain, mixed = load_restorer(f"{own}:seeded"), load_restorer(f"{own}:seeded@autocast")
    assert isinstance(mixed.network, nn.Sequential)
    assert plain.network is not None
    seen = []
    mixed.network[0].register_forward_hook(lambda *told: seen.append(told[2].dtype))
    assert 0 < difference(mixed.restore(WIDE), plain.restore(WIDE)) < 2.0**-7
    assert seen == [torch.bfloat16]
    assert weight_bytes(mixed.network) == weight_bytes(plain.network)


def test_tiles_of_half_precision_are_blended_in_single(own: str) -> None:
    whole = load_restorer(f"{own}:seeded").restore(WIDE)
    tiled = load_restorer(f"{own}:seeded@float16", tile=32).restore(WIDE)
    assert difference(tiled, whole) < 2.0**-11


def test_onnxruntime_makes_the_same_picture_of_every_size_from_one_file(own: str) -> None:
    plain, exported = load_restorer(f"{own}:seeded"), load_restorer(f"{own}:seeded@onnx")
    for image in (WIDE, HIGH, WIDE):
        assert difference(exported.restore(image), plain.restore(image)) < 1e-6
    call = worker(exported).call
    assert isinstance(call, ExportedNetwork)
    assert len({id(one) for one in call._sessions.values()}) == 1


def test_a_trace_that_fixes_the_size_is_made_again_for_another(own: str) -> None:
    plain, exported = load_restorer(f"{own}:Told"), load_restorer(f"{own}:Told@onnx")
    for image in (WIDE, HIGH):
        assert difference(exported.restore(image), plain.restore(image)) < 1e-6


def test_a_network_that_is_no_graph_is_refused_in_a_line(
    own: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BenchError, match=r"^torch cannot write the network as ONNX: [^\n]+$"):
        load_restorer(f"{own}:Loose@onnx").restore(WIDE)
    assert capfd.readouterr() == ("", "")


def test_operations_are_those_of_the_network_whatever_runs_it(own: str) -> None:
    macs = []
    for spec in (f"{own}:seeded", f"{own}:seeded@onnx", f"{own}:seeded@float16"):
        found = worker(load_restorer(spec))
        assert found.network is not None
        _, calls = observe_calls(found, lambda found=found: found.restore(WIDE))
        macs.append(count_calls(found.network, calls).macs)
    assert macs == [2 * 8 * 3 * 9 * 40 * 56] * 3


def test_memory_is_kept_from_loading_on_for_the_same_picture(
    own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Mapping[int, int]] = []
    monkeypatch.setattr(allocator, "_tell", told.append)
    kept = load_restorer(f"{own}:seeded@keep_memory")
    assert told == [allocator._KEPT]
    assert torch.equal(kept.restore(WIDE), load_restorer(f"{own}:seeded").restore(WIDE))
    assert load_restorer("nlm@keep_memory").network is None  # for what is no network, too
    assert told == 2 * [allocator._KEPT]
    with pytest.raises(BenchError, match="'it': on a GPU torch keeps memory already"):
        keep_memory(NetworkRestorer("it", nn.Identity(), device="meta"))
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    with pytest.raises(
        BenchError, match=r"needs glibc's malloc \(Linux\), and none of MALLOC_TRIM"
    ):
        load_restorer("unet@keep_memory", random_weights=True)
    assert len(told) == 2


def test_what_cannot_run_says_why(own: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="one precision at a time, not float16 and bfloat16"):
        parted("unet@bfloat16+float16")
    with pytest.raises(BenchError, match="one runtime at a time, not compile and onnx"):
        parted("unet@onnx+compile")
    with pytest.raises(BenchError, match="'nlm@float16' has no network of torch"):
        load_restorer("nlm@float16")
    for name in ("cudagraph", "tensorrt"):
        with pytest.raises(BenchError, match=f"'unet@{name}' needs a CUDA device, not cpu"):
            load_restorer(f"unet@{name}", random_weights=True)
    with pytest.raises(BenchError, match="on a CPU every network has its channels last already"):
        load_restorer("unet@channels_last", random_weights=True)
    with pytest.raises(BenchError, match="onnxruntime takes no bfloat16; try float16"):
        load_restorer("unet@bfloat16+onnx", random_weights=True)
    with pytest.raises(BenchError, match="mixed precision is torch's own; try float16"):
        load_restorer("unet@autocast+onnx", random_weights=True)
    export_onnx(nn.Conv2d(3, 3, 1), tmp_path / "one.onnx", WIDE)
    with pytest.raises(BenchError, match="'one@float16' has no network of torch"):
        load_restorer(f"{tmp_path / 'one.onnx'}@float16")


def test_pictures_that_differ_or_hold_no_numbers_are_not_the_same() -> None:
    assert difference(WIDE, WIDE + 0.25) == pytest.approx(0.25)
    assert difference(WIDE, HIGH) == difference(WIDE, WIDE * float("nan")) == float("inf")
    assert bound(torch.float32) == 2e-3 < bound(torch.float16) == 4 * 2.0**-10


def test_every_way_is_one_row_of_the_table() -> None:
    kinds = {name: row.kind for name, row in VARIANTS.items() if row.apply.startswith("models.exe")}
    assert kinds == {
        "channels_last": "",
        "keep_memory": "",
        "float16": "precision",
        "bfloat16": "precision",
        "autocast": "precision",
        "compile": "runtime",
        "cudagraph": "runtime",
        "onnx": "runtime",
        "tensorrt": "runtime",
    }


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
def test_a_compiled_network_makes_the_same_picture(own: str) -> None:
    plain, compiled = load_restorer(f"{own}:seeded"), load_restorer(f"{own}:seeded@compile")
    for image in (WIDE, HIGH):
        assert difference(compiled.restore(image), plain.restore(image)) < 1e-5


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
def test_a_compiled_published_checkpoint_makes_the_same_picture(tmp_path: Path) -> None:
    from spandrel.architectures.NAFNet import NAFNet

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = NAFNet(width=8, middle_blk_num=1, enc_blk_nums=[1], dec_blk_nums=[1])
        for name, scale in network.named_parameters():
            if name.endswith(("beta", "gamma")):  # at zero its blocks do nothing
                nn.init.normal_(scale)
    torch.save(network.state_dict(), tmp_path / "nafnet.pth")
    plain, compiled = (load_restorer(f"{tmp_path}/nafnet.pth{how}") for how in ("", "@compile"))
    assert difference(compiled.restore(WIDE), plain.restore(WIDE)) < 1e-5


@pytest.mark.slow
def test_a_compiler_that_is_not_there_is_said_in_a_line(own: str) -> None:
    from torch._inductor import config

    torch._dynamo.reset()
    none = {"cpp.cxx": (None, "no-such-compiler"), "force_disable_caches": True}
    with (
        config.patch(none),
        pytest.raises(BenchError, match=r"^torch.compile cannot compile 'own:seeded@compile': .+"),
    ):
        load_restorer(f"{own}:seeded@compile").restore(WIDE)


@pytest.mark.gpu
def test_a_cuda_graph_makes_the_same_picture_of_each_size(own: str) -> None:
    plain = load_restorer(f"{own}:seeded", "cuda")
    graphed = load_restorer(f"{own}:seeded@cudagraph", "cuda")
    for image in (WIDE, HIGH, WIDE / 2):
        assert difference(graphed.restore(image), plain.restore(image)) < 1e-5
    assert isinstance(worker(graphed).call, GraphedNetwork)


@pytest.mark.gpu
def test_a_cuda_graph_is_recorded_while_other_threads_use_the_gpu(own: str) -> None:
    plain = load_restorer(f"{own}:seeded", "cuda")
    graphed = load_restorer(f"{own}:seeded@cudagraph", "cuda")
    done = Event()

    def upload() -> int:
        upload, count = Upload(torch.device("cuda")), 0
        while not done.is_set():
            count += upload(torch.rand(1, 3, 256, 256 + count % 64)) is not None  # pinned anew
        return count

    with ThreadPoolExecutor(1) as beside:
        counted = beside.submit(upload)
        try:
            for size in range(32, 64, 4):
                image = WIDE[..., :size, :size]
                assert difference(graphed.restore(image), plain.restore(image)) < 1e-5
        finally:
            done.set()
        assert counted.result() > 0


@pytest.mark.gpu
def test_an_image_in_pinned_memory_is_restored_as_any_other(own: str) -> None:
    restorer = load_restorer(f"{own}:seeded", "cuda")
    for image in (WIDE, HIGH, WIDE / 2):
        assert torch.equal(restorer.restore(image.pin_memory()), restorer.restore(image))


def test_mixed_precision_is_a_module_that_others_can_run() -> None:
    made = Autocast(nn.Conv2d(3, 3, 1), torch.device("cpu"))(WIDE)
    assert made.dtype == torch.bfloat16


def test_a_provider_that_is_listed_and_does_not_start_is_refused(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    path = tmp_path / "own.onnx"
    network = worker(load_restorer(f"{own}:seeded")).network
    assert network is not None
    export_onnx(network, path, WIDE)
    listed = ["CUDAExecutionProvider", *onnxruntime.get_available_providers()]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: listed)
    with pytest.raises(BenchError, match="cannot start CUDAExecutionProvider here"):
        onnx_session(path, torch.device("cuda"))
    assert onnx_session(path, torch.device("cpu")).get_providers() == ["CPUExecutionProvider"]
