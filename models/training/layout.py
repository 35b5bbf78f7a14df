"""How a network that learns and its images lie in memory.

Channels last is what CPUs and GPUs convolve fastest. But torch's instance normalisation, told the
gradient of a single image in that layout, returns a wrong one on CPUs, without a word (seen in
2.15; it reads the channels as if they lay one after the other). Networks that have it stay
contiguous.
"""

from __future__ import annotations

import torch
from torch import nn

from models.restorer import AnyModule, store


def layout_of(network: nn.Module) -> torch.memory_format:
    """Return the layout in which a network learns fast, and rightly."""
    for layer in network.modules():
        if isinstance(layer, nn.modules.instancenorm._InstanceNorm):
            return torch.contiguous_format
    return torch.channels_last


def layout_name(network: nn.Module) -> str:
    """Return that layout in words."""
    last = layout_of(network) is torch.channels_last
    return "channels last" if last else "channels first"


def lay_out(network: AnyModule) -> AnyModule:
    """Bring a network's weights into its layout, in place; return it."""
    return store(network, layout_of(network))


def laid_out(images: torch.Tensor, network: nn.Module) -> torch.Tensor:
    """Return (B,C,H,W) in the layout of a network, and windows (B,T,C,H,W) contiguous."""
    if images.ndim != 4:
        return images.contiguous()
    return images.contiguous(memory_format=layout_of(network))
