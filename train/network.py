"""The network of a training: its settings, by a recipe and the weights to start from, and what stays as it is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torch import nn

from inkport.core.errors import RecipeError
from inkport.model.weights import Weights
from inkport.model.zoo import find
from inkport.train.recipe import Frozen, Recipe


def network_settings(recipe: Recipe, start: Weights | None) -> dict[str, Any]:
    """Return the settings to build the recipe's network with; ``Weights.config`` records them.

    Args:
        recipe: Its ``[network]`` table changes settings of a fresh network.
        start: Weights to start from; their network is taken as it is.

    Raises:
        RecipeError: If the network is unknown or does not fit the recipe's settings, or these would change the
            network of the weights to start from.
    """
    if "classes" in recipe.network:
        raise RecipeError("network.classes cannot be set: the symbols of the lines decide", remedy="leave it out")
    entry = find(recipe.model)
    if start is None:
        settings = {"height": recipe.preprocess.height, **recipe.network}
        entry.configure(recipe.model, 2, settings)
        return settings
    classes = start.spec.charset.size
    found = entry.configure(recipe.model, classes, start.config)
    wanted = entry.configure(recipe.model, classes, start.config | dict(recipe.network))
    if found != wanted:
        raise RecipeError(
            f"the table [network] makes {wanted}, the weights to start from have {found}",
            remedy="leave the table out, or `inkport grow` the weights",
        )
    return dict(start.config)


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
