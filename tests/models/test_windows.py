"""Networks that see neighbouring frames, behind the calling contract of all others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.core.errors import BenchError
from bench.image import ImageSizeError
from models.architectures.video_cnn import VideoCNN
from models.architectures.video_rnn import VideoRNN
from models.contract import Contained
from models.ensemble import over_symmetries
from models.export import export
from models.formats import FORMATS
from models.loading import load_restorer
from models.restorer import Hints
from models.windows import ALONE, Reach, RecurrentRestorer, WindowRestorer, reach_of, target_of

ON = Hints(begins=False)
OWN = """
import torch
class Mean(torch.nn.Module):
    frames = 3
    def forward(self, window):
        return window.mean(1)
"""


def film(count: int, high: int = 22, wide: int = 30) -> torch.Tensor:
    """(1,T,3,H,W) of frames that have nothing in common."""
    return torch.rand(1, count, 3, high, wide, generator=torch.Generator().manual_seed(0))


def taught(build: type[torch.nn.Module]) -> torch.nn.Module:
    """Return the same network each time, whose layers that begin at nothing do something."""
    torch.manual_seed(1)
    network = build()
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return network


def window_restorer(**options: object) -> WindowRestorer:
    return WindowRestorer("w", taught(VideoCNN), multiple=2, **options)


def recurrent_restorer(**options: object) -> RecurrentRestorer:
    return RecurrentRestorer("r", taught(VideoRNN), multiple=2, **options)


def test_what_a_network_sees_follows_from_its_frames() -> None:
    assert reach_of(VideoCNN()) == Reach(2, 2)
    assert reach_of(VideoRNN()) == Reach(4, 0, recurrent=True)
    assert reach_of(torch.nn.Conv2d(3, 3, 1)) == ALONE
    even = VideoCNN()
    even.frames = 4
    with pytest.raises(BenchError, match="VideoCNN sees 4 frames; expected an odd number"):
        reach_of(even)
    assert torch.equal(target_of(film(5), Reach(2, 2)), film(5)[:, 2])


def test_a_window_network_looks_at_every_frame_of_its_window() -> None:
    restorer, window = window_restorer(), film(5)
    whole = restorer.restore(window)
    assert whole.shape == (1, 3, 22, 30)
    for frame in range(5):
        other = window.clone()
        other[:, frame] = 0.5
        assert not torch.allclose(restorer.restore(other), whole), frame


def test_an_image_without_neighbours_stands_for_each_frame_of_its_window() -> None:
    restorer, image = window_restorer(), film(1)[:, 0]
    repeated = restorer.restore(image[:, None].expand(-1, 5, -1, -1, -1))
    assert torch.equal(restorer.restore(image), repeated)


def test_a_window_of_another_length_is_refused_with_what_was_expected() -> None:
    with pytest.raises(ImageSizeError, match=r"expected \(B,5,3,H,W\) or \(B,3,H,W\), got"):
        window_restorer().restore(film(3))


def test_odd_sizes_and_tiles_are_seen_to_for_windows_as_for_images() -> None:
    window = film(5, 97, 81)
    whole = window_restorer().restore(window)
    assert whole.shape == (1, 3, 97, 81)
    # a pixel depends on input 29 pixels away at most, and tiles throw more than that away
    tiled = window_restorer(tile=90, overlap=88).restore(window)
    assert torch.allclose(tiled, whole, atol=1e-5)


def test_a_recurrent_network_carries_what_it_saw_and_forgets_where_a_sequence_begins() -> None:
    restorer, frames = recurrent_restorer(), film(3).unbind(1)
    alone = restorer.restore(frames[2])
    restorer.restore(frames[0])
    restorer.restore(frames[1], ON)
    carried = restorer.restore(frames[2], ON)
    assert not torch.allclose(carried, alone)
    assert torch.equal(restorer.restore(frames[2]), alone)
    # the frame before last shows through the one between
    restorer.restore(torch.zeros_like(frames[0]))
    restorer.restore(frames[1], ON)
    assert not torch.allclose(restorer.restore(frames[2], ON), carried)


def test_frame_by_frame_a_recurrent_network_makes_what_it_learned_to_make_of_them_in_a_row() -> (
    None
):
    network, frames = taught(VideoRNN), film(4)
    with torch.inference_mode():
        in_a_row = network(frames)
    restorer = RecurrentRestorer("r", network, multiple=2)
    for number, frame in enumerate(frames.unbind(1)):
        restored = restorer.restore(frame, Hints(begins=number == 0))
        assert torch.allclose(restored, in_a_row[:, number], atol=1e-5)


def test_a_recurrent_network_works_in_tiles_and_keeps_its_state_whole() -> None:
    frames = film(2, 97, 81).unbind(1)
    made = []
    for restorer in (recurrent_restorer(), recurrent_restorer(tile=90, overlap=88)):
        restorer.restore(frames[0])
        made.append(restorer.restore(frames[1], ON))
    assert torch.allclose(made[0], made[1], atol=1e-5)


def test_a_state_stays_bounded_however_long_the_sequence_is() -> None:
    restorer = recurrent_restorer()
    for number in range(30):
        restorer.restore(torch.ones(1, 3, 8, 8), Hints(begins=number == 0))
    assert restorer._state is not None
    assert float(restorer._state.abs().max()) <= 1


def test_a_frame_of_another_size_within_a_sequence_is_refused() -> None:
    restorer = recurrent_restorer()
    restorer.restore(film(1)[:, 0])
    with pytest.raises(ImageSizeError, match="22x30 and got a frame of 24x30"):
        restorer.restore(film(1, 24)[:, 0], ON)


def test_a_network_of_others_says_how_many_frames_it_sees(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    restorer = load_restorer(f"{tmp_path / 'own.py'}:Mean")
    assert isinstance(restorer, Contained)
    assert reach_of(restorer) == Reach(1, 1)
    window = film(3)
    assert torch.allclose(restorer.restore(window), window.mean(1))


def test_the_self_ensemble_turns_whole_windows_and_refuses_what_carries_one_state() -> None:
    window = film(5)
    restored = over_symmetries(window_restorer()).restore(window)
    turned = over_symmetries(window_restorer()).restore(window.flip(-1)).flip(-1)
    assert torch.allclose(restored, turned, atol=1e-5)
    with pytest.raises(BenchError, match="carries one state from frame to frame"):
        over_symmetries(recurrent_restorer())


def test_a_window_network_is_written_as_a_file_that_makes_the_same_pictures(
    tmp_path: Path,
) -> None:
    made = export(window_restorer(), tmp_path / "w.pt", FORMATS["torchscript"], (32, 32))
    assert made.largest < 1e-4
