"""Tensors on their way from the host to the device of a training."""

from __future__ import annotations

import torch
from torch import Tensor


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the host on the device, without waiting for what the device still has to do.

    A plain ``to`` waits for all of it, once per copy. Ordinary memory is copied aside before this returns, so that
    the caller may do with it what it likes.
    """
    return tensor.to(device, non_blocking=True)
