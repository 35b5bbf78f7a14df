"""The calling contract: whatever the size, the same picture comes back as without padding."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.core.errors import BenchError
from bench.image import ImageSizeError, Pixels, to_tensor
from models.restorer import NetworkRestorer, in_tiles, mirror_to, store


class NeedsMultiple(nn.Module):
    """Refuses what is no multiple of 8, and records what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(image.shape))
        assert image.shape[-1] % 8 == 0
        assert image.shape[-2] % 8 == 0
        return image * 0.5


def blur_of(radius: int, channels: int = 3) -> nn.Conv2d:
    """A convolution whose output depends on input exactly ``radius`` pixels away."""
    torch.manual_seed(1)
    side = 2 * radius + 1
    return nn.Conv2d(channels, channels, side, padding=radius, padding_mode="reflect")


def test_any_size_comes_back_at_its_own_size() -> None:
    network = NeedsMultiple()
    restorer = NetworkRestorer("half", network, multiple=8)
    for height, width in ((64, 64), (65, 71), (1, 1), (3, 200)):
        image = torch.rand(1, 3, height, width)
        restored = restorer.restore(image)
        assert torch.equal(restored, image * 0.5)
        assert restored.dtype == torch.float32
    assert network.seen[1:] == [(1, 3, 72, 72), (1, 3, 8, 8), (1, 3, 8, 200)]


def test_padding_mirrors_then_repeats_the_edge() -> None:
    image = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    padded = mirror_to(image, 2, 7)
    # mirrored 2 1, no more to mirror: 1 repeated; the only row repeated
    assert padded[0, 0].tolist() == [[1, 2, 3, 2, 1, 1, 1]] * 2


def test_a_minimum_is_kept() -> None:
    network = NeedsMultiple()
    NetworkRestorer("half", network, multiple=8, minimum=40).restore(torch.rand(1, 3, 9, 50))
    assert network.seen == [(1, 3, 40, 56)]


@pytest.mark.parametrize("size", [(200, 131), (64, 300), (333, 64), (65, 65)])
def test_tiles_show_no_seam_where_the_network_sees_no_further_than_a_third_of_the_overlap(
    photograph: Pixels, size: tuple[int, int]
) -> None:
    image = to_tensor(photograph[: size[0], : size[1]])
    network = blur_of(8)
    whole = NetworkRestorer("blur", network, multiple=4).restore(image)
    tiled = NetworkRestorer("blur", network, multiple=4, tile=64, overlap=24).restore(image)
    assert (whole - tiled).abs().max() < 2e-6  # 24 / 3 = 8 pixels of context are enough


def test_the_seam_of_a_network_that_sees_too_far_is_blended(photograph: Pixels) -> None:
    image = to_tensor(photograph[:200, :230])
    network = blur_of(12)  # sees half again as far as the overlap allows for
    whole = NetworkRestorer("blur", network).restore(image)
    error = (NetworkRestorer("blur", network, tile=96, overlap=24).restore(image) - whole).abs()
    hard = (NetworkRestorer("blur", network, tile=96, overlap=0).restore(image) - whole).abs()
    assert 0 < error.max() < 0.25 * hard.max()


def test_a_large_image_never_reaches_the_network_whole() -> None:
    network = NeedsMultiple()
    NetworkRestorer("half", network, multiple=8, tile=70).restore(torch.rand(1, 3, 150, 90))
    assert {shape[2:] for shape in network.seen} == {(64, 64)}  # 70 rounded down to 8 x 8


def test_tiles_of_a_super_resolution_network_fit_together() -> None:
    upscale = nn.Upsample(scale_factor=2, mode="nearest")
    image = torch.rand(1, 3, 100, 70)
    restored = NetworkRestorer("nearest", upscale, tile=32, scale=2).restore(image)
    assert torch.allclose(restored, upscale(image), atol=1e-6)


def test_a_grey_network_does_each_channel_apart() -> None:
    network = nn.Conv2d(1, 1, 3, padding=1)
    image = torch.rand(2, 3, 20, 24)
    with torch.inference_mode():
        expected = torch.cat([network(image[:, c : c + 1]) for c in range(3)], dim=1)
    restored = NetworkRestorer("grey", network, channels=1).restore(image)
    assert torch.allclose(restored, expected, atol=1e-6)


def test_a_grey_network_does_a_grey_image_once() -> None:
    class Counting(nn.Module):
        planes = 0

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            Counting.planes += image.shape[0] * image.shape[1]
            return image

    image = torch.rand(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert torch.equal(NetworkRestorer("grey", Counting(), channels=1).restore(image), image)
    assert Counting.planes == 1


def test_the_network_runs_without_dropout_and_without_gradients() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Dropout(0.9))
    restorer = NetworkRestorer("dropout", network)
    image = torch.rand(1, 3, 8, 8)
    assert torch.equal(restorer.restore(image), restorer.restore(image))
    assert not restorer.restore(image).requires_grad
    assert restorer.network is network


def test_a_plain_callable_has_no_network_to_count() -> None:
    restorer = NetworkRestorer("double", lambda image: 2 * image)
    assert restorer.network is None
    assert restorer.restore(torch.ones(1, 3, 4, 4)).mean() == 2


def test_a_result_of_the_wrong_size_is_refused() -> None:
    restorer = NetworkRestorer("pooled", nn.AvgPool2d(2))
    with pytest.raises(
        ImageSizeError, match=r"'pooled' made \(1, 3, 4, 4\).*expected \(1, 3, 8, 8\)"
    ):
        restorer.restore(torch.rand(1, 3, 8, 8))


class Several(nn.Module):
    """Returns whatever it was made to."""

    def __init__(self, *keys: str, sides: tuple[int, ...]) -> None:
        super().__init__()
        self.keys, self.sides = keys, sides

    def forward(self, image: torch.Tensor) -> object:
        made = [image[..., :side, :side] for side in self.sides]
        return dict(zip(self.keys, made, strict=True)) if self.keys else made


@pytest.mark.parametrize(
    ("network", "which"),
    [
        (Several(sides=(2, 4, 8)), "3 outputs: the only one of the image's size, 2, counts"),
        (
            Several("mask", "restored", sides=(4, 8)),
            "2 outputs: the only one of the image's size, restored, counts",
        ),
    ],
)
def test_of_several_outputs_the_only_one_of_the_images_size_is_taken_and_that_is_said(
    network: nn.Module, which: str
) -> None:
    restorer, image = NetworkRestorer("several", network), torch.rand(1, 3, 8, 8)
    for _ in range(2):
        assert torch.equal(restorer.restore(image), image)
    assert restorer.remarks == [f"it returns {which}"]


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ((8, 8), r"returned 2 outputs \(0 \(1, 3, 8, 8\), 1 \(1, 3, 8, 8\)\), 2 of them of"),
        ((4,), r"returned 1 outputs \(0 \(1, 3, 4, 4\)\), none of them of \(1, 3, 8, 8\)"),
        ((), r"returned 0 outputs \(no tensors\)"),
    ],
)
def test_of_outputs_that_all_could_be_it_or_none_the_network_has_to_choose(
    sides: tuple[int, ...], message: str
) -> None:
    with pytest.raises(BenchError, match=message):
        NetworkRestorer("several", Several(sides=sides)).restore(torch.rand(1, 3, 8, 8))


def test_impossible_tiles_are_refused() -> None:
    with pytest.raises(BenchError, match="tiles of at least 16"):
        NetworkRestorer("half", NeedsMultiple(), tile=8)
    with pytest.raises(BenchError, match="cannot overlap by 40"):
        in_tiles(NeedsMultiple(), torch.rand(1, 3, 80, 80), tile=40, overlap=40)


def test_weights_and_buffers_of_four_dimensions_are_stored_in_a_layout_and_others_stay() -> None:
    network = nn.Conv2d(2, 3, 3)
    network.register_buffer("kernel", torch.rand(4, 5, 3, 3))
    network.register_parameter("spectrum", nn.Parameter(torch.rand(2, 3, 4, 5, 6)))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert store(network, torch.channels_last) is network
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
        last = value.ndim == 4
        assert not last or value.is_contiguous(memory_format=torch.channels_last)
        assert value.is_contiguous() is not last


class Hungry(torch.nn.Module):
    """A network that has memory for so many pixels."""

    def __init__(self, most: int, error: Exception) -> None:
        super().__init__()
        self.most, self.error = most, error

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if image.shape[-1] * image.shape[-2] > self.most:
            raise self.error
        return image / 2


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried .."),
    ],
)
def test_an_image_larger_than_the_memory_is_restored_in_tiles_and_that_is_said(
    error: Exception,
) -> None:
    restorer = NetworkRestorer("hungry", Hungry(64 * 64, error))
    image = torch.rand(1, 3, 200, 170)
    assert torch.allclose(restorer.restore(image), image / 2)
    assert restorer.remarks == ["out of memory on a whole image: worked in tiles of 50x50"]
    small = torch.rand(1, 3, 20, 20)
    assert torch.equal(restorer.restore(small), small / 2)


def test_where_costs_are_measured_the_error_stands() -> None:
    restorer = NetworkRestorer("hungry", Hungry(64 * 64, MemoryError("nothing left")))
    restorer.shrinks = False
    with pytest.raises(MemoryError, match="nothing left"):
        restorer.restore(torch.rand(1, 3, 200, 170))


def test_without_memory_for_a_tile_the_error_stands() -> None:
    restorer = NetworkRestorer("hungry", Hungry(10, MemoryError("nothing left")))
    with pytest.raises(MemoryError, match="nothing left"):
        restorer.restore(torch.rand(1, 3, 200, 170))
    other = NetworkRestorer("broken", Hungry(10, RuntimeError("shapes do not match")))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        other.restore(torch.rand(1, 3, 200, 170))
    assert other.remarks == []
