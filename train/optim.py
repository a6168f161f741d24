"""Optimiser, learning-rate schedule, and the moving average of the weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from inkport.train.recipe import OptimRecipe


def make_optimiser(network: nn.Module, recipe: OptimRecipe) -> torch.optim.AdamW:
    """Return AdamW that decays matrices and filters but not biases and norms."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=(0.9, 0.99), fused=True)


def learning_rate(step: int, recipe: OptimRecipe) -> float:
    """Return the rate of a step counted from 0: linear warm-up, then half a cosine down to 0."""
    warmup = max(1, round(recipe.warmup * recipe.steps))
    if step < warmup:
        return recipe.lr * (step + 1) / warmup
    progress = (step - warmup) / max(1, recipe.steps - warmup)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class MovingAverage:
    """Exponential moving average of a network's whole state, batch-norm statistics included."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the network; the decay ramps up as min(decay, (1 + step) / (10 + step))."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        for name, tensor in network.state_dict().items():
            average = self.state[name]
            if average.is_floating_point():
                average.lerp_(tensor, weight)
            else:
                average.copy_(tensor)

    def tensors(self) -> dict[str, Tensor]:
        """Return the averaged state."""
        return self.state
