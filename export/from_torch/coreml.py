"""Core ML packages (mlprogram) in fp32 and fp16, for one line at a time, of flexible width."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from inkport.core.adapter import input_shape, plain_name
from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import UsageError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.export.agreement import Array, Forward, require_agreement, require_half
from inkport.export.from_torch.network import torch_forward
from inkport.export.from_torch.onnx_network import network_from_onnx
from inkport.export.lines_alone import require_single_lines
from inkport.export.mlpackage import compared_spec, converting, package_forward, save_package
from inkport.export.record import derived_artifact
from inkport.model.weights import load_weights
from inkport.runtimes.mil.program import Evaluator
from inkport.runtimes.mlpackage import PACKAGE, import_coremltools, run_by_line


TARGET = "iOS16"
"""Lowest system that the packages run on (macOS 13): the first one with compressed weights."""
EXAMPLE_WIDTH_PX = 512
"""Width that a package names as its usual one, in pixels; the widest allowed if that is less."""
MOST_WIDTHS = 128
"""Most enumerated shapes, https://apple.github.io/coremltools/docs-guides/source/flexible-inputs.html."""


def coreml_from_safetensors(source: Artifact, out: Path, *, widths: Sequence[int] = ()) -> Artifact:
    """Convert weights to a package that computes in fp32; equal weights, widths and tools give equal bytes.

    Args:
        source: A safetensors artifact.
        out: The artifact's directory; replaced if it is there.
        widths: The only widths, in pixels, that the package takes, ascending, for the Neural Engine, which
            runs a package with a range at one width only; a line is padded to the next one. Any width in the
            recogniser's range if left out.

    Raises:
        ExportError: If the converter fails, or the package's logits differ from torch's.
        UsageError: If a width is none that the recogniser reads.
    """
    network = load_weights(source.file(".safetensors")).network()
    return _export("coreml_from_safetensors", source, out, network, widths=widths)


def fp16_coreml_from_safetensors(source: Artifact, out: Path, *, widths: Sequence[int] = ()) -> Artifact:
    """Convert weights to a package that computes in fp16, with images and logits in fp32.

    Arguments and errors are those of ``coreml_from_safetensors``.
    """
    network = load_weights(source.file(".safetensors")).network()
    return _export("fp16_coreml_from_safetensors", source, out, network, precision=Precision.FP16, widths=widths)


def coreml_from_onnx(
    source: Artifact, out: Path, *, widths: Sequence[int] = (), lines: Sequence[Array] = ()
) -> Artifact:
    """Convert a graph to a package that computes in fp32, by way of torch, which coremltools reads.

    Args:
        source: An ONNX artifact in fp32.
        out: The artifact's directory; replaced if it is there.
        widths: As for ``coreml_from_safetensors``.
        lines: Prepared lines to compare on, beside noise.

    Raises:
        ExportError: If the graph has what torch or Core ML has not, or the package's logits differ.
        UsageError: If a width is none that the recogniser reads.
    """
    require_single_lines("coreml_from_onnx", source.spec)
    return _export("coreml_from_onnx", source, out, network_from_onnx(source), widths=widths, lines=lines)


def fp16_coreml_from_onnx(
    source: Artifact, out: Path, *, widths: Sequence[int] = (), lines: Sequence[Array] = ()
) -> Artifact:
    """Convert a graph to a package that computes in fp16, with images and scores in fp32.

    Arguments and errors are those of ``coreml_from_onnx``.
    """
    stage, network = "fp16_coreml_from_onnx", network_from_onnx(source)
    require_single_lines(stage, source.spec)
    return _export(stage, source, out, network, precision=Precision.FP16, widths=widths, lines=lines)


def _export(
    stage: str,
    source: Artifact,
    out: Path,
    network: nn.Module,
    *,
    precision: Precision = Precision.FP32,
    widths: Sequence[int],
    lines: Sequence[Array] = (),
) -> Artifact:
    _check_widths(tuple(widths), source.spec.preprocess)
    with converting(stage, source.path):
        model = _converted(network, source.spec, precision, tuple(widths))
    options = {"minimum_deployment_target": TARGET, "widths": list(widths) or "range"}
    with derived_artifact(
        out,
        source,
        stage=stage,
        format="coreml",
        precision=precision,
        tools=("torch", "coremltools"),
        options=options,
    ) as folder:
        save_package(model, folder / PACKAGE)
        evaluator = Evaluator(folder / PACKAGE, plain_name(source.spec.input.name))
        spec = compared_spec(source.spec, evaluator)
        before, after = _padding(source.spec, evaluator, network), package_forward(evaluator, source.spec)
        if precision is Precision.FP16:
            require_half(stage, spec, before, after, lines)
        else:
            require_agreement(stage, spec, before, after, lines=lines)
    return load_artifact(out)


def _padding(spec: RecogniserSpec, evaluator: Evaluator, network: nn.Module) -> Forward:
    """Return the network on lines that are padded as the package's are.

    So what padding does to logits is not taken for a fault.
    """
    forward = torch_forward(network)
    return lambda images: run_by_line(images, spec, evaluator.widths, forward)


def _check_widths(widths: tuple[int, ...], pre: PreprocessSpec) -> None:
    if not widths:
        return
    fitting = all(width % pre.width_multiple == 0 and pre.min_width <= width <= pre.max_width for width in widths)
    if not fitting or list(widths) != sorted(set(widths)) or len(widths) > MOST_WIDTHS or widths[-1] == pre.min_width:
        raise UsageError(
            f"widths {list(widths)} cannot be enumerated",
            remedy=f"name up to {MOST_WIDTHS} multiples of {pre.width_multiple} "
            f"within {pre.min_width}..{pre.max_width}, ascending, the widest above {pre.min_width}",
        )


def _converted(network: nn.Module, spec: RecogniserSpec, precision: Precision, widths: tuple[int, ...]) -> Any:
    ct = import_coremltools()
    pre = spec.preprocess
    usual = widths[-1] if widths else max(min(pre.max_width, EXAMPLE_WIDTH_PX), pre.min_width)
    example = input_shape(spec, 1, usual)
    if widths:
        shape = ct.EnumeratedShapes([input_shape(spec, 1, width) for width in widths], default=example)
    elif pre.min_width == pre.max_width:
        shape = example
    else:
        shape = list(input_shape(spec, 1, 0))
        shape[shape.index(0)] = ct.RangeDim(pre.min_width, pre.max_width, default=usual)
    with torch.inference_mode():
        # A batch of one: a second size that varies would add shape arithmetic, and Core ML runs lines one by one.
        traced = torch.jit.trace(network, torch.zeros(*example), check_trace=False)
    return ct.convert(
        traced,
        inputs=[ct.TensorType(name=plain_name(spec.input.name), shape=shape, dtype=np.float32)],
        outputs=[ct.TensorType(name=plain_name(spec.output.name), dtype=np.float32)],
        convert_to="mlprogram",
        compute_precision=ct.precision.FLOAT16 if precision is Precision.FP16 else ct.precision.FLOAT32,
        minimum_deployment_target=ct.target[TARGET],
        skip_model_load=True,
    )
