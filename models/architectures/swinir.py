"""SwinIR: residual Swin transformer blocks. Networks of spandrel's class; sizes given here.

Liang et al. 2021, doi:10.1109/ICCVW54120.2021.00210. Attention within windows of 8x8 pixels, every
second time shifted by half. Sides that are multiples of 8 spare the network padding of its own.
"""

from __future__ import annotations

import warnings

from torch import nn


def swinir(scale: int = 4) -> nn.Module:
    """Return super-resolution, (B,3,H,W) in [0,1] -> (B,3,H*scale,W*scale). 11,900,199 parameters.

    Untrained, it puts out noise: it has no sum with its input.
    """
    return _build(width=180, stages=6, scale=scale, upsampler="pixelshuffle", side=64)


def swinir_light(scale: int = 4) -> nn.Module:
    """Return lightweight super-resolution, as `swinir`. 929,628 parameters for scale 4."""
    return _build(width=60, stages=4, scale=scale, upsampler="pixelshuffledirect", side=64)


def swinir_denoise() -> nn.Module:
    """Return colour denoising, (B,3,H,W) in [0,1] -> (B,3,H,W). 11,504,163 parameters.

    It adds to its input what it finds.
    """
    return _build(width=180, stages=6, scale=1, upsampler="", side=128)


def _build(width: int, stages: int, scale: int, upsampler: str, side: int) -> nn.Module:
    from spandrel.architectures.SwinIR import SwinIR

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"torch\.meshgrid")  # theirs to see to
        network: nn.Module = SwinIR(
            img_size=side,
            window_size=8,
            embed_dim=width,
            depths=[6] * stages,
            num_heads=[6] * stages,
            mlp_ratio=2,
            upscale=scale,
            upsampler=upsampler,
        )
    network.scale = scale  # type: ignore[assignment]  # what a restorer looks at
    return network
