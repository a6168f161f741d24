"""The toy's ONNX graph, its traces, and copies with a fault planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inkport.benchmarks.checks.debug.divergence import compare_traces
from inkport.benchmarks.checks.debug.graph import Graph
from inkport.benchmarks.checks.debug.opened import DebugTarget, open_target
from inkport.core.artifact import Artifact, Provenance, load_artifact, new_artifact
from inkport.core.preprocess import prepare
from inkport.lines.source import read_lines


onnx = pytest.importorskip("onnx", reason="graphs are built with onnx")
pytest.importorskip("onnxruntime", reason="the engine under test")


@pytest.fixture(scope="session")
def debug_int8(toy_onnx, lines_folder, tmp_path_factory):
    from inkport.export.quantize.calibration import choose_calibration
    from inkport.export.quantize.onnx_int8 import int8_onnx_from_onnx

    chosen = choose_calibration(read_lines([lines_folder]), toy_onnx.spec.preprocess, count=4)
    return int8_onnx_from_onnx(toy_onnx, tmp_path_factory.mktemp("debug-int8") / "onnx-int8", calibration=chosen)


@pytest.fixture(scope="session")
def debug_image(toy_onnx, lines_folder):
    line = next(iter(read_lines([lines_folder])))
    return prepare(line.gray(), toy_onnx.spec.preprocess)


@pytest.fixture(scope="session")
def toy_graph(toy_onnx):
    return Graph(toy_onnx.file(".onnx"))


@pytest.fixture(scope="session")
def opened(debug_image):
    """Open and trace an artifact with a runtime; clean ones once per run."""
    known = {}

    def trace(artifact: Artifact, runtime: str = "onnxruntime"):
        key = (artifact.digest, runtime)
        if key not in known:
            target = DebugTarget(label=f"{runtime} {artifact.precision}", runtime=runtime, artifact=artifact)
            known[key] = open_target(target, debug_image)
        return known[key]

    return trace


@pytest.fixture
def compared(toy_graph, debug_image, opened, toy_onnx):
    """Compare two artifacts, the second by default in ONNX Runtime, by the operators of the toy's fp32 graph."""

    def compare(second, runtime="onnxruntime", *, first=None):
        left, right = first or opened(toy_onnx), opened(second, runtime)
        return compare_traces(toy_graph, debug_image, (left.trace, right.trace))

    return compare


@pytest.fixture
def planted(tmp_path):
    """Return a copy of an ONNX artifact whose model a function has changed."""

    def plant(source: Artifact, change) -> Artifact:
        model = onnx.load(source.file(".onnx"))
        change(model)
        path: Path = tmp_path / f"planted-{len(list(tmp_path.iterdir()))}"
        with new_artifact(
            path, spec=source.spec, format="onnx", precision=source.precision, provenance=Provenance(stage="test")
        ) as folder:
            (folder / "model.onnx").write_bytes(model.SerializeToString())
        return load_artifact(path)

    return plant


def scaled(model, name: str, factor: float) -> None:
    """Multiply an initializer."""
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    values = onnx.numpy_helper.to_array(tensor) * np.float32(factor)
    tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float32), name))


@pytest.fixture
def scale_constant():
    return scaled
