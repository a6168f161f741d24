"""What the exporters that start from torch share: weights as an artifact, the network as deployed, what it computes."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from inkport.core.artifact import Artifact, Provenance, load_artifact, new_artifact
from inkport.core.attribution import ATTRIBUTION, LICENCE, told_in
from inkport.core.preprocess import PreprocessSpec
from inkport.core.target import Precision
from inkport.export.agreement import Forward
from inkport.export.record import tool_versions, with_line_digests
from inkport.model.weights import load_weights


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """Return a copy of a network in evaluation mode whose sequences hold no batch norm after a convolution.

    Converters fold too, but not where something reads the size of the convolution's output.
    """
    network = copy.deepcopy(network)
    for sequence in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for index in range(len(sequence) - 1):
            norm = sequence[index + 1]
            held, place = _innermost(sequence, index)
            convolution = held[place]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                held[place], sequence[index + 1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    return network


def _innermost(sequence: nn.Sequential, index: int) -> tuple[nn.Sequential, int]:
    """Return where the last layer of an element is: a factorised convolution is a sequence of two."""
    inner = sequence[index]
    return _innermost(inner, len(inner) - 1) if isinstance(inner, nn.Sequential) and len(inner) else (sequence, index)


def torch_forward(network: nn.Module) -> Forward:
    """Return the network as a function from images to logits, both float32 in numpy."""

    def forward(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(network(torch.from_numpy(images)).numpy(), dtype=np.float32)

    return forward


def edge_widths(pre: PreprocessSpec) -> list[int]:
    """Return the narrowest width, some in the middle and the widest, for converters that take widths for constants."""
    steps = (pre.max_width - pre.min_width) // pre.width_multiple
    return sorted({pre.min_width + part * pre.width_multiple for part in (0, min(1, steps), steps // 5, steps)})


def safetensors_from_weights(weights: Path, out: Path) -> Artifact:
    """Wrap a weights file of `inkport train run` as an artifact; its bytes are kept as they are.

    Args:
        weights: The ``.safetensors`` file.
        out: The artifact's directory; replaced if it is there.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it is not one of ours.
    """
    loaded = load_weights(weights)
    provenance = with_line_digests(
        Provenance(
            stage="train",
            tools=tool_versions(),
            options=loaded.provenance,
            licence=told_in(loaded.provenance, LICENCE),
            attribution=told_in(loaded.provenance, ATTRIBUTION),
        )
    )
    with new_artifact(
        out, spec=loaded.spec, format="safetensors", precision=Precision.FP32, provenance=provenance
    ) as folder:
        shutil.copyfile(weights, folder / "weights.safetensors")
    return load_artifact(out)
