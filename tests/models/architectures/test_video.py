"""Networks for video: as large as they say, the identity at first, trainable through time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.architectures.rescnn import ResidualCNN
from models.architectures.video_cnn import VideoCNN
from models.architectures.video_rnn import VideoRNN


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_window_network_is_the_residual_cnn_and_what_looks_at_the_neighbours() -> None:
    # four neighbours of 12 channels at half the size, 3x3, into 32, and no second bias
    assert parameters(VideoCNN()) == parameters(ResidualCNN()) + 9 * 4 * 12 * 32 == 131_756


def test_the_recurrent_network_is_as_large_as_it_says() -> None:
    # into the cell 12 + 32 channels, out of it 32 and 12; four blocks of two convolutions
    weights = 9 * 32 * (44 + 8 * 32 + 32 + 12)
    assert parameters(VideoRNN()) == weights + 10 * 32 + 12 == 99_404


@pytest.mark.parametrize("build", [VideoCNN, VideoRNN])
def test_an_untrained_network_puts_its_frame_out_as_it_came(build: type[nn.Module]) -> None:
    frames = torch.rand(2, 5, 3, 16, 24)
    made = build()(frames)
    assert torch.equal(made, frames if build is VideoRNN else frames[:, 2])


def test_an_untrained_window_network_sees_no_neighbours_and_learns_to_at_the_second_step() -> None:
    network = VideoCNN()
    nn.init.normal_(network.tail.weight, std=0.05)
    frames = torch.rand(1, 5, 3, 16, 16)
    other = frames.clone()
    other[:, [0, 1, 3, 4]] = 0.5
    assert torch.equal(network(frames), network(other))
    network(frames).square().mean().backward()
    weights = network.around.weight.grad
    assert weights is not None
    assert all(part.any() for part in weights.split(12, dim=1))  # of each neighbour


def test_copies_of_one_frame_tell_the_window_network_nothing() -> None:
    torch.manual_seed(0)
    network, alone = VideoCNN(), VideoCNN()
    for part in (network.around, network.tail):
        nn.init.normal_(part.weight, std=0.05)
    alone.load_state_dict({**network.state_dict(), "around.weight": torch.zeros(32, 48, 3, 3)})
    window = torch.rand(1, 1, 3, 16, 16).expand(-1, 5, -1, -1, -1)
    assert torch.equal(network(window), alone(window))


def test_the_gradient_of_the_last_frame_reaches_the_first() -> None:
    torch.manual_seed(0)
    network = VideoRNN()
    nn.init.normal_(network.tail.weight, std=0.05)
    frames = torch.rand(1, 5, 3, 16, 16, requires_grad=True)
    network(frames)[:, -1].sum().backward()
    assert frames.grad is not None
    reached = [float(part.abs().max()) for part in frames.grad.unbind(1)]
    assert all(part > 0 for part in reached)
    # and no frame sees one that is to come
    frames.grad = None
    network(frames)[:, 1].sum().backward()
    assert frames.grad is not None
    assert [bool(part.any()) for part in frames.grad.unbind(1)] == [True, True, False, False, False]


def test_several_films_at_once_are_several_films() -> None:
    torch.manual_seed(0)
    network = VideoRNN()
    nn.init.normal_(network.tail.weight, std=0.05)
    films = torch.rand(2, 3, 3, 16, 16)
    together = network(films)
    assert torch.allclose(together[1:], network(films[1:]), atol=1e-6)
