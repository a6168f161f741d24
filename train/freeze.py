"""Parts of a network that a training leaves as they are."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from inkport.core.errors import RecipeError
from inkport.train.recipe import Frozen


CNN = ("cnn", "collapse", "backbone")
"""Children of the networks of ``inkport.model.zoo`` that turn images into features."""


def freeze(network: nn.Module, parts: Collection[Frozen]) -> None:
    """Take the frozen parameters out of the training, once, before the optimiser is made.

    Raises:
        RecipeError: If the network has no such part.
    """
    if Frozen.CNN in parts:
        found = [child for name, child in network.named_children() if name in CNN]
        if not found:
            raise RecipeError(f"freeze: {type(network).__name__} has no part named {', '.join(CNN)}")
        for child in found:
            child.requires_grad_(requires_grad=False)


def train_mode(network: nn.Module, parts: Collection[Frozen]) -> None:
    """Put the network into training mode, but for the batch norms whose statistics are frozen."""
    network.train()
    for name, child in network.named_children():
        if Frozen.STATISTICS in parts or (Frozen.CNN in parts and name in CNN):
            for module in child.modules():
                if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                    module.eval()
