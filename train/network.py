"""The network of a training: its settings, by a recipe and the weights to start from, what stays, and what it reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from inkport.core.charset import Charset
from inkport.core.ctc import greedy
from inkport.core.errors import RecipeError
from inkport.core.metrics import ErrorRate, cer
from inkport.lines.audit import Audit
from inkport.model.weights import Weights
from inkport.model.zoo import find
from inkport.train.recipe import Frozen, Recipe


BATCH = 16
"""Most lines that are read in one pass."""


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
            remedy="leave the table out, or `inkport train grow` the weights",
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


def read_all(network: nn.Module, audit: Audit, charset: Charset) -> list[str]:
    """Return the reading of each line."""
    widths = {index: prepared.shape[3] for index, prepared in enumerate(audit.inputs)}
    readings = read_images(network, widths, audit.inputs.__getitem__, charset)
    return [readings[index] for index in range(len(audit.inputs))]


@torch.inference_mode()
def read_images(
    network: nn.Module,
    widths: Mapping[int, int],
    image_of: Callable[[int], npt.NDArray[np.float32]],
    charset: Charset,
) -> dict[int, str]:
    """Return the reading of each image; only images of one width share a batch, as when deployed.

    Args:
        network: Left in evaluation mode.
        widths: Width of each image, in pixels, by its number.
        image_of: Returns the image of a number, prepared, float32 (1, 1, h, w), when its turn comes.
        charset: Symbols of the logits.
    """
    by_width: dict[int, list[int]] = defaultdict(list)
    for number, width in widths.items():
        by_width[width].append(number)
    device = next(network.parameters()).device
    readings: dict[int, str] = {}
    network.eval()
    for numbers in by_width.values():
        for start in range(0, len(numbers), BATCH):
            chunk = numbers[start : start + BATCH]
            images = torch.from_numpy(np.concatenate([image_of(number) for number in chunk])).to(device)
            for number, logits in zip(chunk, network(images).float().cpu().numpy(), strict=True):
                readings[number] = greedy(logits, charset).text
    return readings


def rates_by_dataset(audit: Audit, readings: list[str]) -> dict[str, ErrorRate]:
    """Return the CER of each data set, and of all lines under the name ``all``."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, line in enumerate(audit.lines):
        groups["all"].append(index)
        groups[line.dataset].append(index)
    return {
        name: cer([audit.lines[i].text for i in indices], [readings[i] for i in indices])
        for name, indices in groups.items()
    }
