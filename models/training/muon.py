"""Muon: steps whose singular values are all about one, for the weights that are matrices.

Jordan et al. 2024, https://kellerjordan.github.io/posts/muon, as long as AdamW's steps (Liu et al.
2025, arXiv:2502.16982), so that a learning rate means the same to both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

MOMENTUM = 0.95
ITERATIONS = 5
"""Of Newton and Schulz: singular values come out between 0.7 and 1.2."""

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
            for alike in _by_shape(kernels):
                self._turn(alike, group["lr"], group["weight_decay"])
            for kernel in kernels:
                kernel.grad = None  # AdamW passes over what has none
        super().step()
        return loss

    def _turn(self, kernels: list[torch.Tensor], rate: float, decay: float) -> None:
        """Do a step of kernels of one shape together: on a CPU each call takes long."""
        for kernel in kernels:
            if not self.state[kernel]:
                self.state[kernel]["step"] = torch.zeros(())
                self.state[kernel]["momentum"] = torch.zeros_like(kernel)
            self.state[kernel]["step"] += 1
        gradients = [kernel.grad for kernel in kernels if kernel.grad is not None]
        momenta = [self.state[kernel]["momentum"] for kernel in kernels]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        sought = torch._foreach_lerp(gradients, momenta, MOMENTUM)
        # in any order of columns the steps are the same: in memory channels lie last
        last = torch.stack([one.movedim(1, -1) for one in sought])
        matrices = last.flatten(2)
        with torch.autocast(matrices.device.type, enabled=False):  # bfloat16 would not converge
            turned = orthogonal(matrices)
        steps = turned * (rate * AS_ADAM * max(matrices.shape[1:]) ** 0.5)
        torch._foreach_mul_(kernels, 1 - rate * decay)
        torch._foreach_sub_(kernels, list(steps.view_as(last).movedim(-1, 2).unbind()))


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


def _by_shape(kernels: Iterable[torch.Tensor]) -> list[list[torch.Tensor]]:
    groups: dict[torch.Size, list[torch.Tensor]] = {}
    for kernel in kernels:
        groups.setdefault(kernel.shape, []).append(kernel)
    return list(groups.values())
