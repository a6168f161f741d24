"""The objectives that a recipe adds to CTC."""

from __future__ import annotations

from collections.abc import Mapping

from inkport.model.recogniser import Recogniser
from inkport.train.consistency import Consistency
from inkport.train.context import Context, context_width
from inkport.train.objective import Objective, ctc
from inkport.train.recipe import Recipe


def objectives(recipe: Recipe, network: Recogniser) -> Mapping[str, Objective]:
    """Return CTC and what the recipe adds to it, by name; parameters lie where the network lies.

    Args:
        recipe: Names them.
        network: What is trained, on its device.
    """
    found: dict[str, Objective] = dict(ctc(recipe))
    if recipe.consistency is not None:
        found["consistency"] = Consistency(weight=recipe.consistency.weight)
    if recipe.tcm is not None:
        dim = context_width(network, recipe.preprocess)
        context = Context(recipe.tcm, classes=network.config.classes, dim=dim, seed=recipe.seed)
        found["tcm"] = context.to(next(network.parameters()).device)
    return found


def views(recipe: Recipe) -> int:
    """Return how many augmented views of each line a step sees."""
    return 1 if recipe.consistency is None else 2
