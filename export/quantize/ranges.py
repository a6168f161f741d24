"""Which values an 8-bit activation must cover, measured on calibration lines one at a time, at their own widths."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ExportError
from inkport.export.quantize.entropy import entropy_range
from inkport.export.quiet_converter import first_line


BINS = 2048
"""Bins of a tensor's histogram, over its whole range."""
SHARES = np.linspace(1.0, 0.2, 81)
"""Shares of the whole range that the search for the least squared error tries."""


class Ranges(StrEnum):
    """How a tensor's range follows from its values."""

    MIN_MAX = "min-max"
    """The smallest and the largest value."""
    PERCENTILE = "percentile"
    """The values that cut off a share of the smallest and the largest."""
    LEAST_SQUARES = "least-squares"
    """The range with the least squared error: coarser steps weighed against cut-off values."""
    ENTROPY = "entropy"
    """The range whose quantized values keep the distribution best (``entropy_range``)."""


def activation_ranges(
    model: Any,
    operators: Collection[str],
    inputs: Sequence[npt.NDArray[np.float32]],
    *,
    method: Ranges,
    percentile: float,
) -> dict[str, tuple[float, float]]:
    """Measure what goes into and comes out of a model's operators.

    Args:
        model: An ``onnx.ModelProto`` in fp32 with one input; left as it is.
        operators: Types of operators, for example ``Conv``.
        inputs: Calibration images, each float32 (1, 1, h, w).
        method: How a range follows from the values.
        percentile: Share of the values, in percent, within the range; for ``PERCENTILE`` alone.

    Returns:
        Smallest and largest value to represent, by name of the tensor; 0 lies always between them.
    """
    tensors = _activations(model, operators)
    run = watched(model, tensors)
    limits = np.zeros((len(tensors), 2))
    for line in inputs:
        for index, values in enumerate(run(line)):
            limits[index] = min(limits[index, 0], values.min()), max(limits[index, 1], values.max())
    if method is Ranges.MIN_MAX:
        return {name: (float(low), float(high)) for name, (low, high) in zip(tensors, limits, strict=True)}
    counts = np.zeros((len(tensors), BINS))
    for line in inputs:
        for index, values in enumerate(run(line)):
            counts[index] += np.histogram(values, BINS, range=tuple(limits[index]))[0]
    found = {}
    for name, (low, high), count in zip(tensors, limits, counts, strict=True):
        centres = low + (high - low) * (np.arange(BINS) + 0.5) / BINS
        if method is Ranges.PERCENTILE:
            found[name] = _percentile_range(centres, count, percentile)
        elif method is Ranges.ENTROPY:
            found[name] = entropy_range(centres, count)
        else:
            found[name] = least_squares_range(centres, count)
    return found


def least_squares_range(values: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the range, 0 included, whose 255 steps represent ``values`` with the least squared error.

    Args:
        values: Sorted.
        counts: How often each occurs.

    Source:
        Jacob et al. 2018 for the steps; minimising the squared error over clipping values as in Banner et al.,
        *Post Training 4-bit Quantization* (NeurIPS 2019), on the histogram instead of a fitted distribution.
    """
    low, high = min(0.0, float(values[0])), max(0.0, float(values[-1]))

    def error(bottom: float, top: float) -> float:
        cut = np.maximum(np.maximum(values - top, bottom - values), 0.0)
        rounding = ((top - bottom) / 255) ** 2 / 12
        return float(counts @ np.where(cut > 0, cut**2, rounding))

    best_low, best_high = low, high
    # One end at a time; the two hardly depend on one another, so the second round changes little.
    for _ in range(2):
        best_high = min((high * share for share in SHARES), key=lambda top: error(best_low, top))
        best_low = min((low * share for share in SHARES), key=lambda bottom: error(bottom, best_high))
    return best_low, best_high


def _percentile_range(
    values: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], percentile: float
) -> tuple[float, float]:
    below = np.cumsum(counts) / counts.sum()
    tail = (100.0 - percentile) / 200.0
    low, high = np.searchsorted(below, [tail, 1.0 - tail])
    return min(0.0, float(values[low])), max(0.0, float(values[min(high, len(values) - 1)]))


def _activations(model: Any, operators: Collection[str]) -> list[str]:
    weights = {tensor.name for tensor in model.graph.initializer}
    names = [
        name
        for node in model.graph.node
        if node.op_type in operators
        for name in (*node.input, *node.output)
        if name and name not in weights
    ]
    return list(dict.fromkeys(names))


def watched(model: Any, tensors: Sequence[str]) -> Callable[[npt.NDArray[np.float32]], list[npt.NDArray[np.float32]]]:
    """Return a function from images to the values of ``tensors``, computed in fp32 with nothing fused.

    Args:
        model: An ``onnx.ModelProto`` with one input; left as it is.
        tensors: Names of tensors in its graph.

    Raises:
        ExportError: If ONNX Runtime cannot load the graph; the function, if it cannot run it.
    """
    import onnx
    import onnxruntime

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in tensors)
    options = onnxruntime.SessionOptions()
    # Fused operators would not show every value that will be quantised.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])
        (image,) = (value.name for value in session.get_inputs())
    except Exception as error:
        raise _not_run(error) from error

    def run(images: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        try:
            return list(session.run(tensors, {image: images}))
        except Exception as error:
            raise _not_run(error) from error

    return run


def _not_run(error: Exception) -> ExportError:
    said = f"the graph cannot be run to see its values ({first_line(error)})"
    return ExportError(said, remedy="export the ONNX artifact again")
