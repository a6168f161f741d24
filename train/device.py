"""Tensors on their way to the device of a training, and the forward pass compiled for it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from inkport.model.recogniser import Recogniser, TrainOutput


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the host on the device, without waiting for what the device still has to do.

    A plain ``to`` waits for all of it, once per copy. Ordinary memory is copied aside before this returns, so that
    the caller may do with it what it likes.
    """
    return tensor.to(device, non_blocking=True)


def compiled(network: Recogniser) -> Callable[[Tensor], TrainOutput]:
    """Return the network's training pass, compiled on its first call for all widths at once.

    Its gradients may differ from those of the plain pass in the last bits; runs of one machine and one torch agree.
    """
    run: Callable[[Tensor], TrainOutput] = torch.compile(network.forward_train, dynamic=True)
    return run
