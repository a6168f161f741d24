"""LiteRT in fp32: one file with a signature per width, weights shared."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import torch
from torch import Tensor, nn

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import UsageError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.target import Precision
from inkport.export.agreement import require_agreement
from inkport.export.from_torch.masked import MaskedNetwork
from inkport.export.from_torch.network import fold_batch_norms, torch_forward
from inkport.export.quiet_converter import contained
from inkport.export.record import derived_artifact
from inkport.model.weights import load_weights
from inkport.runtimes.litert import COLUMNS, LiteRtSession


STAGE = "litert_from_safetensors"
WIDTHS = (128, 256, 512, 1024, 2048)
"""Widths of the signatures, in pixels: doubling wastes at most half of each, and a signature costs some 0.1 MB."""


def litert_from_safetensors(source: Artifact, out: Path, *, widths: Sequence[int] = WIDTHS) -> Artifact:
    """Convert weights for LiteRT, which takes no width that varies.

    Each signature ``w<width>`` takes ``images`` of its width and ``columns``, the mask of the columns that belong
    to the line, so that a line reads the same in each of them.

    Args:
        source: A safetensors artifact.
        out: The artifact's directory; replaced if it is there.
        widths: Widths of the signatures; those below the recogniser's narrowest line are left out, and those
            beyond its widest one become that.

    Raises:
        UsageError: If a width is not a multiple of the recogniser's.
        ExportError: If the converter fails, or the logits at any of the widths differ from torch's.
    """
    buckets = _buckets(source.spec.preprocess, widths)
    network = load_weights(source.file(".safetensors")).network()
    with contained(STAGE, source.path):
        data = _convert(_Named(fold_batch_norms(network), source), buckets)
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="litert",
        precision=Precision.FP32,
        tools=("torch", "litert-torch", "ai-edge-litert"),
        options={"widths": buckets},
    ) as folder:
        file = folder / "model.tflite"
        file.write_bytes(data)
        with closing(LiteRtSession(file, source.spec, threads=1)) as session:
            # A line that fills its signature, and the shortest one that takes it.
            edges = {*buckets, *(width + source.spec.preprocess.width_multiple for width in buckets[:-1])}
            require_agreement(STAGE, source.spec, torch_forward(network), session.run, widths=sorted(edges))
    return load_artifact(out)


def _buckets(pre: PreprocessSpec, widths: Sequence[int]) -> list[int]:
    buckets = sorted({min(width, pre.max_width) for width in widths if width >= pre.min_width})
    if not buckets or any(width % pre.width_multiple for width in buckets):
        raise UsageError(
            f"widths {list(widths)} give signatures {buckets}",
            remedy=f"name multiples of {pre.width_multiple}, at least one of them {pre.min_width} or more",
        )
    return buckets


def _convert(network: _Named, buckets: Sequence[int]) -> bytes:
    from litert_torch import Converter

    converter = Converter()
    for width in buckets:
        converter.add_signature(f"w{width}", network, sample_kwargs=network.example(width))
    return bytes(converter.convert().model_content())


class _Named(nn.Module):
    """The masked network with the names that the file's inputs and outputs get."""

    def __init__(self, network: nn.Module, source: Artifact) -> None:
        super().__init__()
        self._network = MaskedNetwork(network).eval()
        self._spec = source.spec

    def example(self, width: int) -> dict[str, Tensor]:
        """Return inputs of a width."""
        images = torch.zeros(1, 1, self._spec.preprocess.height, width)
        return {self._spec.input.name: images, COLUMNS: torch.ones(1, 1, 1, width)}

    def forward(self, images: Tensor, columns: Tensor) -> dict[str, Tensor]:
        return {self._spec.output.name: self._network(images, columns)}
