"""The forward pass as kernels made by torch.compile."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from inkport.model.recogniser import Recogniser, TrainOutput


def compiled(network: Recogniser) -> Callable[[Tensor], TrainOutput]:
    """Return the network's training pass, compiled on its first call for all widths at once.

    Its gradients may differ from those of the plain pass in the last bits; runs of one machine and one torch agree.
    """
    run: Callable[[Tensor], TrainOutput] = torch.compile(network.forward_train, dynamic=True)
    return run
