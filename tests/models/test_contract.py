"""What models of others return and do: understood, contained and said, or refused."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from bench.core.errors import BenchError
from models.contract import Contained, RangeError
from models.restorer import Hints, NetworkRestorer, as_floats

IMAGE = torch.rand(1, 3, 16, 20, generator=torch.Generator().manual_seed(1))


class Calls(nn.Module):
    """A network of one function."""

    def __init__(self, function: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, image: torch.Tensor) -> object:
        return self.function(image)


def contained(function: Callable[[torch.Tensor], object]) -> Contained:
    return Contained(lambda: NetworkRestorer("theirs", Calls(function)))


def test_bytes_count_as_255ths() -> None:
    restorer = contained(lambda image: (image * 255).round().byte())
    assert torch.allclose(restorer.restore(IMAGE), IMAGE, atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x * 255, r"returned values from [\d.]+ to 25\d; expected \[0, 1\], .*divide by"),
        (lambda x: x * 2 - 1, r"values from -0\.99\d* to 0\.9\d*; .* halve them and add a half"),
        (lambda x: x * 10, "scale them in the model"),
        (lambda x: torch.where(x > 0.5, torch.nan, x), r"returned \d+ NaN and 0 infinite of 960"),
        (lambda x: torch.where(x > 0.5, torch.inf, x), r"returned 0 NaN and \d+ infinite of 960"),
    ],
)
def test_other_ranges_are_refused_with_what_was_seen(
    function: Callable[[torch.Tensor], object], said: str
) -> None:
    restorer = contained(function)
    for _ in range(3):  # on every image
        with pytest.raises(RangeError, match=said):
            restorer.restore(IMAGE)


def test_overshoot_is_left_to_be_clipped_and_much_of_it_once_the_range_is_known() -> None:
    factors = iter([1.2, 1.0, 3.0])
    restorer = contained(lambda image: image * next(factors))
    assert torch.equal(restorer.restore(IMAGE), IMAGE * 1.2)
    restorer.restore(IMAGE)
    assert torch.equal(restorer.restore(IMAGE), IMAGE * 3.0)


def test_a_dark_image_says_nothing_about_the_range() -> None:
    restorer = contained(lambda image: image * 255)
    restorer.restore(IMAGE / 10_000)
    with pytest.raises(RangeError, match="divide by 255"):
        restorer.restore(IMAGE)


@pytest.mark.parametrize("returned", [[1], None, torch.ones(1, 3, 16, 20, dtype=torch.int64)])
def test_what_is_no_image_is_refused(returned: object) -> None:
    with pytest.raises(BenchError, match=r"'theirs' returned .*; expected"):
        as_floats("theirs", returned)


def test_what_is_written_into_the_input_stays_there() -> None:
    class Own:
        name, device, needs_psf, scale, network = "own", torch.device("cpu"), False, 1, None

        def restore(self, degraded: torch.Tensor, hints: Hints = Hints()) -> torch.Tensor:  # noqa: B008
            return degraded.mul_(0.5)

    restorer = Contained(Own)
    before = IMAGE.clone()
    for _ in range(2):
        assert torch.equal(restorer.restore(IMAGE), before / 2)
    assert torch.equal(IMAGE, before)
    assert restorer.remarks == ["it writes into its input: every model is given a copy"]


def test_settings_are_set_back_and_it_is_said_once() -> None:
    def careless(image: torch.Tensor) -> torch.Tensor:
        torch.set_num_threads(7)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(True)
        return image

    threads = torch.get_num_threads()
    restorer = contained(careless)
    for _ in range(2):
        restorer.restore(IMAGE)
    assert (torch.get_num_threads(), torch.get_default_dtype()) == (threads, torch.float32)
    assert restorer.remarks[:2] == [
        f"it set the number of threads to 7: set back to {threads}",
        "it set the default dtype to torch.float64: set back to torch.float32",
    ]


def test_who_would_end_the_program_fails_alone() -> None:
    def leave(image: torch.Tensor) -> torch.Tensor:
        raise SystemExit(5)

    with pytest.raises(BenchError, match=r"called sys\.exit\(5\)"):
        contained(leave).restore(IMAGE)


def test_settings_that_a_factory_changes_are_set_back_too() -> None:
    def build() -> NetworkRestorer:
        torch.set_default_dtype(torch.float64)
        return NetworkRestorer("theirs", nn.Identity())

    restorer = Contained(build)
    assert torch.get_default_dtype() == torch.float32
    assert restorer.remarks == [
        "it set the default dtype to torch.float64: set back to torch.float32"
    ]


def test_what_a_model_draws_depends_on_the_image_alone_and_changes_no_other() -> None:
    def drawn(image: torch.Tensor) -> torch.Tensor:
        return image * 0 + torch.rand(()) + 0.1 * np.random.rand() + 0.1 * random.random()  # noqa: NPY002

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    restorer = contained(drawn)
    first = restorer.restore(IMAGE, Hints(image="a"))
    assert torch.equal(torch.rand(3), expected)
    other = restorer.restore(IMAGE, Hints(image="b"))
    assert not torch.equal(first, other)
    assert torch.equal(contained(drawn).restore(IMAGE, Hints(image="a")), first)
