"""ONNX in int8 from ONNX in fp32: static quantisation in QDQ form.

Activations are unsigned and weights signed 8-bit integers, weights per output channel: the pair for which x86
with VNNI has instructions. Ranges are fixed at export, so a line's text depends on nothing but the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.config import to_plain
from inkport.core.errors import ExportError
from inkport.core.target import Precision
from inkport.export.calibration import CalibrationSet
from inkport.export.from_onnx.ranges import Ranges, activation_ranges
from inkport.export.graph import onnx_forward, portable_bytes
from inkport.export.record import derived_artifact


STAGE = "int8_onnx_from_onnx"
OPERATORS = ("Conv", "MatMul", "Relu")
"""What is quantised; Relu so that a convolution's range is that of its Relu, which then costs nothing."""


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
    """What is quantised, and how. The defaults are measured: docs/export.md.

    Raises:
        ExportError: If the percentile is out of range.
    """

    ranges: Ranges = Ranges.LEAST_SQUARES
    """How activations' ranges are found."""
    percentile: float = 99.99
    """Share of values, in percent, within the range; used with ``percentile`` ranges alone."""
    keep_fp32: tuple[Part, ...] = (Part.STEM, Part.DEPTHWISE, Part.ATTENTION, Part.HEAD)
    """Parts that are not quantised."""
    reduce_range: bool = False
    """Whether weights get 7 bits, so that x86 without VNNI cannot saturate (``from_onnx.saturation``)."""

    def __post_init__(self) -> None:
        if not 50 < self.percentile <= 100:
            raise ExportError(f"percentile must be above 50 and at most 100, found {self.percentile}")


def int8_onnx_from_onnx(
    source: Artifact, out: Path, *, calibration: CalibrationSet, options: Int8Options | None = None
) -> Artifact:
    """Quantise convolutions and matrix products; equal input and calibration lines give equal bytes.

    Args:
        source: An ONNX artefact in fp32.
        out: The artefact's directory; replaced if it is there.
        calibration: Lines that the ranges are taken from.
        options: What is quantised, and how; ``Int8Options()`` if None.

    Raises:
        ExportError: If the quantiser fails, or ONNX Runtime cannot load what it made.
    """
    options = options or Int8Options()
    path = source.file(".onnx")
    try:
        data = portable_bytes(_quantised(path, source.spec.input.name, calibration.inputs, options))
        onnx_forward(data, source.spec)
    except ModuleNotFoundError:
        raise
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ExportError(f"{STAGE}: {path}: {reason}") from error
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="onnx",
        precision=Precision.INT8,
        tools=("onnx", "onnxruntime"),
        options=to_plain(options),
        calibration=calibration.record,
    ) as folder:
        (folder / "model.onnx").write_bytes(data)
    return load_artifact(out)


def _quantised(path: Path, input_name: str, inputs: Sequence[npt.NDArray[np.float32]], options: Int8Options) -> Any:
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = onnx.load(path)
    ranges = activation_ranges(model, OPERATORS, inputs, method=options.ranges, percentile=options.percentile)
    with TemporaryDirectory() as folder:
        shaped, quantised = Path(folder, "shaped.onnx"), Path(folder, "int8.onnx")
        # Its symbolic shape inference cannot follow the graphs of torch's exporter.
        quant_pre_process(path, shaped, skip_symbolic_shape=True, skip_optimization=True)
        quantize_static(
            shaped,
            quantised,
            # It insists on measuring something; all ranges are given below.
            _OneLine(input_name, inputs[0]),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(OPERATORS),
            nodes_to_exclude=nodes_of(model, options.keep_fp32),
            per_channel=True,
            reduce_range=options.reduce_range,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={
                "TensorQuantOverrides": {
                    name: [{"rmin": np.float32(low), "rmax": np.float32(high)}] for name, (low, high) in ranges.items()
                },
                # The sums of a matrix product go on in fp32 (bias, residual, norm), so rounding them gains nothing.
                "OpTypesToExcludeOutputQuantization": ["MatMul"],
            },
        )
        return onnx.load(quantised)


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
    """Hands one calibration line to the quantiser."""

    def __init__(self, input_name: str, image: npt.NDArray[np.float32]) -> None:
        self._feeds = [{input_name: image}]

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        return self._feeds.pop() if self._feeds else None
