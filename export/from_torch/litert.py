"""LiteRT in fp32: one file with a signature per width, weights shared."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import torch
from torch import Tensor, nn

from inkport.core.adapter import input_shape, plain_name
from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ExportError, UsageError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.target import Precision
from inkport.export.agreement import Array, require_agreement
from inkport.export.from_torch.network import fold_batch_norms, torch_forward
from inkport.export.from_torch.onnx_network import network_from_onnx
from inkport.export.graph import onnx_forward
from inkport.export.lines_alone import require_single_lines
from inkport.export.quiet_converter import quiet_converter
from inkport.export.record import derived_artifact
from inkport.model.blocks import SelfAttention
from inkport.model.ppocr import SameUpper, SqueezeExcite
from inkport.model.weights import load_weights
from inkport.runtimes.litert import COLUMNS, LiteRtSession


STAGE = "litert_from_safetensors"
GRAPH_STAGE = "litert_from_onnx"
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
    with quiet_converter(STAGE, source.path):
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


def litert_from_onnx(source: Artifact, out: Path, *, lines: Sequence[Array] = ()) -> Artifact:
    """Convert a graph of one width for LiteRT, by way of torch.

    LiteRT takes no width that varies. Our own networks are masked, so that a line reads the same at any width that
    is wider; what a graph makes of padding cannot be masked.

    Args:
        source: An ONNX artifact in fp32.
        out: The artifact's directory; replaced if it is there.
        lines: Prepared lines to compare on, beside noise.

    Raises:
        ExportError: If the recogniser takes several widths, the converter fails, or the scores differ.
    """
    pre = source.spec.preprocess
    require_single_lines(GRAPH_STAGE, source.spec)
    if pre.min_width != pre.max_width:
        raise ExportError(
            f"{GRAPH_STAGE}: LiteRT runs fixed widths, this graph is for {pre.min_width}..{pre.max_width} px, "
            "and reads a line that is padded to another width differently",
            remedy="use ncnn, Core ML or ONNX Runtime on this device",
        )
    with quiet_converter(GRAPH_STAGE, source.path):
        from litert_torch import Converter

        network, example = (
            _Plain(network_from_onnx(source), source),
            torch.zeros(*input_shape(source.spec, 1, pre.max_width)),
        )
        converter = Converter().add_signature(
            f"w{pre.max_width}", network, sample_kwargs={plain_name(source.spec.input.name): example}
        )
        data = bytes(converter.convert().model_content())
    with derived_artifact(
        out,
        source,
        stage=GRAPH_STAGE,
        format="litert",
        precision=Precision.FP32,
        tools=("torch", "litert-torch", "ai-edge-litert"),
        options={"widths": [pre.max_width]},
    ) as folder:
        file = folder / "model.tflite"
        file.write_bytes(data)
        exact = onnx_forward(source.file(".onnx"), source.spec)
        with closing(LiteRtSession(file, source.spec, threads=1)) as session:
            require_agreement(GRAPH_STAGE, source.spec, exact, session.run, lines=lines)
    return load_artifact(out)


class _Plain(nn.Module):
    """A network with the names that the file's input and output get."""

    def __init__(self, network: nn.Module, source: Artifact) -> None:
        super().__init__()
        self._network, self._spec = network, source.spec

    def forward(self, **images: Tensor) -> dict[str, Tensor]:
        name = plain_name(self._spec.input.name)
        return {plain_name(self._spec.output.name): self._network(images[name])}


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


HIDDEN = -1e4
"""Added to the scores of frames behind the line's end; exp of it is 0 in float32."""


class MaskedNetwork(nn.Module):
    """A network for inputs of fixed width: columns behind the end of a line count as not there.

    Padding a line further changes its logits, and often its text, because convolutions and attention see the padding.
    So ``forward`` takes images together with a mask of the columns that belong to the line. Every convolution finds
    zeros behind the line's end, as it does behind the end of the image, and no frame attends to one behind it.

    It masks convolutions, ``SameUpper``, ``SelfAttention`` and ``SqueezeExcite``. A network that mixes columns in
    another way (recurrence) gives logits that depend on the padding; the exporter's comparison with the network finds
    that.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._masks = _Masks()
        self.network = copy.deepcopy(network)
        for parent in list(self.network.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, SameUpper) or (isinstance(child, nn.Conv1d | nn.Conv2d) and child.padding[-1]):
                    setattr(parent, name, _MaskedWindows(child, self._masks))
                elif isinstance(child, SelfAttention):
                    child.attend = _masked(child.attend, self._masks)  # type: ignore[method-assign,assignment]
                elif isinstance(child, SqueezeExcite):
                    child.average = _mean_of(self._masks)  # type: ignore[method-assign,assignment]

    def forward(self, images: Tensor, columns: Tensor) -> Tensor:
        """Return logits, of which those behind the line's end mean nothing.

        Args:
            images: float32 (1, 1, h, w).
            columns: float32 (1, 1, 1, w), 1 in the columns of the line and 0 behind its end.
        """
        self._masks.columns = columns
        logits: Tensor = self.network(images)
        return logits


class _Masks:
    """The mask of the current line, at the resolution that a layer asks for."""

    columns: Tensor

    def at(self, width: int) -> Tensor:
        """Return the mask as (1, 1, 1, width)."""
        step = self.columns.shape[-1] // width
        return self.columns if step == 1 else self.columns[..., ::step]


class _MaskedWindows(nn.Module):
    """A layer whose windows find zeros behind the line's end."""

    def __init__(self, layer: nn.Module, masks: _Masks) -> None:
        super().__init__()
        self.layer, self._masks = layer, masks

    def forward(self, x: Tensor) -> Tensor:
        mask = self._masks.at(x.shape[-1])
        visible: Tensor = self.layer(x * (mask if x.dim() == 4 else mask.squeeze(2)))
        return visible


def _mean_of(masks: _Masks) -> Callable[[Tensor], Tensor]:
    def mean(x: Tensor) -> Tensor:
        mask = masks.at(x.shape[-1])
        # One axis after the other: short sums round less, and engines add up in float32.
        means = (x * mask).mean(dim=3, keepdim=True).mean(dim=2, keepdim=True)
        return means / mask.mean(dim=3, keepdim=True)

    return mean


def _masked(attend: Callable[[Tensor], Tensor], masks: _Masks) -> Callable[[Tensor], Tensor]:
    def masked(scores: Tensor) -> Tensor:
        hidden = (1 - masks.at(scores.shape[-1])) * HIDDEN
        return attend(scores + hidden)

    return masked
