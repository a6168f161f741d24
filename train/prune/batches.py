"""Training lines for gradients, activations and batch-norm statistics: some batches, chosen by a seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from inkport.core.spec import RecogniserSpec
from inkport.lines.audit import Audit
from inkport.lines.roles import LINE_DIGESTS, Role, record_lines
from inkport.train.dataset import Batch, Sampler, TrainingLines


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
