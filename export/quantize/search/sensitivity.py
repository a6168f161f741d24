"""How much harm each operator does in int8: quantized alone, or alone left in fp32, measured by CER and by gaps."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from inkport.benchmarks.run.latency import measure as measure_times
from inkport.benchmarks.run.progress import Progress, silent
from inkport.core.artifact import Artifact
from inkport.core.errors import ArtifactCorruptError, InkportError, UsageError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.registry import open_session
from inkport.core.runtime import SessionOptions
from inkport.core.scratch import scratch
from inkport.export.quantize.calibration import CalibrationSet
from inkport.export.quantize.onnx_int8 import Int8Options, Part, int8_onnx_from_onnx, measure_ranges, nodes_of
from inkport.export.quantize.ranges import watched
from inkport.export.quantize.search.meter import Effect, Meter
from inkport.runtimes.onnx_graph import load_onnx


WEIGHTED = ("Conv", "MatMul")
"""Operators that are quantized for their own sake; a Relu goes with the convolution before it."""
WIDTH = 1024
"""Width in pixels of the image that the products are counted on, or the widest that the recogniser takes."""


class Grouping(StrEnum):
    """What is quantized together."""

    NODE = "node"
    """Every operator by itself."""
    PART = "part"
    """The stem, depthwise convolutions, attention, the head, other convolutions, other products."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Operators that are quantized together, or stay in fp32 together."""

    name: str
    """The node's name, or the part's."""
    operators: tuple[str, ...]
    """Types of its operators, each once."""
    nodes: tuple[str, ...]
    """Names of the ONNX nodes, in the graph's order."""
    weights: int
    """Values in their constant weights."""
    macs: int
    """Multiplications of one line of ``WIDTH`` pixels."""


def find_groups(source: Artifact, grouping: Grouping = Grouping.NODE) -> tuple[Group, ...]:
    """Return every convolution and matrix product of an ONNX artifact in groups, in the graph's order.

    Raises:
        ArtifactCorruptError: If its graph is damaged.
    """
    path = source.file(".onnx")
    model = load_onnx(path)
    try:
        return _groups(model, source.spec.preprocess, grouping)
    except InkportError:
        raise
    except Exception as error:
        raise ArtifactCorruptError(f"{path}: the graph is damaged ({error})", remedy="export it again") from error


def _groups(model: Any, preprocess: PreprocessSpec, grouping: Grouping) -> tuple[Group, ...]:
    nodes = [node for node in model.graph.node if node.op_type in WEIGHTED]
    macs = _products(model, nodes, preprocess)
    weights = {tensor.name: math.prod(tensor.dims) for tensor in model.graph.initializer}
    members: dict[str, list[Any]] = defaultdict(list)
    parts = _parts(model)
    for node in nodes:
        members[node.name if grouping is Grouping.NODE else parts.get(node.name, _other(node))].append(node)
    return tuple(
        Group(
            name=name,
            operators=tuple(dict.fromkeys(node.op_type for node in found)),
            nodes=tuple(node.name for node in found),
            weights=sum(weights.get(node.input[1], 0) for node in found),
            macs=sum(macs[node.name] for node in found),
        )
        for name, found in members.items()
    )


def _parts(model: Any) -> dict[str, str]:
    """Return the part of each node that belongs to one; the first where several claim it."""
    found: dict[str, str] = {}
    for part in Part:
        for name in nodes_of(model, [part]):
            found.setdefault(name, str(part))
    return found


def _other(node: Any) -> str:
    return "convolutions" if node.op_type == "Conv" else "products"


def _products(model: Any, nodes: Sequence[Any], preprocess: PreprocessSpec) -> dict[str, int]:
    """Return the multiplications of each node on one image, from the shapes that it really has."""
    tensors = list(dict.fromkeys(name for node in nodes for name in (node.input[0], node.output[0])))
    weights = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    width = min(WIDTH, preprocess.max_width // preprocess.width_multiple * preprocess.width_multiple)
    image = np.zeros((1, preprocess.planes, preprocess.height, width), np.float32)
    (given,) = (value.name for value in model.graph.input)
    inner = [name for name in tensors if name != given]
    shapes = dict(zip(inner, (values.shape for values in watched(model, inner)(image)), strict=True))
    shapes[given] = image.shape
    found = {}
    for node in nodes:
        terms = math.prod(weights[node.input[1]][1:]) if node.op_type == "Conv" else shapes[node.input[0]][-1]
        found[node.name] = math.prod(shapes[node.output[0]]) * terms
    return found


class Mode(StrEnum):
    """What is quantized to learn about an operator."""

    ONLY = "only"
    """It alone: the harm that it does."""
    ALL_BUT = "all-but"
    """Everything else: the harm that goes away with it, and the time that its fp32 costs."""


class Rank(StrEnum):
    """Which figure tells the harm."""

    CER = "cer"
    """Change of the CER. Of one operator it is often less than chance."""
    FLIPS = "flips"
    """Lines that read differently."""
    MARGINS = "margins"
    """Lines that should read differently, predicted from gaps: finer than counting, and needs few lines."""

    def of(self, effect: Effect) -> float:
        """Return the figure; larger is worse."""
        return {Rank.CER: effect.cer_change, Rank.FLIPS: effect.flips, Rank.MARGINS: effect.predicted_flips}[self]


@dataclass(frozen=True, kw_only=True)
class GroupSensitivity(Group):
    """What one group of operators does."""

    effect: Effect
    """What was measured with it alone quantized, or with everything else."""
    saved_ns: int | None = None
    """Median time per line that int8 saves in it, in nanoseconds; below 0 if it costs; absent if not timed."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """The sensitivity of every group."""

    mode: Mode
    """What was quantized."""
    cer: float
    """CER of fp32."""
    everything: Effect
    """Effect of quantizing all groups."""
    rows: tuple[GroupSensitivity, ...]
    """One per group, worst first."""

    def harm(self, row: GroupSensitivity, rank: Rank) -> float:
        """Return the harm of a group: in itself, or the share of all harm that goes away without it."""
        found = rank.of(row.effect)
        return found if self.mode is Mode.ONLY else rank.of(self.everything) - found

    def ranked(self, rank: Rank) -> list[GroupSensitivity]:
        """Return the rows, those first that do most harm; by name where they do the same."""
        return sorted(self.rows, key=lambda row: (-self.harm(row, rank), row.name))

    def by_saving(self, rank: Rank) -> list[GroupSensitivity]:
        """Return the rows, those first that do most harm per time that int8 saves in them.

        The saved time is what was measured if every row was timed, else the multiplications stand for it. A row that
        saves nothing comes before all others.
        """
        timed = all(row.saved_ns is not None for row in self.rows)

        def key(row: GroupSensitivity) -> tuple[bool, float, str]:
            saved = float(row.saved_ns or 0) if timed else float(row.macs)
            return saved > 0, -self.harm(row, rank) / saved if saved > 0 else -self.harm(row, rank), row.name

        return sorted(self.rows, key=key)


def keep_all_but(options: Int8Options, groups: Sequence[Group], quantized: Sequence[Group]) -> Int8Options:
    """Return settings under which only some of the groups are quantized, the rest as in ``options``."""
    wanted = {node for group in quantized for node in group.nodes}
    kept = (node for group in groups for node in group.nodes if node not in wanted)
    return replace(options, keep_fp32=(), keep_nodes=tuple(dict.fromkeys(kept)))


def scan(
    source: Artifact,
    *,
    calibration: CalibrationSet,
    options: Int8Options,
    meter: Meter,
    groups: Sequence[Group],
    mode: Mode = Mode.ONLY,
    timed: bool = False,
    known: Mapping[str, GroupSensitivity] | None = None,
    save: Callable[[Sequence[GroupSensitivity]], None] = lambda _: None,
    progress: Progress = silent,
) -> Scan:
    """Measure every group.

    Args:
        source: An ONNX artifact in fp32.
        calibration: Lines that the ranges are taken from.
        options: How to quantize; what is quantized (``keep_fp32``, ``keep_nodes``) is the scan's own choice.
        meter: Measures on validation lines.
        groups: From ``find_groups``.
        mode: What is quantized for each.
        timed: Whether to time each too; only on an otherwise idle machine.
        known: Rows of an interrupted scan of the same settings, by name; they are taken over.
        save: Called with all rows so far after each.
        progress: Told how far it is.
    """
    ranges = measure_ranges(source, calibration, options)
    rows: list[GroupSensitivity] = []
    with scratch("sensitivity") as folder:

        def quantize(quantized: Sequence[Group], name: str) -> Artifact:
            chosen = keep_all_but(options, groups, quantized)
            return int8_onnx_from_onnx(
                source, Path(folder, name), calibration=calibration, options=chosen, ranges=ranges
            )

        everything = quantize(groups, "everything")
        whole = meter.measure(everything)
        for number, group in enumerate(groups):
            progress("sensitivity", number, len(groups))
            row = (known or {}).get(group.name)
            if row is None:
                chosen = [group] if mode is Mode.ONLY else [other for other in groups if other is not group]
                artifact = quantize(chosen, "one")
                saved = None
                if timed:
                    saved = _saved_ns(meter, *((source, artifact) if mode is Mode.ONLY else (artifact, everything)))
                row = GroupSensitivity(**vars(group), effect=meter.measure(artifact), saved_ns=saved)
            rows.append(row)
            save(rows)
    found = Scan(mode=mode, cer=meter.cer, everything=whole, rows=tuple(rows))
    return replace(found, rows=tuple(found.ranked(Rank.MARGINS)))


def _saved_ns(meter: Meter, slow: Artifact, fast: Artifact) -> int:
    """Return the median difference per line, both timed in turns."""
    options = SessionOptions(threads=meter.threads)
    with (
        open_session(slow, runtime="onnxruntime", device="cpu", options=options) as first,
        open_session(fast, runtime="onnxruntime", device="cpu", options=options) as second,
    ):
        times = measure_times({"slow": first, "fast": second}, meter.audit.inputs)
    if times.errors:
        raise UsageError(f"timing failed: {next(iter(times.errors.values()))}")
    pairs = sorted(a - b for a, b in zip(times.ns["slow"], times.ns["fast"], strict=True))
    return pairs[len(pairs) // 2]
