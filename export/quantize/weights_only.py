"""Quantized weights alone: Core ML in 8-bit integers or palettes of 64 or 16 values, LiteRT in dynamic-range int8.

Core ML expands them before use and computes in fp16; LiteRT quantizes activations while it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkport.core.adapter import plain_name
from inkport.core.artifact import Artifact, load_artifact
from inkport.core.target import Precision
from inkport.export.agreement import require_agreement
from inkport.export.mlpackage import compared_spec, converting, package_forward, save_package
from inkport.export.quiet_converter import quiet_converter
from inkport.export.record import derived_artifact
from inkport.runtimes.mil.program import Evaluator
from inkport.runtimes.mlpackage import PACKAGE, import_coremltools, package_path


@dataclass(frozen=True, kw_only=True)
class Compression:
    """How weights are compressed, and how far the logits may move."""

    precision: Precision
    """What it makes."""
    bits: int
    """Bits per weight."""
    tolerance: float
    """Largest difference to the source's logits, as a share of the largest; about three times what was measured."""


W8 = Compression(precision=Precision.W8, bits=8, tolerance=0.05)
PAL6 = Compression(precision=Precision.PAL6, bits=6, tolerance=0.15)
PAL4 = Compression(precision=Precision.PAL4, bits=4, tolerance=0.5)
SMALLEST = 2048
"""Weights of fewer values stay in fp16: there is nothing to win in them (coremltools' default)."""


def w8_coreml_from_coreml(source: Artifact, out: Path) -> Artifact:
    """Store weights as signed 8-bit integers with one scale per output channel.

    Args:
        source: A Core ML artifact in fp16; widths stay as they are.
        out: The artifact's directory; replaced if it is there.

    Raises:
        ExportError: If coremltools fails, or the logits move further than such weights explain.
    """
    return _compress(source, out, W8)


def pal6_coreml_from_coreml(source: Artifact, out: Path) -> Artifact:
    """Store each weight as indices into a palette of 64 values, chosen by k-means; see ``w8_coreml_from_coreml``."""
    return _compress(source, out, PAL6)


def pal4_coreml_from_coreml(source: Artifact, out: Path) -> Artifact:
    """Store each weight as indices into a palette of 16 values, chosen by k-means; see ``w8_coreml_from_coreml``."""
    return _compress(source, out, PAL4)


def _compress(source: Artifact, out: Path, compression: Compression) -> Artifact:
    stage = f"{compression.precision}_coreml_from_coreml"
    path = package_path(source)
    with converting(stage, source.path):
        model = _compressed(path, compression)
    with derived_artifact(
        out,
        source,
        stage=stage,
        format="coreml",
        precision=compression.precision,
        tools=("coremltools", "scikit-learn"),
        options={**source.provenance.options, "bits": compression.bits, "smallest": SMALLEST},
    ) as folder:
        save_package(model, folder / PACKAGE)
        before, after = (Evaluator(package, plain_name(source.spec.input.name)) for package in (path, folder / PACKAGE))
        require_agreement(
            stage,
            compared_spec(source.spec, after),
            package_forward(before, source.spec),
            package_forward(after, source.spec),
            tolerance=compression.tolerance,
        )
    return load_artifact(out)


def _compressed(path: Path, compression: Compression) -> Any:
    ct = import_coremltools()
    from coremltools.optimize import coreml as optimize

    model = ct.models.MLModel(str(path), skip_model_load=True)
    if compression.precision is Precision.W8:
        linear = optimize.OpLinearQuantizerConfig(
            mode="linear_symmetric", dtype="int8", granularity="per_channel", weight_threshold=SMALLEST
        )
        return optimize.linear_quantize_weights(model, optimize.OptimizationConfig(global_config=linear))
    palette = optimize.OpPalettizerConfig(mode="kmeans", nbits=compression.bits, weight_threshold=SMALLEST)
    return optimize.palettize_weights(model, optimize.OptimizationConfig(global_config=palette))


STAGE = "int8_litert_from_litert"


def int8_litert_from_litert(source: Artifact, out: Path) -> Artifact:
    """Quantize the weights of an fp32 LiteRT artifact per output channel; equal input gives equal bytes.

    Nothing is calibrated: activations get their range line by line, where the kernels compute in integers.

    Args:
        source: A LiteRT artifact in fp32.
        out: The artifact's directory; replaced if it is there.

    Raises:
        ExportError: If the quantizer fails.
    """
    with quiet_converter(STAGE, source.path):
        from ai_edge_quantizer import quantizer, recipe

        quantizer = quantizer.Quantizer(str(source.file(".tflite")))
        quantizer.load_quantization_recipe(recipe.dynamic_wi8_afp32())
        data = bytes(quantizer.quantize().quantized_model)
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="litert",
        precision=Precision.INT8,
        tools=("ai-edge-quantizer", "ai-edge-litert"),
        options={"recipe": "dynamic_wi8_afp32", **source.provenance.options},
    ) as folder:
        (folder / "model.tflite").write_bytes(data)
    return load_artifact(out)
