"""A network's graph between preparation and decoding."""

from __future__ import annotations

from typing import Any

from inkport.core.errors import ExportError
from inkport.core.spec import RecogniserSpec
from inkport.export.app.decoding import emit_decoding
from inkport.export.app.emitter import Emitter
from inkport.export.app.interface import CODE_POINTS, CONFIDENCES, FAULT, FRAMES, IMAGE, OPSET, TENSOR
from inkport.export.app.preparation import emit_preparation


def app_model(network: Any, spec: RecogniserSpec) -> Any:
    """Return the graph of a whole reader.

    Its operators are those of ai.onnx. Inside, the network's tensors keep their names, its input and output too.

    Args:
        network: The ``onnx.ModelProto`` of a recogniser, as our exporters write it; left as it is.
        spec: The recogniser, as ``require_app_spec`` lets pass.

    Raises:
        ExportError: If the network is of another opset.
    """
    from onnx import helper

    domains = {entry.domain or "ai.onnx": entry.version for entry in network.opset_import}
    if domains != {"ai.onnx": OPSET}:
        raise ExportError(f"expected a network of ai.onnx {OPSET} alone, found {domains}", remedy="export it again")
    before, after = Emitter("app.in."), Emitter("app.out.")
    taken = emit_preparation(before, spec.preprocess, output=spec.input.name)
    emit_decoding(after, spec.output.name, spec.charset, taken=taken)
    graph = helper.make_graph(
        [*before.nodes, *network.graph.node, *after.nodes],
        spec.name,
        _inputs(),
        _outputs(spec),
        [*before.initializers, *network.graph.initializer, *after.initializers],
    )
    return helper.make_model(graph, opset_imports=list(network.opset_import), ir_version=network.ir_version)


def _inputs() -> list[Any]:
    from onnx import TensorProto, helper

    return [helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, ["height", "width", "channels"])]


def _outputs(spec: RecogniserSpec) -> list[Any]:
    from onnx import TensorProto, helper

    rows = spec.preprocess.height
    return [
        helper.make_tensor_value_info(CODE_POINTS, TensorProto.INT32, ["symbols"]),
        helper.make_tensor_value_info(CONFIDENCES, TensorProto.FLOAT, ["symbols"]),
        helper.make_tensor_value_info(FRAMES, TensorProto.INT32, ["symbols", 2]),
        helper.make_tensor_value_info(TENSOR, TensorProto.UINT8, [1, 1, rows, "columns"]),
        helper.make_tensor_value_info(FAULT, TensorProto.INT32, [1]),
    ]
