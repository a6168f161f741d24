"""Batch-norm statistics of a pruned network, taken anew."""

from __future__ import annotations

import torch
from torch import nn

from inkport.train.prune.batches import Calibration


def reestimate_statistics(network: nn.Module, calibration: Calibration) -> None:
    """Replace all running means and variances by the averages over the calibration batches, in place.

    Deterministic; weights stay. (Li et al. 2020, https://arxiv.org/abs/2007.02491: what a pruned network loses
    is often its statistics.) The network is in evaluation mode afterwards.
    """
    network.eval()
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    counts = [norm.num_batches_tracked for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches
        norm.train()
    with torch.no_grad():
        for batch in calibration.batches():
            network(calibration.images(batch))
    for norm, momentum, count in zip(norms, momenta, counts, strict=True):
        norm.momentum, norm.num_batches_tracked = momentum, count
    network.eval()
