"""The line finder as ONNX in fp32, with free height and width."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnx
import torch

from inkport.core.errors import ExportError
from inkport.export.from_torch.network import fold_batch_norms
from inkport.export.from_torch.onnx_fp32 import OPSET
from inkport.export.graph import portable_bytes
from inkport.export.quiet_converter import quiet_logger
from inkport.model.finder import MAPS, MULTIPLE, STRIDE, TURNS, Finder


INPUT, OUTPUTS = "page", ("maps", "turns")
TURN_STRIDE = 4 * STRIDE
"""Pixels per cell of the turns."""
LARGEST = 1024
"""Sides up to so many multiples are allowed: 32,768 px."""
AGREEMENT = 2e-3
"""Largest difference of a map between torch and the graph, in logits or octaves."""


def finder_onnx(network: Finder) -> bytes:
    """Return a finder as the bytes of one ONNX file.

    Batch norms are folded. The input is ``page``, float32 (1, 1, h, w); the outputs are ``maps`` and ``turns``.

    Args:
        network: In evaluation mode, on the CPU; left as it is.

    Raises:
        ExportError: If the graph computes something else than torch.
    """
    data = portable_bytes(_converted(fold_batch_norms(network)))
    _require_same(network, data)
    return data


def _converted(network: torch.nn.Module) -> Any:
    sizes = {2: MULTIPLE * torch.export.Dim("rows", min=1, max=LARGEST)}
    sizes[3] = MULTIPLE * torch.export.Dim("columns", min=1, max=LARGEST)
    # It misses torchvision's operators, which no finder uses.
    with quiet_logger("torch.onnx._internal.exporter._registration"), warnings.catch_warnings():
        # It copies trees with a class that torch itself deprecates.
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
        program = torch.onnx.export(
            network,
            (torch.zeros(1, 1, 3 * MULTIPLE, 5 * MULTIPLE),),
            dynamo=True,
            dynamic_shapes=(sizes,),
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            verbose=False,
        )
    assert program is not None  # noqa: S101 - None only where the exporter writes the file itself
    model = program.model_proto
    shapes = {INPUT: (1, 1, "h", "w"), "maps": (1, len(MAPS), "h/4", "w/4"), "turns": (1, len(TURNS), "h/16", "w/16")}
    for value in (*model.graph.input, *model.graph.output):
        value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, list(shapes[value.name])))
    return model


def _require_same(network: Finder, data: bytes) -> None:
    """Refuse a graph that computes something else, at two sizes that it was not traced with."""
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for height, width in ((MULTIPLE, 4 * MULTIPLE), (6 * MULTIPLE, 2 * MULTIPLE)):
        page = rng.random((1, 1, height, width), np.float32)
        with torch.inference_mode():
            wanted = [tensor.numpy() for tensor in network(torch.from_numpy(page))]
        found = session.run(list(OUTPUTS), {INPUT: page})
        for name, stride, one, other in zip(OUTPUTS, (STRIDE, TURN_STRIDE), wanted, found, strict=True):
            if one.shape[2:] != (height // stride, width // stride) or one.shape != other.shape:
                raise ExportError(f"finder: {name} are {other.shape} for a page of {width} x {height} px")
            if (far := float(np.abs(one - other).max())) > AGREEMENT:
                raise ExportError(f"finder: {name} of the graph differ by {far:g} from torch's")
