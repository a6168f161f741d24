"""A reader that needs no training: the darkness of a frame is its label, in three products of an ONNX graph.

One channel carries the darkness, another a number so large that 8 bits for both leave nothing of the first: the head,
which multiplies them, is the operator that int8 harms.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inkport.core.artifact import Calibration, Provenance, load_artifact, new_artifact
from inkport.core.ctc import greedy
from inkport.core.target import Precision
from inkport.export.quantize.calibration import CalibrationSet
from inkport.export.quantize.search.meter import Meter
from inkport.lines.audit import Audit
from inkport.lines.line import Line


LABELS = 8
LARGE = 900.0


def tensor(name, values):
    return numpy_helper.from_array(np.asarray(values, np.float32), name)


def reader():
    first = np.zeros((4, 1, 48, 4))
    first[0] = -7.0 / 192
    middle, head = np.zeros((4, 4)), np.zeros((4, LABELS))
    middle[0, 0], middle[1, 1] = 1.0, LARGE
    head[0] = 2 * np.arange(LABELS)
    nodes = [
        helper.make_node("Conv", ["images", "w1", "b1"], ["c1"], name="first", strides=[48, 4], kernel_shape=[48, 4]),
        helper.make_node("Relu", ["c1"], ["r1"], name="relu1"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], name="second", kernel_shape=[1, 1]),
        helper.make_node("Squeeze", ["c2", "axis"], ["s"], name="squeeze"),
        helper.make_node("Transpose", ["s"], ["t"], name="transpose", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["t", "w3"], ["m"], name="middle"),
        helper.make_node("MatMul", ["m", "w4"], ["h"], name="head"),
        helper.make_node("Add", ["h", "head.bias"], ["logits"], name="add"),
    ]
    graph = helper.make_graph(
        nodes,
        "reader",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 48, "w"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", "t", LABELS])],
        [
            tensor("w1", first),
            tensor("b1", [7.0, 1.0, 0.0, 0.0]),
            tensor("w2", np.eye(4)[:, :, None, None]),
            tensor("w3", middle),
            tensor("w4", head),
            tensor("head.bias", -(np.arange(LABELS) ** 2)),
            numpy_helper.from_array(np.array([2], np.int64), "axis"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.fixture(scope="session")
def source(toy_spec, tmp_path_factory):
    """The reader as an ONNX artifact in fp32."""
    path = tmp_path_factory.mktemp("reader") / "onnx-fp32"
    with new_artifact(
        path, spec=toy_spec, format="onnx", precision=Precision.FP32, provenance=Provenance(stage="test")
    ) as folder:
        onnx.save(reader(), folder / "model.onnx")
    return load_artifact(path)


def draw(spec, seed, count):
    """Lines of frames whose darkness is a label's, give or take almost half of the way to the next."""
    rng = np.random.default_rng(seed)
    audit = Audit()
    for index in range(count):
        labels = rng.integers(0, LABELS, 40 + 4 * (index % 5))
        labels[rng.random(len(labels)) < 0.4] = 0
        shades = 1 - np.abs(labels + rng.uniform(-0.4, 0.4, len(labels))) / 7
        image = np.repeat(np.repeat(shades, 4)[None, None, None], 48, axis=2).astype(np.float32)
        text = greedy(np.eye(LABELS, dtype=np.float32)[labels], spec.charset).text
        audit.lines.append(Line(id=f"{seed}/{index}", image=text.encode(), text=text, dataset="drawn"))
        audit.inputs.append(image)
    return audit


@pytest.fixture(scope="session")
def audit(toy_spec):
    return draw(toy_spec, 1, 24)


@pytest.fixture(scope="session")
def calibration(toy_spec):
    lines = draw(toy_spec, 2, 4)
    record = Calibration(ids=tuple(line.id for line in lines.lines), sha256="2" * 64)
    return CalibrationSet(inputs=tuple(lines.inputs), record=record)


@pytest.fixture(scope="session")
def meter(source, audit):
    return Meter(source, audit, probes=6)
