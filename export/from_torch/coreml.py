"""Core ML packages (mlprogram) in fp32 and fp16, for one line at a time, of flexible width."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import UsageError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.export.agreement import FP16_TOLERANCE, TOLERANCE, require_agreement
from inkport.export.mlpackage import compared_spec, converting, package_forward, save_package
from inkport.export.record import derived_artifact
from inkport.model.weights import load_weights
from inkport.runtimes.mil.evaluator import Evaluator
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
    return _export(source, out, Precision.FP32, tuple(widths))


def fp16_coreml_from_safetensors(source: Artifact, out: Path, *, widths: Sequence[int] = ()) -> Artifact:
    """Convert weights to a package that computes in fp16, with images and logits in fp32.

    Arguments and errors are those of ``coreml_from_safetensors``.
    """
    return _export(source, out, Precision.FP16, tuple(widths))


def _export(source: Artifact, out: Path, precision: Precision, widths: tuple[int, ...]) -> Artifact:
    stage = "fp16_coreml_from_safetensors" if precision is Precision.FP16 else "coreml_from_safetensors"
    _check_widths(widths, source.spec.preprocess)
    network = load_weights(source.file(".safetensors")).network()
    with converting(stage, source.path):
        model = _converted(network, source.spec, precision, widths)
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
        evaluator = Evaluator(folder / PACKAGE, source.spec.input.name)

        def run_torch(line: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            with torch.inference_mode():
                return np.asarray(network(torch.from_numpy(line)).numpy(), dtype=np.float32)

        require_agreement(
            stage,
            compared_spec(source.spec, evaluator),
            # Padded in the same way, so that what padding does to logits is not taken for a fault.
            lambda images: run_by_line(images, source.spec, evaluator.widths, run_torch),
            package_forward(evaluator, source.spec),
            tolerance=TOLERANCE if precision is Precision.FP32 else FP16_TOLERANCE,
        )
    return load_artifact(out)


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
    example = (1, 1, pre.height, widths[-1] if widths else min(pre.max_width, EXAMPLE_WIDTH_PX))
    if widths:
        shape = ct.EnumeratedShapes([(*example[:3], width) for width in widths], default=example)
    else:
        shape = (*example[:3], ct.RangeDim(pre.min_width, pre.max_width, default=example[3]))
    with torch.inference_mode():
        # A batch of one: a second size that varies would add shape arithmetic, and Core ML runs lines one by one.
        traced = torch.jit.trace(network, torch.zeros(*example), check_trace=False)
    return ct.convert(
        traced,
        inputs=[ct.TensorType(name=spec.input.name, shape=shape, dtype=np.float32)],
        outputs=[ct.TensorType(name=spec.output.name, dtype=np.float32)],
        convert_to="mlprogram",
        compute_precision=ct.precision.FLOAT16 if precision is Precision.FP16 else ct.precision.FLOAT32,
        minimum_deployment_target=ct.target[TARGET],
        skip_model_load=True,
    )
