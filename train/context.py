"""The Textual Context Module as an objective of the training loop."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inkport.core.preprocess import PreprocessSpec
from inkport.model.recogniser import Recogniser, TrainOutput
from inkport.model.tcm import TextualContext, pad_targets
from inkport.train.objective import Step
from inkport.train.objective_recipe import ContextRecipe
from inkport.train.transfer import send


class Context(nn.Module):
    """The weighted loss of a ``TextualContext``, an ``Objective``.

    Its parameters train beside the network, lie in checkpoints, and are never part of any weights.

    Args:
        recipe: Settings.
        classes: Classes of the CTC head, blank included.
        dim: Width of the features that the network offers.
        seed: Of the first values.
    """

    def __init__(self, recipe: ContextRecipe, *, classes: int, dim: int, seed: int) -> None:
        super().__init__()
        self.weight = recipe.weight
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.module = TextualContext(
                classes, dim, embedding=recipe.embedding, window=recipe.window, dropout=recipe.dropout
            )

    def forward(self, output: TrainOutput, step: Step) -> Tensor:
        """Return the loss of a batch, float32."""
        features = output.context.float()
        batch, device = step.batch, features.device
        targets = send(pad_targets(batch.targets, batch.lengths), device)
        loss: Tensor = self.module(features, targets, send(batch.lengths, device))
        return self.weight * loss


def context_width(network: Recogniser, preprocess: PreprocessSpec) -> int:
    """Return the width of ``TrainOutput.context`` of a network, as it is: a pruned one differs from its name."""
    device, training = next(network.parameters()).device, network.training
    image = torch.ones(1, 1, preprocess.height, preprocess.width_multiple * 4, device=device)
    network.eval()
    with torch.no_grad():
        width = network.forward_train(image).context.shape[2]
    network.train(training)
    return width
