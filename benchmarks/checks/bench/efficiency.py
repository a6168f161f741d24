"""What targets make of the machine: their rate against the measured peaks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inkport.benchmarks.checks.bench.operations import Operations, count_operations
from inkport.benchmarks.checks.bench.report import Efficiency
from inkport.benchmarks.measure.width_cost import Curve
from inkport.benchmarks.run.machine.peaks import Peaks
from inkport.benchmarks.run.reference import Provide
from inkport.core.errors import InkportError
from inkport.core.target import Precision, Target


BYTES = {Precision.FP32: 4, Precision.FP16: 2, Precision.BF16: 2, Precision.INT8: 1}
"""Bytes per operand; weights of the others are expanded before use."""


def operations_at(widths: Sequence[int], provide: Provide) -> dict[int, Operations]:
    """Count the operations of a line at each width, in the model's fp32 ONNX graph.

    Args:
        widths: Widths, in pixels.
        provide: Returns the artifact of a target.

    Returns:
        By width; empty where there is no such graph, onnx is not installed, or a shape does not follow.
    """
    try:
        artifact = provide(Target(name="operations", runtime="onnxruntime", precision=Precision.FP32))
        height = artifact.spec.preprocess.height
        return {w: count_operations(Path(artifact.file(".onnx")), height=height, width=w) for w in sorted(set(widths))}
    except (InkportError, ModuleNotFoundError):
        return {}


def efficiency(
    curve: Curve | None, operations: dict[int, Operations], precision: Precision, peaks: Peaks | None
) -> list[Efficiency]:
    """Relate a target's fitted times to the operations at each width, and to the peaks.

    Args:
        curve: Its times.
        operations: By width.
        precision: What it computes in.
        peaks: The machine's, if they were measured.
    """
    if curve is None:
        return []
    peak = peaks.compute.get(str(precision)) if peaks else None
    found = []
    for width, count in operations.items():
        seconds = curve.cost.time_ms(width) / 1e3
        gmac, gb = count.macs / seconds / 1e9, count.elements * BYTES.get(precision, 4) / seconds / 1e9
        found.append(
            Efficiency(
                width_px=width,
                macs=count.macs,
                gmac_per_s=gmac,
                of_peak=gmac / peak.gmac_per_s if peak else None,
                gb_per_s=gb,
                of_bandwidth=gb / peaks.copy_gb_per_s if peaks else None,
            )
        )
    return found
