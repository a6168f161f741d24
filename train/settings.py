"""What a recipe and its lines decide together: the network's configuration, and which lines are joined."""

from __future__ import annotations

from typing import Any

from inkport.core.errors import RecipeError
from inkport.model.weights import Weights
from inkport.model.zoo import find
from inkport.train.dataset import Join, TrainingLines
from inkport.train.recipe import Recipe


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


def join_lines(recipe: Recipe, lines: TrainingLines) -> Join | None:
    """Return how lines are joined, or nothing if they are not.

    Raises:
        RecipeError: If they cannot be, because there is no space among the symbols.
    """
    if recipe.augment.join == 0:
        return None
    if lines.space is None:
        raise RecipeError(
            "augment.join puts a space between two texts, and no text of the lines has one", remedy="set it to 0"
        )
    return Join(probability=recipe.augment.join, gap=lines.gap, labelled=len(lines) - lines.unlabelled)
