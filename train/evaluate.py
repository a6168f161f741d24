"""CER of a network on prepared lines, by greedy decoding, in float32."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch
from torch import nn

from inkport.core.charset import Charset
from inkport.core.ctc import greedy
from inkport.core.metrics import ErrorRate, cer
from inkport.lines.audit import Audit


@torch.inference_mode()
def read_all(network: nn.Module, audit: Audit, charset: Charset, *, batch: int = 16) -> list[str]:
    """Return the reading of each line; only lines of one width share a batch, as when deployed."""
    by_width: dict[int, list[int]] = defaultdict(list)
    for index, prepared in enumerate(audit.inputs):
        by_width[prepared.shape[3]].append(index)
    device = next(network.parameters()).device
    readings = [""] * len(audit.inputs)
    network.eval()
    for indices in by_width.values():
        for start in range(0, len(indices), batch):
            chunk = indices[start : start + batch]
            images = torch.from_numpy(np.concatenate([audit.inputs[i] for i in chunk])).to(device)
            for index, logits in zip(chunk, network(images).float().cpu().numpy(), strict=True):
                readings[index] = greedy(logits, charset).text
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
