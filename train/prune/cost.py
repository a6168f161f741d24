"""What a network costs per line."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_macs(network: nn.Module, *, height: int, width: int = 1024) -> int:
    """Return the multiply-accumulates of one line, those of convolutions and matrix products.

    Args:
        network: The network.
        height: Of its images, in pixels.
        width: Of the line, in pixels, a multiple of 8.
    """
    parameter = next(network.parameters())
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(torch.zeros(1, 1, height, width, device=parameter.device))
    return int(counter.get_total_flops()) // 2
