"""ONNX in fp16 from ONNX in fp32: half the size, and what accelerators compute in anyway."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inkport.core.adapter import feed
from inkport.core.artifact import Artifact, load_artifact
from inkport.core.children import SIGNALLED, run_tied
from inkport.core.errors import ExportError
from inkport.core.scratch import scratch
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.export.agreement import COMPARED_LINES, Array, require_half
from inkport.export.graph import onnx_forward, portable_bytes
from inkport.export.quantize.ranges import Ranges, activation_ranges
from inkport.export.quiet_converter import failing
from inkport.export.record import derived_artifact
from inkport.runtimes.onnx_graph import load_onnx


STAGE = "fp16_onnx_from_onnx"
LARGEST = float(np.finfo(np.float16).max)
"""Largest number of fp16."""
SUMS = ("Conv", "MatMul", "Gemm", "Add", "Mul")
"""Operators whose results can outgrow fp16."""
RECURRENT = ("GRU", "LSTM", "RNN")
"""Operators that ONNX Runtime's CPU provider has in fp32 alone."""
LOADING = "import sys, onnxruntime as o; o.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])"
"""What the child runs that loads a graph."""
LOADING_S = 300
"""Seconds after which it is given up."""
HEADROOM = 4
"""How many times larger an activation may become on another line without leaving fp16."""


def fp16_onnx_from_onnx(source: Artifact, out: Path, *, lines: Sequence[Array] = ()) -> Artifact:
    """Store weights in fp16 and compute in it; images and logits stay float32, equal input gives equal bytes.

    Args:
        source: An ONNX artifact in fp32.
        out: The artifact's directory; replaced if it is there.
        lines: Prepared lines to measure both on; drawn strokes if left out.

    Raises:
        ExportError: If a weight or an activation is too large for fp16, an operator has no fp16 form, or the
            logits differ from the source's by more than fp16's rounding explains.
    """
    path = source.file(".onnx")
    with failing(STAGE, path, ours=ExportError):
        model = load_onnx(path)
        _require_room(model, source.spec, lines)
        to_half(model)
        data = portable_bytes(model)
        if any(node.op_type in RECURRENT for node in model.graph.node):
            _require_loading(data)
        run_half = onnx_forward(data, source.spec)
    require_half(STAGE, source.spec, onnx_forward(path, source.spec), run_half, lines)
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="onnx",
        precision=Precision.FP16,
        tools=("onnx", "onnxruntime"),
        options={"input": "float32", "output": "float32"},
    ) as folder:
        (folder / "model.onnx").write_bytes(data)
    return load_artifact(out)


def _require_room(model: Any, spec: RecogniserSpec, lines: Sequence[Array]) -> None:
    """Refuse a network whose activations come near the end of fp16.

    The comparison of logits alone would not see it: where ONNX Runtime's CPU provider has no fp16 kernel it computes
    in fp32 and keeps its results so, but a GPU does not.
    """
    pre = spec.preprocess
    shape = (1, pre.planes, pre.height, pre.min_width)
    noise = pre.normalise(np.random.default_rng(0).random(shape, dtype=np.float32))
    images = [part for image in (noise, *lines[:COMPARED_LINES]) for part in feed(image, spec)]
    ranges = activation_ranges(model, SUMS, images, method=Ranges.MIN_MAX, percentile=100.0)
    name, largest = max(((n, max(-low, high)) for n, (low, high) in ranges.items()), key=lambda item: item[1])
    if not largest * HEADROOM <= LARGEST:
        raise ExportError(
            f"{STAGE}: {name} reaches {largest:.3g}, too close to the {LARGEST:.0f} that fp16 reaches",
            remedy="use fp32, bf16 or int8 for this model",
        )


def _require_loading(data: bytes) -> None:
    """Load the graph in a child first: ONNX Runtime 1.32 dies of a segmentation fault on some with several LSTMs."""
    with scratch("fp16") as folder:
        file = folder / "model.onnx"
        file.write_bytes(data)
        done = run_tied([sys.executable, "-c", LOADING, str(file)], cwd=folder, timeout_s=LOADING_S)
    # Above 128 it is a signal's number, as shells have it.
    signal = -done.returncode if done.returncode < 0 else done.returncode - SIGNALLED
    if signal > 0:
        raise ExportError(
            f"{STAGE}: ONNX Runtime dies of signal {signal} when it loads this network in fp16",
            remedy="use fp32, bf16 or int8 for this model",
        )


def to_half(model: Any) -> None:
    """Turn every float32 tensor of an ``onnx.ModelProto`` into float16, except its inputs and outputs.

    Inputs and outputs are cast at the border. What an operator takes in float32 alone, as ``Resize`` its
    scales, stays as it is.

    Raises:
        ExportError: If a weight is larger than fp16 can hold, or an operator contains a graph of its own.
    """
    import onnx

    graph = model.graph
    fixed = _fixed_inputs(model)
    for tensor in graph.initializer:
        if tensor.name not in fixed:
            _round(tensor, tensor.name)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type in {onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS}:
                raise ExportError(f"{STAGE}: operator {node.name} ({node.op_type}) holds a graph, which stays fp32")
            if attribute.type == onnx.AttributeProto.TENSOR and not fixed & set(node.output):
                _round(attribute.t, node.name)
            if attribute.name in {"to", "dtype"} and attribute.i == onnx.TensorProto.FLOAT:
                attribute.i = onnx.TensorProto.FLOAT16
    _cast_borders(graph)


def _fixed_inputs(model: Any) -> set[str]:
    """Return the names of the tensors that some operator takes in other types than float16 alone."""
    import onnx

    version = next(opset.version for opset in model.opset_import if opset.domain in {"", "ai.onnx"})
    fixed: set[str] = set()
    for node in model.graph.node:
        formal = onnx.defs.get_schema(node.op_type, version, node.domain).inputs
        for index, name in enumerate(node.input):
            # The last one stands for all that follow where an operator takes any number of inputs.
            if name and "tensor(float16)" not in formal[min(index, len(formal) - 1)].types:
                fixed.add(name)
    return fixed


def _round(tensor: Any, name: str) -> None:
    """Store a float32 ``onnx.TensorProto`` in float16; others stay as they are."""
    import onnx

    if tensor.data_type != onnx.TensorProto.FLOAT:
        return
    values = onnx.numpy_helper.to_array(tensor)
    if (largest := np.abs(values, where=np.isfinite(values), out=np.zeros_like(values)).max(initial=0)) > LARGEST:
        raise ExportError(
            f"{STAGE}: {name} holds {largest:.3g}, fp16 reaches {LARGEST:.0f}",
            remedy="use fp32, bf16 or int8 for this model",
        )
    tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), tensor.name))


def _cast_borders(graph: Any) -> None:
    import onnx

    inputs = {value.name: f"{value.name}_fp16" for value in graph.input if _is_float(value)}
    outputs = {value.name: f"{value.name}_fp16" for value in graph.output if _is_float(value)}
    for node in graph.node:
        renamed = [(inputs | outputs).get(name, name) for name in node.input]
        node.input[:] = renamed
        node.output[:] = [outputs.get(name, name) for name in node.output]
    half, single = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    first = [onnx.helper.make_node("Cast", [a], [b], name=f"{b}_cast", to=half) for a, b in inputs.items()]
    last = [onnx.helper.make_node("Cast", [b], [a], name=f"{b}_cast", to=single) for a, b in outputs.items()]
    nodes = [*first, *graph.node, *last]
    del graph.node[:]
    graph.node.extend(nodes)


def _is_float(value: Any) -> bool:
    import onnx

    return bool(value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT)
