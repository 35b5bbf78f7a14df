"""Muon: steps whose singular values are all about one, for the weights that are matrices.

Jordan et al. 2024, https://kellerjordan.github.io/posts/muon, as long as AdamW's steps (Liu et al.
2025, arXiv:2502.16982), so that a learning rate means the same to both.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch

MOMENTUM = 0.95
ITERATIONS = 5
"""Of Newton and Schulz: singular values come out between 0.7 and 1.2."""

FILLED = 1.25
"""So many times as many entries, at most, have matrices that are multiplied together."""

AS_ADAM = 0.2
"""Root mean square of AdamW's steps, as parts of the learning rate."""


class Muon(torch.optim.AdamW):
    """Muon for convolutions' kernels, (out, in * height * width) each; AdamW for all else.

    Scales, shifts and 1x1 convolutions are AdamW's: they weigh channels rather than filter.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Do one step down the gradients there are; ``closure``, which makes them, first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            kernels = [p for p in group["params"] if _filters(p) and p.grad is not None]
            if kernels:
                self._turn(kernels, group["lr"], group["weight_decay"])
            for kernel in kernels:
                kernel.grad = None  # AdamW passes over what has none
        super().step()
        return loss

    def _turn(self, kernels: list[torch.Tensor], rate: float, decay: float) -> None:
        """Do a step of kernels together: on a CPU each call takes long."""
        for kernel in kernels:
            if not self.state[kernel]:
                self.state[kernel]["step"] = torch.zeros(())
                self.state[kernel]["momentum"] = torch.zeros_like(kernel)
            self.state[kernel]["step"] += 1
        gradients = [kernel.grad for kernel in kernels if kernel.grad is not None]
        momenta = [self.state[kernel]["momentum"] for kernel in kernels]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        sought = torch._foreach_lerp(gradients, momenta, MOMENTUM)
        with torch.autocast(kernels[0].device.type, enabled=False):  # bfloat16 would not converge
            steps = turned(sought)
        lengths = [
            rate * AS_ADAM * max(len(kernel), kernel[0].numel()) ** 0.5 for kernel in kernels
        ]
        torch._foreach_mul_(kernels, 1 - rate * decay)
        torch._foreach_mul_(steps, lengths)
        torch._foreach_sub_(kernels, steps)


def turned(kernels: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return `orthogonal` of each kernel as a matrix (out, in * height * width), in its own shape.

    Matrices of about one size are filled up with zeros, which stay, to be multiplied in one call.
    """
    # in any order of columns the steps are the same: in memory channels lie last
    matrices = [kernel.movedim(1, -1).flatten(1) for kernel in kernels]
    found: list[torch.Tensor] = list(kernels)
    for numbers in _of_a_size(tuple(matrix.shape for matrix in matrices)):
        rows, columns = (max(matrices[one].shape[side] for one in numbers) for side in (0, 1))
        filled = matrices[0].new_zeros(len(numbers), rows, columns)
        for place, one in zip(filled, numbers, strict=True):
            place[: len(matrices[one]), : matrices[one].shape[1]] = matrices[one]
        for whole, one in zip(orthogonal(filled), numbers, strict=True):
            kernel = kernels[one]
            own = whole[: len(kernel), : matrices[one].shape[1]]
            found[one] = own.unflatten(1, (*kernel.shape[2:], kernel.shape[1])).movedim(-1, 1)
    return found


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """(N,rows,columns) -> the same with singular values near 1: U V^T of U S V^T, about.

    The polynomials of every iteration are of X X^T, so they are multiplied first, and X by them.
    """
    upright = matrices.shape[1] > matrices.shape[2]
    wide = matrices.mT if upright else matrices
    square = wide @ wide.mT
    size = square.diagonal(dim1=1, dim2=2).sum(1)[:, None, None] + 1e-14
    square, one = square / size, torch.eye(square.shape[1]).to(square)
    product = one / size.sqrt()
    for _ in range(ITERATIONS):
        factor = 3.4445 * one - 4.7750 * square + 2.0315 * square @ square
        product, square = factor @ product, factor @ square @ factor
    found: torch.Tensor = product @ wide
    return found.mT if upright else found


def _filters(parameter: torch.Tensor) -> bool:
    return parameter.ndim > 2 and parameter[0, 0].numel() > 1


@lru_cache
def _of_a_size(shapes: tuple[torch.Size, ...]) -> list[list[int]]:
    """Return numbers of shapes in groups: filled up to one shape, none grows beyond `FILLED`."""
    groups: list[list[int]] = []
    for number in sorted(range(len(shapes)), key=shapes.__getitem__, reverse=True):
        more = [*groups[-1], number] if groups else [number]
        rows, columns = (max(shapes[one][side] for one in more) for side in (0, 1))
        entries = sum(shapes[one].numel() for one in more)
        if groups and len(more) * rows * columns <= FILLED * entries:
            groups[-1] = more
        else:
            groups.append([number])
    return groups
