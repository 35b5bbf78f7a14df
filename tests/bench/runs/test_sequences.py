"""Runs on sequences: what a model sees beside a frame does not hang on the order of work."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import bench as product
from bench.framework.marks import marks_of
from bench.image import read, to_pixels, write_png
from bench.metrics.scorer import Scorer
from bench.photographs.restoring import restore_frames
from bench.photographs.video import look_at
from bench.records import Pair
from bench.runs.executors.frames import ALONE_KEPT, Frames, Player, reference_of
from bench.runs.store import RunFolder
from bench.suites.opening import Views, open_pair
from bench.suites.table import open_suite
from models.architectures.video_cnn import VideoCNN
from models.architectures.video_rnn import VideoRNN
from models.contract import Contained
from models.ensemble import over_symmetries
from models.foreign import NoiseMapRestorer
from models.restorer import NOTHING_KNOWN, Hints
from models.weights import save_weights
from models.windows import RecurrentRestorer, WindowRestorer
from tests.support.commands import called
from tests.support.sequences import blurred_frames, write_gopro
from tests.support.training import header_of

SMALL = {
    "video-cnn": (VideoCNN, {"frames": 5, "width": 8, "blocks": 1}),
    "video-rnn": (VideoRNN, {"frames": 5, "width": 8, "blocks": 1, "state": 2}),
}


@dataclass
class Own:
    """A restorer that somebody else wrote, who was promised images on the CPU."""

    network: torch.nn.Module | None
    name: str = "own"
    device: torch.device = torch.device("meta")  # noqa: RUF009
    needs_psf: bool = False
    uses_noise: bool = False
    scale: int | None = 1

    def restore(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> torch.Tensor:
        raise NotImplementedError


def network(name: str) -> torch.nn.Module:
    """Return a small network with weights of which each does something."""
    build, options = SMALL[name]
    torch.manual_seed(3)
    made: torch.nn.Module = build(**options)  # type: ignore[arg-type]
    for parameter in made.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return made


@pytest.fixture(scope="module")
def gopro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two test sequences of four frames. Shared: nothing may change it."""
    return write_gopro(tmp_path_factory.mktemp("gopro"), train=0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Files of weights of both networks."""
    folder = tmp_path_factory.mktemp("weights")
    files = []
    for name, (_, options) in SMALL.items():
        files.append(folder / f"{name}.safetensors")
        save_weights(files[-1], network(name), header_of(name, options=options))
    return [str(file) for file in files]


def test_frames_come_out_alike_in_whatever_order_they_are_asked_for(gopro: Path) -> None:
    pairs = list(open_suite("gopro:frames=5", gopro).pairs("test"))
    in_order, others = {}, {}
    for made, order in ((in_order, range(8)), (others, (6, 2, 1, 7, 5, 0, 3, 4))):
        for name, kind in (("video-cnn", WindowRestorer), ("video-rnn", RecurrentRestorer)):
            player = Player(kind(name, network(name), multiple=2), Frames())
            for index in order:
                made[name, index] = player.restored(pairs[index])
    assert all((in_order[key] == others[key]).all() for key in in_order)
    # the third frame of the one sequence is not what it would be of the other: state is forgotten
    lone = Player(RecurrentRestorer("r", network("video-rnn"), multiple=2), Frames())
    assert (lone.restored(pairs[4]) == in_order["video-rnn", 4]).all()


def test_an_image_is_read_once_for_all_that_ask(
    gopro: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ordinary image, too: a model must not wait for its decoding."""
    read_now: list[str] = []

    def noted(pair: Pair) -> Views:
        read_now.append(pair.id)
        return open_pair(pair)

    monkeypatch.setattr("bench.runs.executors.frames.open_pair", noted)
    scorer = Scorer(["psnr"])
    pairs = list(open_suite("gopro", gopro).pairs("test"))
    frames = Frames()
    for pair in pairs:
        reference_of(pair, scorer, frames)
        for _ in range(3):
            frames.open(pair)
    assert read_now == [pair.id for pair in pairs]
    assert len(frames._kept) == ALONE_KEPT + 1


def test_a_frame_that_several_threads_ask_for_is_read_once_and_anew_after_a_failure(
    gopro: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = next(iter(open_suite("gopro", gopro).pairs("test")))
    begun, going, read_now = threading.Event(), threading.Event(), []

    def slow(pair: Pair) -> Views:
        read_now.append(pair.id)
        begun.set()
        going.wait(60)
        if len(read_now) == 1:
            raise OSError("the disk stumbled")
        return open_pair(pair)

    monkeypatch.setattr("bench.runs.executors.frames.open_pair", slow)
    frames = Frames(readers=4)
    going.set()
    with pytest.raises(OSError, match="stumbled"):
        frames.open(pair)
    begun.clear()
    going.clear()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(frames.open, pair)
        assert begun.wait(60)
        others = [pool.submit(frames.open, pair) for _ in range(3)]
        assert not first.done()
        going.set()
        assert all(other.result() is first.result() for other in others)
    assert len(read_now) == 2


def test_an_image_on_a_gpu_is_given_to_networks_that_work_there_and_to_nothing_else(
    gopro: Path,
) -> None:
    pair = next(iter(open_suite("gopro", gopro).pairs("test")))
    frame = Frames().open(pair)
    there = replace(frame, uploaded=frame.tensor.to("meta"))
    here = WindowRestorer("here", network("video-cnn"), multiple=2)
    away = WindowRestorer("away", network("video-cnn").to("meta"), device="meta", multiple=2)
    classical = WindowRestorer("classical", lambda image: image, device="meta")
    assert there.given(away) is there.uploaded
    for asked, device in (("cuda", "cuda:1"), ("cuda:1", "cuda:1"), ("cuda:0", "cuda:1")):
        away.device = torch.device(asked)  # "cuda" is where the current one is
        uploaded = SimpleNamespace(device=torch.device(device))
        shown = replace(frame, uploaded=uploaded).given(away)  # type: ignore[arg-type]
        assert (shown is uploaded) is (asked != "cuda:0")
    away.device = torch.device("meta")
    assert there.given(over_symmetries(away)) is there.uploaded
    assert there.given(Contained(lambda: away)) is there.uploaded
    told = NoiseMapRestorer("told", network("video-cnn").to("meta"), device="meta")
    for restorer in (here, classical, told, Contained(lambda: Own(network("video-cnn")))):
        assert there.given(restorer) is frame.tensor
    assert frame.given(away) is frame.tensor


@pytest.mark.gpu
@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_images_come_to_a_gpu_on_a_stream_of_their_own_and_come_out_the_same(
    gopro: Path, device: str
) -> None:
    pairs = list(open_suite("gopro", gopro).pairs("test"))
    here = Player(WindowRestorer("v", network("video-cnn"), multiple=2), Frames())
    frames = Frames(device=torch.device(device))
    restorer = WindowRestorer("v", network("video-cnn"), device=device, multiple=2)
    there = Player(restorer, frames)
    for pair in pairs:
        uploaded = frames.open(pair).uploaded
        assert uploaded is not None
        assert uploaded.is_cuda
        assert torch.equal(uploaded.cpu(), frames.open(pair).tensor)
        assert frames.open(pair).given(restorer) is uploaded
        torch.testing.assert_close(
            there.restored(pair), here.restored(pair), atol=2e-3, rtol=0, check_device=False
        )


def test_a_film_comes_out_as_the_same_frames_of_a_suite_do(gopro: Path) -> None:
    pairs = list(open_suite("gopro:frames=5", gopro).pairs("test"))[:4]
    for name, kind in (("video-cnn", WindowRestorer), ("video-rnn", RecurrentRestorer)):
        restorer = kind(name, network(name), multiple=2)
        player = Player(restorer, Frames())
        of_suite = [to_pixels(player.restored(pair)) for pair in pairs]
        for _ in range(2):  # the second film knows nothing of the first
            of_film = list(restore_frames(restorer, [read(pair.degraded) for pair in pairs]))
            assert len(of_film) == 4
            apart = np.abs(np.subtract(of_film, of_suite, dtype=int))
            assert apart.max() <= 1  # photographs, which may have 16 bits, are rounded in float64
            assert apart.mean() < 1e-3


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg")
def test_the_command_restores_films_with_both_and_says_what_a_photograph_is_to_them(
    weights: list[str], tmp_path: Path
) -> None:
    frames = b"".join(frame.tobytes() for frame in blurred_frames(6, (40, 60)))
    made = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "80x64"]
    made += ["-r", "25", "-i", "-", "-c:v", "libx264", "-crf", "4", str(tmp_path / "film.mp4")]
    subprocess.run(made, input=frames, check=True, timeout=60)
    write_png(tmp_path / "one.png", blurred_frames(1, (40, 60))[0])
    for file in weights:
        out = tmp_path / Path(file).stem
        shown = called("restore", file, tmp_path / "film.mp4", tmp_path / "one.png", "--out", out)
        assert "6 frames," in shown
        assert "sees 5 frames of a film: a photograph stands for all of them" in shown
        assert look_at(out / "film.mp4").frames == 6


def test_a_recurrent_model_sees_all_frames_of_a_sequence_before_each(gopro: Path) -> None:
    pairs = list(open_suite("gopro:frames=5", gopro).pairs("test"))
    seen: list[tuple[str, bool]] = []

    class Noting(RecurrentRestorer):
        def restore(self, degraded, hints):  # type: ignore[no-untyped-def]
            seen.append((hints.image, hints.begins))
            return super().restore(degraded, hints)

    player = Player(Noting("r", network("video-rnn"), multiple=2), Frames())
    player.restored(pairs[1])
    player.restored(pairs[2])
    player.restored(pairs[5])
    assert seen == [
        ("GOPR0384_11_00-000001", True),
        ("GOPR0384_11_00-000002", False),
        ("GOPR0384_11_00-000003", False),
        ("GOPR0410_11_00-000001", True),
        ("GOPR0410_11_00-000002", False),
    ]


def test_a_model_that_fails_on_a_frame_begins_its_sequence_anew_with_the_next(
    gopro: Path,
) -> None:
    pairs = list(open_suite("gopro:frames=5", gopro).pairs("test"))
    fails = [True]

    class Failing(RecurrentRestorer):
        def restore(self, degraded, hints):  # type: ignore[no-untyped-def]
            made = super().restore(degraded, hints)
            if hints.image == pairs[1].id and fails:
                raise RuntimeError(fails.pop())
            return made

    whole = Player(RecurrentRestorer("r", network("video-rnn"), multiple=2), Frames())
    player = Player(Failing("r", network("video-rnn"), multiple=2), Frames())
    player.restored(pairs[0])
    with pytest.raises(RuntimeError):
        player.restored(pairs[1])
    assert (player.restored(pairs[2]) == whole.restored(pairs[2])).all()


def run(gopro: Path, out: Path, *models: str, spec: str = "gopro:frames=5", **options: object):  # type: ignore[no-untyped-def]
    return product.run(
        spec, data=gopro, models=models, metrics=("psnr",), profile=None, out=out, **options
    )  # type: ignore[arg-type]


def restored(folder: Path) -> dict[str, object]:
    """Return every restored image of a run, by model and name."""
    return {
        str(path.relative_to(folder)): read(path).tobytes()
        for path in sorted((folder / "images").rglob("*.png"))
    }


@pytest.fixture(scope="module")
def whole(gopro: Path, weights: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of both networks beside one of single images. Shared."""
    out = tmp_path_factory.mktemp("run") / "whole"
    run(gopro, out, "input", *weights)
    return out


def test_single_images_windows_and_sequences_are_models_of_one_run(whole: Path) -> None:
    record = json.loads((whole / "run.json").read_text())
    assert {name: model["state"] for name, model in record["models"].items()} == {
        "input": "done",
        "video-cnn": "done",
        "video-rnn": "done",
    }
    assert record["models"]["video-cnn"]["remarks"] == ["sees 5 frames for one"]
    assert "carries what it saw" in record["models"]["video-rnn"]["remarks"][0]
    found = RunFolder(whole).record().models
    symbols = {name: [m.symbol for m in marks_of(one, "gopro")] for name, one in found.items()}
    assert [name for name, own in symbols.items() if "≡" in own] == ["video-cnn", "video-rnn"]
    images = restored(whole)
    assert len(images) == 3 * 8
    assert len(set(images.values())) == 3 * 8


@pytest.mark.slow
def test_parts_in_other_processes_make_the_same_images(
    gopro: Path, weights: list[str], whole: Path, tmp_path: Path
) -> None:
    run(gopro, tmp_path / "run", "input", *weights, executor="processes:devices=cpu+cpu")
    assert restored(tmp_path / "run") == restored(whole)


@pytest.mark.slow
def test_a_network_of_others_gets_its_window_in_its_own_process(
    gopro: Path, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(
        "import torch\n"
        "class Earlier(torch.nn.Module):\n"
        "    frames = 3\n"
        "    def forward(self, window):\n"
        "        return window[:, 0]\n"
    )
    run(gopro, tmp_path / "run", f"{tmp_path / 'own.py'}:Earlier")
    pairs = list(open_suite("gopro:frames=5", gopro).pairs("test"))
    for pair in pairs:
        (made,) = (tmp_path / "run/images").glob(f"*/{pair.id}.png")
        assert (read(made) == read(pair.frame(pair.at - 1).degraded)).all()


def test_a_run_that_was_cut_off_ends_as_one_that_was_not(
    gopro: Path, weights: list[str], whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "run")
    for cells in (tmp_path / "run/cells").glob("*.jsonl"):
        lines = cells.read_bytes().splitlines(keepends=True)
        cells.write_bytes(b"".join(lines[:2]) + lines[2][:9])  # torn in the third
    shutil.rmtree(tmp_path / "run/images")
    again = run(gopro, tmp_path / "run", "input", *weights)
    made, before = restored(tmp_path / "run"), restored(whole)
    assert len(made) == 3 * 6
    assert made.items() <= before.items()
    assert len(again.scores) == 3 * 8


def test_a_part_of_the_frames_comes_out_as_in_the_whole_run(
    gopro: Path, weights: list[str], whole: Path, tmp_path: Path
) -> None:
    run(gopro, tmp_path / "run", *weights, limit=3)
    few = restored(tmp_path / "run")
    assert len(few) == 2 * 3
    assert few.items() <= restored(whole).items()


def test_a_neighbour_that_cannot_be_read_costs_those_that_see_it_alone(
    gopro: Path, weights: list[str], tmp_path: Path
) -> None:
    shutil.copytree(gopro, tmp_path / "gopro")
    (tmp_path / "gopro/test/GOPR0384_11_00/blur/000004.png").write_bytes(b"no image")
    made = run(tmp_path / "gopro", tmp_path / "run", "input", *weights)
    failed = {(one.model, str(one.image)[-6:]) for one in made.record.failures}
    # the window reaches two frames on; what is carried comes from before
    assert failed == {
        ("input", "000004"), ("video-rnn", "000004"),
        ("video-cnn", "000002"), ("video-cnn", "000003"), ("video-cnn", "000004"),
    }  # fmt: skip


def test_a_changed_neighbour_does_the_frames_of_its_sequence_anew(
    gopro: Path, weights: list[str], whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(gopro, tmp_path / "gopro")
    run(tmp_path / "gopro", tmp_path / "run", "input", *weights)
    before = restored(tmp_path / "run")
    assert before == restored(whole)
    changed = tmp_path / "gopro/test/GOPR0410_11_00/blur/000004.png"
    write_png(changed, np.ascontiguousarray(255 - read(changed)))
    run(tmp_path / "gopro", tmp_path / "run", "input", *weights)
    made = restored(tmp_path / "run")
    differ = {name for name in made if made[name] != before[name]}
    # two frames before and the last itself are seen; what is carried comes from before alone
    seen = {"video-cnn": ("000002", "000003", "000004"), "video-rnn": ("000004",)}
    assert {name for name in differ if "input" not in name} == {
        f"images/{model}/GOPR0410_11_00-{frame}.png" for model, few in seen.items() for frame in few
    }


def test_a_model_that_sees_frames_is_left_out_where_there_are_none(
    gopro: Path, weights: list[str], tmp_path: Path
) -> None:
    for spec, said in (
        ("gopro", "sees 5 frames; this suite has no sequences: open the suite with frames="),
        ("gopro:frames=3", "sees 5 frames; this suite gives 3: open it with frames=5"),
    ):
        out = tmp_path / spec.replace(":", "-")
        run(gopro, out, "input", "video-cnn", *weights[1:], spec=spec)
        models = json.loads((out / "run.json").read_text())["models"]
        for name in ("video-cnn", "video-rnn"):
            assert models[name]["state"] == "not applicable"
            assert models[name]["reason"].startswith(said)
