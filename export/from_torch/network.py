"""What the exporters that start from torch share: the network as it is deployed, and what it computes."""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from inkport.core.preprocess import PreprocessSpec
from inkport.export.agreement import Forward


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """Return a copy of a network in evaluation mode whose sequences hold no batch norm after a convolution.

    Converters fold too, but not where something reads the size of the convolution's output.
    """
    network = copy.deepcopy(network)
    for sequence in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for index in range(len(sequence) - 1):
            norm = sequence[index + 1]
            held, place = _innermost(sequence, index)
            convolution = held[place]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                held[place], sequence[index + 1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    return network


def _innermost(sequence: nn.Sequential, index: int) -> tuple[nn.Sequential, int]:
    """Return where the last layer of an element is: a factorised convolution is a sequence of two."""
    inner = sequence[index]
    return _innermost(inner, len(inner) - 1) if isinstance(inner, nn.Sequential) and len(inner) else (sequence, index)


def torch_forward(network: nn.Module) -> Forward:
    """Return the network as a function from images to logits, both float32 in numpy."""

    def forward(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(network(torch.from_numpy(images)).numpy(), dtype=np.float32)

    return forward


def edge_widths(pre: PreprocessSpec) -> list[int]:
    """Return the narrowest width, some in the middle and the widest, for converters that take widths for constants."""
    steps = (pre.max_width - pre.min_width) // pre.width_multiple
    return sorted({pre.min_width + part * pre.width_multiple for part in (0, min(1, steps), steps // 5, steps)})
