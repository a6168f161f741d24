"""What a whole reader in one ONNX graph costs: docs/results/onnx-app.md is its output.

    python scripts/onnx_app.py [--rounds N] [--out docs/results/onnx-app]

The same lines are read twice in ONNX Runtime with one thread, in turns: by the graph, and by the network alone between
preparation and greedy decoding in Python. Then the resampling alone is timed: as the graph has it, with the rows that
contribute, with matrices of all weights, and in Python. Of each line the fastest of all rounds counts, in which there
is least of what else the machine does; ratios are of the same run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure.quantiles import Quantile, quantile
from inkport.core.artifact import Artifact, bundled_artifacts, load_artifact
from inkport.core.ctc import greedy
from inkport.core.files import write_atomically
from inkport.core.preprocess import PreprocessSpec, prepare, prepare_bytes, to_bytes
from inkport.core.scratch import scratch
from inkport.core.tables import Table, markdown_table
from inkport.core.target import Precision
from inkport.core.triangle import SHIFT
from inkport.export.app import preparation
from inkport.export.app.emitter import FLOAT, INT64, Emitter
from inkport.export.app.interface import IMAGE, OPSET, TENSOR
from inkport.export.app.preparation import emit_preparation
from inkport.export.plan import build
from inkport.lines.samples import sample_lines
from inkport.lines.source import read_lines


LINES = 60
"""Sample lines that are timed, evenly among all."""
Pixels = npt.NDArray[np.uint8]
Work = Callable[[Pixels], Any]


@dataclass(frozen=True)
class Row:
    """One reader's cost."""

    model: str
    """Name and precision."""
    network_bytes: int
    """Size of the network's ONNX file."""
    app_bytes: int
    """Size of the whole reader's."""
    host_ms: float
    """Median over the lines of preparation, network and decoding."""
    app_ms: float
    """The same of the graph."""
    ratio: Quantile
    """Median over the lines of the graph's time divided by the host's, with its 95 % interval."""


def main() -> int:
    """Time the shipped models, print the report, and write it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15, help="how often all lines are read")
    parser.add_argument("--out", type=Path, help="where to write NAME.json and NAME.md")
    arguments = parser.parse_args()
    step = 300 // LINES
    pictures = [to_bytes(line.pixels()) for line in islice(read_lines([sample_lines()]), 0, None, step)][:LINES]
    with scratch("onnx-app") as work:
        weights = load_artifact(Path(str(files("inkport.model"))) / "shipped" / "convtext-tiny")
        networks = [build(weights, format="onnx", precision=Precision.FP32, work=work / "tiny")]
        networks += [artifact for artifact in bundled_artifacts() if artifact.format == "onnx"]
        rows = [_row(network, pictures, arguments.rounds, work) for network in networks]
    resampling = _resampling(pictures, networks[0].spec.preprocess, arguments.rounds)
    text = report(rows, resampling, len(pictures), arguments.rounds)
    if arguments.out:
        found = {
            "lines": len(pictures),
            "rounds": arguments.rounds,
            "rows": [asdict(row) for row in rows],
            "resampling": {name: asdict(value) for name, value in resampling.items()},
        }
        write_atomically(arguments.out.with_suffix(".json"), json.dumps(found, indent=1).encode() + b"\n")
        write_atomically(arguments.out.with_suffix(".md"), text.encode())
    sys.stdout.write(text)
    return 0


def _row(network: Artifact, pictures: Sequence[Pixels], rounds: int, work: Path) -> Row:
    place = work / f"{network.spec.name}-{network.precision}"
    app = build(network, format="onnx-app", precision=network.precision, work=place)
    alone, whole = (_session(artifact.file(".onnx")) for artifact in (network, app))
    spec = network.spec

    def host(gray: Pixels) -> object:
        return greedy(alone.run(None, {spec.input.name: prepare(gray, spec.preprocess)})[0][0], spec.charset)

    def graph(gray: Pixels) -> object:
        return whole.run(None, {IMAGE: gray[..., None]})

    times = fastest({"host": host, "app": graph}, pictures, rounds)
    return Row(
        model=f"{spec.name} {network.precision}",
        network_bytes=network.bytes,
        app_bytes=app.bytes,
        host_ms=float(np.median(times["host"])),
        app_ms=float(np.median(times["app"])),
        ratio=quantile(times["app"] / times["host"], 0.5),
    )


def _resampling(pictures: Sequence[Pixels], spec: PreprocessSpec, rounds: int) -> dict[str, Quantile]:
    """Return the time of preparation by two graphs, as a ratio to Python's, after a comparison of their bytes."""
    banded, dense = (_preparation(spec, way) for way in (preparation.emit_resampling, emit_dense))
    ways: dict[str, Work] = {
        "Python": lambda gray: prepare(gray, spec),
        "banded": lambda gray: banded.run(None, {IMAGE: gray[..., None]}),
        "dense": lambda gray: dense.run(None, {IMAGE: gray[..., None]}),
    }
    for gray in pictures:
        expected = prepare_bytes(gray, spec)
        if not all(np.array_equal(ways[way](gray)[0], expected) for way in ("banded", "dense")):
            raise SystemExit(f"a graph does not prepare an image of {gray.shape} as Python does")
    times = fastest(ways, pictures, rounds)
    pairs = {"banded / Python": ("banded", "Python"), "dense / Python": ("dense", "Python")}
    pairs["dense / banded"] = ("dense", "banded")
    return {name: quantile(times[way] / times[base], 0.5) for name, (way, base) in pairs.items()}


def fastest(ways: Mapping[str, Work], pictures: Sequence[Pixels], rounds: int) -> dict[str, npt.NDArray[np.float64]]:
    """Return the least time of each way for each picture, in milliseconds; the ways take turns at each."""
    found = {way: np.full((rounds, len(pictures)), np.inf) for way in ways}
    for run in range(rounds):
        for index, picture in enumerate(pictures):
            for way, work in ways.items():
                start = time.perf_counter_ns()
                work(picture)
                found[way][run, index] = (time.perf_counter_ns() - start) / 1e6
    return {way: times.min(axis=0) for way, times in found.items()}


def emit_dense(emit: Emitter, image: str, source: str, target: str) -> str:
    """Resample along the first axis as ``emit_resampling`` does, by a matrix of all weights, zeros included."""
    one, two = emit.integer(1), emit.integer(2)
    reach = emit.op("Mul", two, emit.op("Max", source, target))
    odd = [emit.op("Add", emit.op("Mul", two, emit.count(count)), one) for count in (target, source)]
    centres, places = emit.op("Mul", odd[0], source), emit.op("Mul", odd[1], target)
    distance = emit.op("Abs", emit.op("Sub", emit.expand(places, 0), emit.expand(centres, 1)))
    near = emit.op("Max", emit.integer(0), emit.op("Sub", reach, distance))
    total = emit.op("ReduceSum", near, emit.constant([1], INT64), keepdims=1)
    scaled = emit.op("Add", emit.op("Mul", near, emit.integer(2 << SHIFT)), total)
    weights = emit.quotient(scaled, emit.op("Mul", two, total))
    shares = emit.op("Mul", emit.cast(weights, FLOAT), emit.number(2.0**-SHIFT))
    levels = emit.op("Floor", emit.op("Add", emit.op("MatMul", shares, image), emit.number(0.5)))
    return emit.op("Min", levels, emit.number(255.0))


def _preparation(spec: PreprocessSpec, resampling: Callable[[Emitter, str, str, str], str]) -> Any:
    """Return a session of the preparation alone, with one way of resampling."""
    from onnx import TensorProto, helper

    usual = preparation.emit_resampling
    emit = Emitter("preparation.")
    try:
        preparation.emit_resampling = resampling
        emit_preparation(emit, spec, output="images")
    finally:
        preparation.emit_resampling = usual
    inputs = [helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, [None] * 3)]
    outputs = [
        helper.make_tensor_value_info(name, kind, [None] * 4)
        for name, kind in ((TENSOR, TensorProto.UINT8), ("images", TensorProto.FLOAT))
    ]
    graph = helper.make_graph(emit.nodes, "preparation", inputs, outputs, emit.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    return _session(model.SerializeToString())


def _session(model: Path | bytes) -> Any:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])


def report(rows: Sequence[Row], resampling: Mapping[str, Quantile], lines: int, rounds: int) -> str:
    """Return the report as Markdown."""
    head = ("model", "network, kB", "whole reader, kB", "host, ms", "graph, ms", "graph / host")
    cells = tuple(
        (
            row.model,
            f"{row.network_bytes / 1000:.0f}",
            f"{row.app_bytes / 1000:.0f}",
            f"{row.host_ms:.2f}",
            f"{row.app_ms:.2f}",
            told(row.ratio),
        )
        for row in rows
    )
    parts = tuple((name, told(value)) for name, value in resampling.items())
    return (
        "# A whole reader in one graph\n\n"
        f"`scripts/onnx_app.py`; it says what is compared. {lines} sample lines, {rounds} rounds, ONNX Runtime with "
        "one thread; medians over the lines, in brackets the 95 % interval of the ratio.\n\n"
        f"{markdown_table(Table(head, cells, 1))}\n\n"
        "The preparation alone:\n\n"
        f"{markdown_table(Table(('ways', 'ratio of times'), parts, 1))}\n"
    )


def told(ratio: Quantile) -> str:
    """Return a ratio with its interval."""
    low, high = ratio.limits
    return f"{ratio.value:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    sys.exit(main())
