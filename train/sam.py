"""Sharpness-aware minimisation: the gradient that counts is that of the worst point nearby.

Source: Foret et al., *Sharpness-Aware Minimization for Efficiently Improving Generalization* (ICLR 2021, arXiv
2010.01412), with one direction for all processes of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def at_worst_nearby(network: nn.Module, radius: float) -> Iterator[None]:
    """Move a network along its gradient for a while.

    Inside, the parameters lie ``radius`` away, in the direction of the gradient that they had before. Afterwards
    parameters and buffers (batch-norm statistics) are, to the bit, what they were; gradients are those made inside.

    Args:
        network: With gradients.
        radius: Euclidean distance over all parameters together, above 0.
    """
    moved = [(p, p.grad) for p in network.parameters() if p.grad is not None]
    kept = [p.detach().clone() for p, _ in moved]
    buffers = [b.clone() for b in network.buffers()]
    with torch.no_grad():
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for _, gradient in moved]))
        scale = radius / (norm + 1e-12)
        for parameter, gradient in moved:
            parameter.add_(gradient * scale)
    try:
        yield
    finally:
        with torch.no_grad():
            for (parameter, _), before in zip(moved, kept, strict=True):
                parameter.copy_(before)
            for buffer, before in zip(network.buffers(), buffers, strict=True):
                buffer.copy_(before)
