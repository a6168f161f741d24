"""torch, OpenVINO and the MIL reference evaluator: faithful ports part nowhere, and faults inside them are found."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from inkport.benchmarks.checks.debug.judge import compare_traces
from inkport.benchmarks.checks.debug.pairing import Side
from inkport.benchmarks.checks.debug.reproduction import write_reproduction
from inkport.core.registry import open_session
from inkport.core.target import Precision


def reproduce(folder):
    return subprocess.run([sys.executable, folder / "reproduce.py"], capture_output=True, text=True, check=False)


@pytest.fixture
def judged(toy_graph, debug_image, opened, toy_onnx):
    """Compare a session's trace with ONNX Runtime's."""

    def judge(session, precision=Precision.FP32):
        trace = Side(label="changed", precision=precision, trace=session.intermediates(debug_image))
        return compare_traces(toy_graph, debug_image, (opened(toy_onnx).trace, trace))

    return judge


@pytest.fixture(scope="session")
def toy_ir(toy_onnx, tmp_path_factory):
    pytest.importorskip("openvino", reason="the engine under test")
    from inkport.export.from_onnx.openvino_ir import openvino_from_onnx

    return openvino_from_onnx(toy_onnx, tmp_path_factory.mktemp("debug-ir") / "openvino-fp32")


@pytest.fixture(scope="session")
def toy_package(toy_artifact, tmp_path_factory):
    pytest.importorskip("coremltools", reason="the engine under test")
    from inkport.export.from_torch.coreml import fp16_coreml_from_safetensors

    return fp16_coreml_from_safetensors(toy_artifact, tmp_path_factory.mktemp("debug-mil") / "coreml-fp16")


def test_torch_parts_nowhere_from_onnxruntime(toy_artifact, compared):
    comparison = compared(toy_artifact, "torch")
    assert comparison.divergences == ()
    # Everything but the products inside torch's linear layers has a counterpart.
    assert len(comparison.compared) > 70


def test_an_epsilon_changed_in_torch_is_found(toy_artifact, judged, tmp_path):
    session = open_session(toy_artifact, runtime="torch").session
    session._network.encoder[0].norms[2].eps = 1e-3
    found = judged(session).divergences
    assert found[0].operator.name == "node_layer_norm_2"
    # On some images a faithful norm further on lies a quarter beyond its bound (1.26); this one, a thousand times.
    assert all(one.ratio < found[0].ratio / 100 for one in found[1:])
    run = reproduce(write_reproduction(found[0], session, tmp_path).folder)
    assert run.returncode == 1, run.stderr
    assert "times what precision explains" in run.stdout


def test_openvino_parts_nowhere_from_onnxruntime(toy_ir, compared):
    comparison = compared(toy_ir, "openvino")
    assert comparison.divergences == ()
    assert len(comparison.compared) > 80


def test_an_axis_swapped_before_openvino_is_found(*, toy_onnx, toy_ir, planted, compared, opened, tmp_path):
    from inkport.export.from_onnx.openvino_ir import openvino_from_onnx

    def change(model):
        node = next(node for node in model.graph.node if node.op_type == "Softmax")
        next(a for a in node.attribute if a.name == "axis").i = -2

    faulty = openvino_from_onnx(planted(toy_onnx, change), tmp_path / "openvino-fp32")
    first = compared(faulty, "openvino").divergences[0]
    assert first.operator.name == "node_softmax"
    folder = write_reproduction(first, opened(faulty, "openvino").session, tmp_path / "out").folder
    run = reproduce(folder)
    assert run.returncode == 1, run.stderr
    opened(toy_ir, "openvino").session.isolate(first.value, first.inputs, folder)
    assert reproduce(folder).returncode == 0


def test_mil_in_fp16_parts_nowhere_from_fp32(toy_package, compared):
    comparison = compared(toy_package, "coreml-mil")
    assert comparison.divergences == ()
    assert len(comparison.compared) > 70
    assert max(entry.difference for entry in comparison.compared) > 1e-4


def test_an_epsilon_changed_in_mil_is_found(toy_package, judged, tmp_path):
    session = open_session(toy_package, runtime="coreml-mil").session
    steps = list(session.evaluator.steps)
    index = [at for at, step in enumerate(steps) if step.kind == "layer_norm"][1]
    changed = {**steps[index].arguments, "epsilon": np.float32(0.5)}
    steps[index] = dataclasses.replace(steps[index], arguments=changed)
    session.evaluator.steps = tuple(steps)
    first = judged(session, Precision.FP16).divergences[0]
    assert first.operator.name == "node_layer_norm_1"
    run = reproduce(write_reproduction(first, session, tmp_path).folder)
    assert run.returncode == 1, run.stderr


def test_an_operator_that_is_wrong_only_with_its_quantizer_is_cut_out_with_it(toy_graph, tmp_path):
    """As OpenVINO's normalisation of a quantized input: alone it is right."""
    from inkport.benchmarks.checks.debug.judge import Fault, Finding
    from inkport.benchmarks.checks.debug.pairing import Match, Side
    from inkport.core.runtime import Intermediate

    class Fused:
        def isolate(self, output, inputs, folder):
            return f"def run(folder, inputs):\n    return inputs[{inputs[0]!r}] * {1 if inputs[0] == 'fq' else 3}\n"

    def item(name, kind, *inputs):
        return Intermediate(name=name, operator=name, kind=kind, inputs=inputs, value=np.ones((1, 2), np.float32))

    trace = [
        item("images", "Input"),
        item("x", "Relu", "images"),
        item("fq", "FakeQuantize", "x"),
        item("y", "Mul", "fq"),
    ]
    side = Side(label="B", precision=Precision.INT8, trace=trace, matches={"relu": Match(name="x", how="name")})
    finding = Finding(
        side=side,
        fault=Fault.OPERATOR,
        operator=toy_graph.operators[0],
        tensor="y",
        value="y",
        inputs=("fq",),
        expected=np.ones((1, 2)),
        found=np.full((1, 2), 3.0),
        ratio=9.0,
        allowed=0.1,
        bounds=np.full((1, 2), 0.1),
    )
    written = write_reproduction(finding, Fused(), tmp_path)
    assert written.shows
    assert list(np.load(written.folder / "inputs.npz")) == ["x"]
