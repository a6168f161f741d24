"""ONNX in int8 from ONNX in fp32: static quantization in QDQ form.

Unless told otherwise, activations are unsigned and weights signed 8-bit integers, weights per output channel: the pair
for which x86 with VNNI has instructions. Ranges are fixed at export, so a line's text depends on nothing but the line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import feed
from inkport.core.artifact import Artifact, load_artifact
from inkport.core.config import to_plain
from inkport.core.errors import ExportError, ExportRequestError
from inkport.core.scratch import scratch
from inkport.core.target import Precision
from inkport.export.graph import onnx_forward, portable_bytes, raised
from inkport.export.quantize.calibration import (
    LEARNED,
    CalibrationSet,
    find_learned_ranges,
    learned_calibration,
    learned_options,
)
from inkport.export.quantize.ranges import Ranges, activation_ranges
from inkport.export.quiet_converter import failing
from inkport.export.record import derived_artifact
from inkport.runtimes.onnx_graph import load_onnx


STAGE = "int8_onnx_from_onnx"
RAISED = "onnx-fp32-raised"
"""Folder beside the artifact with the copy of a file that is too old for int8."""
AT_THE_END = "_QuantizeLinear_Input"
"""What ONNX Runtime's quantizer adds to the name of an output that it rounds."""
OPERATORS = ("Conv", "MatMul", "Relu")
"""What is quantized; Relu so that a convolution's range is that of its Relu, which then costs nothing."""
QUANTIZABLE = (*OPERATORS, "ConvTranspose")
"""What can be."""


class Part(StrEnum):
    """A part of the network that can stay in fp32."""

    STEM = "stem"
    """The first two convolutions: few channels, so little to gain, and every later layer inherits their error."""
    DEPTHWISE = "depthwise"
    """Grouped convolutions: few products, and ranges that differ much between channels."""
    ATTENTION = "attention"
    """Products of two activations."""
    HEAD = "head"
    """The layer that makes the logits."""


@dataclass(frozen=True, kw_only=True)
class Int8Options:
    """What is quantized, and how. The defaults are measured: docs/export.md.

    Raises:
        ExportRequestError: If the percentile is out of range, or an operator is not one that can be quantized.
    """

    ranges: Ranges = Ranges.LEAST_SQUARES
    """How activations' ranges are found."""
    percentile: float = 99.99
    """Share of values, in percent, within the range; used with ``percentile`` ranges alone."""
    operators: tuple[str, ...] = OPERATORS
    """Types of operators that are quantized; all others stay in fp32."""
    keep_fp32: tuple[Part, ...] = (Part.STEM, Part.DEPTHWISE, Part.ATTENTION, Part.HEAD)
    """Parts that are not quantized."""
    keep_nodes: tuple[str, ...] = ()
    """Further operators that are not quantized, by the names of their nodes."""
    per_channel: bool = True
    """Whether weights have one step per output channel; else one for all."""
    symmetric: bool = False
    """Whether activations are signed, in ranges as wide below 0 as above, instead of unsigned with a zero point."""
    reduce_range: bool = False
    """Whether weights get 7 bits, so that x86 without VNNI cannot saturate (``quantize.qdq``)."""

    def __post_init__(self) -> None:
        if not 50 < self.percentile <= 100:
            raise ExportRequestError(f"percentile must be above 50 and at most 100, found {self.percentile}")
        if unknown := [name for name in self.operators if name not in QUANTIZABLE]:
            raise ExportRequestError(
                f"operators: {', '.join(unknown)} cannot be quantized, only {', '.join(QUANTIZABLE)} can"
            )


ActivationRanges = Mapping[str, tuple[float, float]]
"""Smallest and largest value to represent, by name of the tensor."""


def measure_ranges(source: Artifact, calibration: CalibrationSet, options: Int8Options) -> ActivationRanges:
    """Measure the ranges of every tensor that could be quantized.

    They follow from the calibration lines, ``ranges`` and ``percentile`` alone, so one measurement serves all choices
    of what is quantized.
    """
    return activation_ranges(
        load_onnx(source.file(".onnx")),
        OPERATORS,
        [part for image in calibration.inputs for part in feed(image, source.spec)],
        method=options.ranges,
        percentile=options.percentile,
    )


def int8_onnx_from_onnx(
    source: Artifact,
    out: Path,
    *,
    calibration: CalibrationSet | None = None,
    options: Int8Options | None = None,
    ranges: ActivationRanges | None = None,
    record: Mapping[str, Any] | None = None,
) -> Artifact:
    """Quantize convolutions and matrix products; equal input and calibration lines give equal bytes.

    Args:
        source: An ONNX artifact in fp32.
        out: The artifact's directory; replaced if it is there.
        calibration: Lines that the ranges are taken from; needed unless training learned them.
        options: What is quantized, and how; ``Int8Options()`` if None.
        ranges: From ``measure_ranges`` with the same lines and options, to save the time. If None, those that training
            learned (``export.learned``), and measured here where it learned none.
        record: What else the artifact's provenance shall say, beside the options.

    Raises:
        ExportRequestError: If an operator to keep is not in the graph, or there are neither lines nor learned ranges.
        ExportError: If the quantizer fails, ONNX Runtime cannot load what it made, a tensor has no range, or nothing
            would be quantized.
    """
    options = options or Int8Options()
    path = source.file(".onnx")
    if ranges is None and (found := find_learned_ranges(source.provenance.options)) is not None:
        calibration, ranges = learned_calibration(found, source.spec), found.pairs
        record = {"ranges": LEARNED, **learned_options(found), **(record or {})}
    if calibration is None:
        raise ExportRequestError(f"{STAGE}: {path}: neither lines nor learned ranges", remedy="pass calibration lines")
    with failing(STAGE, path, ours=ExportError):
        ranges = ranges or measure_ranges(source, calibration, options)
        copy = raised(source, out.parent / RAISED, lines=calibration.inputs, stage=STAGE)
        if copy is not source:
            record = {"raised": copy.digest, **(record or {})}
        image = feed(calibration.inputs[0], source.spec)[0]
        made = quantized_graph(load_onnx(copy.file(".onnx")), source.spec.input.name, image, options, ranges)
        _require_products(made, path)
        data = portable_bytes(made)
        onnx_forward(data, source.spec)
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="onnx",
        precision=Precision.INT8,
        tools=("onnx", "onnxruntime"),
        options={**to_plain(options), **(record or {})},
        calibration=calibration.record,
    ) as folder:
        (folder / "model.onnx").write_bytes(data)
    return load_artifact(out)


def quantized_graph(
    model: Any,
    input_name: str,
    image: npt.NDArray[np.float32],
    options: Int8Options,
    ranges: ActivationRanges,
) -> Any:
    """Return a graph in QDQ form.

    Args:
        model: An ``onnx.ModelProto`` in fp32; left as it is.
        input_name: Name of its one input.
        image: One that it can be run on.
        options: What is quantized, and how.
        ranges: Of every tensor that is.

    Raises:
        ExportRequestError: If an operator to keep is not in the graph.
        ExportError: If a tensor has no range.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with scratch("int8") as folder:
        path, shaped, quantized = (folder / name for name in ("fp32.onnx", "shaped.onnx", "int8.onnx"))
        onnx.save(model, path)
        # Its symbolic shape inference cannot follow the graphs of torch's exporter.
        quant_pre_process(path, shaped, skip_symbolic_shape=True, skip_optimization=True)
        quantize_static(
            shaped,
            quantized,
            # It insists on measuring something; all ranges are given below.
            _OneLine(input_name, image),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(options.operators),
            nodes_to_exclude=kept_nodes(model, options),
            per_channel=options.per_channel,
            reduce_range=options.reduce_range,
            activation_type=QuantType.QInt8 if options.symmetric else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={
                "ActivationSymmetric": options.symmetric,
                "TensorQuantOverrides": {
                    name: [{"rmin": np.float32(low), "rmax": np.float32(high)}] for name, (low, high) in ranges.items()
                },
                # The sums of a matrix product go on in fp32 (bias, residual, norm), so rounding them gains nothing.
                "OpTypesToExcludeOutputQuantization": ["MatMul"],
            },
        )
        made = onnx.load(quantized)
    # What ONNX Runtime rounds at the graph's end gets a name after the output's.
    rounded = [n.input[0].removesuffix(AT_THE_END) for n in made.graph.node if n.op_type == "QuantizeLinear"]
    if missing := [name for name in rounded if name not in ranges]:
        raise ExportError(f"{STAGE}: no range for {', '.join(missing)}, which would be quantized")
    return made


def _require_products(model: Any, path: Path) -> None:
    """Refuse a network of which no convolution or matrix product was quantized: it would be fp32 by another name."""
    expanded = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    products = [node for node in model.graph.node if node.op_type in ("Conv", "MatMul")]
    if not any(set(node.input[:2]) <= expanded for node in products):
        raise ExportError(
            f"{STAGE}: {path}: none of its {len(products)} convolutions and matrix products would be in int8: all are "
            "kept in fp32, or of another type",
            remedy="keep fewer parts in fp32 (`inkport quantize apply --set keep_fp32=[]`), or use fp32",
        )


def kept_nodes(model: Any, options: Int8Options) -> list[str]:
    """Return the names of the nodes that stay in fp32 although their type is quantized, in the graph's order.

    Raises:
        ExportRequestError: If ``keep_nodes`` names one that is not in the graph.
    """
    names = [node.name for node in model.graph.node if node.op_type in QUANTIZABLE]
    if unknown := sorted(set(options.keep_nodes) - set(names)):
        raise ExportRequestError(
            f"keep_nodes: {', '.join(unknown)}: no such operator in this graph",
            remedy=f"its operators: {', '.join(names)}",
        )
    kept = {*nodes_of(model, options.keep_fp32), *options.keep_nodes}
    return [name for name in names if name in kept]


def nodes_of(model: Any, parts: Sequence[Part]) -> list[str]:
    """Return the names of the nodes of an ``onnx.ModelProto`` that belong to ``parts``, in the graph's order."""
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    products = [node for node in graph.node if node.op_type == "MatMul"]
    found = {
        Part.STEM: convolutions[:2],
        Part.DEPTHWISE: [node for node in convolutions if any(a.name == "group" and a.i > 1 for a in node.attribute)],
        Part.ATTENTION: [node for node in products if node.input[1] not in weights],
        Part.HEAD: [node for node in products if node.input[1] in weights][-1:],
    }
    names = {node.name for part in parts for node in found[part]}
    return [node.name for node in graph.node if node.name in names]


class _OneLine:
    """Hands one calibration line to the quantizer."""

    def __init__(self, input_name: str, image: npt.NDArray[np.float32]) -> None:
        self._feeds = [{input_name: image}]

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        return self._feeds.pop() if self._feeds else None
