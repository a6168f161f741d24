"""How much a channel matters, by torch-pruning's measures, and the training lines that gradients are taken on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn

from inkport.core.errors import UsageError
from inkport.core.spec import RecogniserSpec
from inkport.lines.audit import Audit
from inkport.lines.roles import LINE_DIGESTS, Role, record_lines
from inkport.train.dataset import Batch, Sampler, TrainingLines
from inkport.train.objectives import ctc_loss


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Batches of training lines as training sees them, but not augmented."""

    lines: TrainingLines
    """The lines."""
    spec: RecogniserSpec
    """The recogniser that reads them."""
    digest: str
    """SHA-256 (hex) of the lines, for provenance."""
    count: int = 16
    """Batches."""
    size: int = 32
    """Lines per batch."""
    seed: int = 1
    """Seed of the choice of lines."""
    line_digests: Mapping[str, str] = field(default_factory=dict)
    """Digests of the lines by role, for provenance."""

    @property
    def stride(self) -> int:
        """Input columns per frame."""
        return self.spec.stride

    def batches(self) -> Iterator[Batch]:
        """Yield the batches, the same ones every time."""
        sampler = Sampler(self.lines.widths, self.size, self.seed)
        for step in range(self.count):
            yield self.lines.batch(sampler.step(step))

    def images(self, batch: Batch) -> Tensor:
        """Return the images of a batch as the network reads them, float32 (n, 1, h, w)."""
        preprocess = self.spec.preprocess
        return (batch.images.float() / 255 - preprocess.mean) / preprocess.std

    def record(self) -> dict[str, Any]:
        """Return what provenance says of the batches."""
        return {
            "lines": len(self.lines),
            "sha256": self.digest,
            "batches": self.count,
            "batch": self.size,
            "seed": self.seed,
            LINE_DIGESTS: self.line_digests,
        }


def calibration_of(audit: Audit, spec: RecogniserSpec, *, digest: str, count: int, size: int, seed: int) -> Calibration:
    """Return batches of audited lines; arguments are those of ``Calibration``."""
    lines = TrainingLines(audit, spec.charset, spec.preprocess)
    record = record_lines({Role.TRAIN: audit.lines})
    return Calibration(lines=lines, spec=spec, digest=digest, count=count, size=size, seed=seed, line_digests=record)


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


Gradients = Mapping[str, Tensor]
"""Gradients of the loss, by parameter."""


class Importance(StrEnum):
    """A measure of how much a channel matters; the least important go first."""

    L1 = "l1"
    """Sum of magnitudes of the channel's weights in its own layer (Li et al. 2017, arXiv 1608.08710)."""
    L2 = "l2"
    """Norm of these weights."""
    GROUP_L1 = "group-l1"
    """Sum of magnitudes, over all layers that the channel goes through (Fang et al. 2023, arXiv 2301.12900)."""
    GROUP_L2 = "group-l2"
    """Norm, over all these layers."""
    BN_SCALE = "bn-scale"
    """Scales of the batch norms on the channel (Liu et al. 2017, arXiv 1708.06519)."""
    TAYLOR = "taylor"
    """Change of the CTC loss to first order, over all these layers (Molchanov et al. 2019, arXiv 1906.10771)."""


def measure(kind: Importance) -> Any:
    """Return torch-pruning's measure: called with a group, it returns a score for each channel, float32 (c,)."""
    import torch_pruning as tp

    if kind is Importance.TAYLOR:
        return tp.importance.GroupTaylorImportance()
    if kind is Importance.BN_SCALE:
        return tp.importance.BNScaleImportance()
    own = kind in (Importance.L1, Importance.L2)
    power = 1 if kind in (Importance.L1, Importance.GROUP_L1) else 2
    return tp.importance.GroupMagnitudeImportance(p=power, group_reduction="first" if own else "mean")


def scores(kind: Importance, group: Any, *, name: str, unit: int) -> Tensor:
    """Return the score of each member of a group, float32 (members,).

    Args:
        kind: The measure.
        group: A group of torch-pruning that holds all channels of the root layer.
        name: Name of the group, for errors.
        unit: Channels per member, which are neighbours; their scores are added.

    Raises:
        UsageError: If the measure is that of batch norms, and there is none on these channels.
    """
    found = measure(kind)(group)
    if found is None:
        raise UsageError(
            f"{name}: no batch norm lies on these channels, so {kind.value} says nothing of them",
            remedy="choose another importance",
        )
    return found.detach().reshape(-1, unit).sum(dim=1)


def gradients_on(network: nn.Module, calibration: Calibration) -> Gradients:
    """Return the gradient of the CTC loss on the calibration lines; batch norms stay as they are.

    What only training reads, the shortcut head, has no say in that loss: its gradient is 0.
    """
    network.eval()
    network.requires_grad_(True)
    network.zero_grad(set_to_none=True)
    for batch in calibration.batches():
        _loss(network, batch, calibration).backward()
    found = {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in network.named_parameters()}
    network.zero_grad(set_to_none=True)
    return found


def _loss(network: nn.Module, batch: Batch, calibration: Calibration) -> Tensor:
    with torch.enable_grad():
        logits = network(calibration.images(batch))
        return ctc_loss(logits, batch.widths // calibration.stride, batch.targets, batch.lengths)


def least(scored: Tensor, count: int) -> Sequence[int]:
    """Return the indices of the ``count`` lowest scores, ascending; of equal scores the later ones go."""
    order = torch.argsort(scored.flip(0), stable=True)[:count]
    return sorted(len(scored) - 1 - int(i) for i in order)
