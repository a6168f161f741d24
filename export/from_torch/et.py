"""ExecuTorch in fp32 for the XNNPACK delegate, with a width that varies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from torch import nn

from inkport.core.adapter import input_shape, line_axis
from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ExportError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.export.agreement import Array, Forward, require_agreement
from inkport.export.from_torch.network import edge_widths, fold_batch_norms, torch_forward
from inkport.export.from_torch.onnx_network import network_from_onnx
from inkport.export.graph import onnx_forward
from inkport.export.lines_alone import require_single_lines
from inkport.export.quiet_converter import quiet_converter
from inkport.export.record import derived_artifact
from inkport.model.weights import load_weights
from inkport.runtimes.et import ExecuTorchSession


STAGE = "executorch_from_safetensors"
GRAPH_STAGE = "executorch_from_onnx"
PRODUCTS = ("convolution", "linear", "mm")
"""Parts of the names of operators that hold the multiplications; the delegate must have all of them."""
NO_COMPUTATION = ("getitem", "alloc", "executorch_call_delegate", "sym_size", "view")
"""Parts of the names of nodes that compute nothing, or whose computation the delegate does."""


def executorch_from_safetensors(source: Artifact, out: Path) -> Artifact:
    """Convert weights for ExecuTorch; equal weights and tools give equal bytes.

    Args:
        source: A safetensors artifact.
        out: The artifact's directory; replaced if it is there.

    Raises:
        ExportError: If the converter fails, the delegate leaves a product to the portable kernels, or the logits
            differ from torch's.
    """
    network = load_weights(source.file(".safetensors")).network()
    widths = edge_widths(source.spec.preprocess)
    return _export(STAGE, source, out, fold_batch_norms(network), torch_forward(network), widths=widths)


def executorch_from_onnx(source: Artifact, out: Path, *, lines: Sequence[Array] = ()) -> Artifact:
    """Convert a graph for ExecuTorch, by way of torch; equal files and tools give equal bytes.

    Args:
        source: An ONNX artifact in fp32.
        out: The artifact's directory; replaced if it is there.
        lines: Prepared lines to compare on, beside noise.

    Raises:
        ExportError: As for ``executorch_from_safetensors``; recurrent layers over lines of any width are one reason,
            because torch.export fixes their length.
    """
    require_single_lines(GRAPH_STAGE, source.spec)
    network, pre = network_from_onnx(source), source.spec.preprocess
    if network.recurs and pre.min_width < pre.max_width:
        raise ExportError(
            f"{GRAPH_STAGE}: the network has recurrent layers, whose length torch.export fixes, and takes any width",
            remedy="use ncnn, Core ML or ONNX Runtime on this device",
        )
    exact = onnx_forward(source.file(".onnx"), source.spec)
    return _export(GRAPH_STAGE, source, out, network, exact, lines=lines)


def _export(
    stage: str,
    source: Artifact,
    out: Path,
    network: nn.Module,
    exact: Forward,
    *,
    widths: Sequence[int] = (),
    lines: Sequence[Array] = (),
) -> Artifact:
    with quiet_converter(stage, source.path):
        data, portable = _convert(network, source.spec)
    if slow := sorted(name for name in portable if any(part in name for part in PRODUCTS)):
        raise ExportError(
            f"{stage}: XNNPACK does not take {', '.join(slow)}, and the portable kernels are many times slower",
            remedy="use the version of executorch that pyproject.toml pins",
        )
    with derived_artifact(
        out,
        source,
        stage=stage,
        format="executorch",
        precision=Precision.FP32,
        tools=("torch", "executorch"),
        options={"delegate": "xnnpack", "portable_operators": dict(sorted(portable.items()))},
    ) as folder:
        file = folder / "model.pte"
        file.write_bytes(data)
        with closing(ExecuTorchSession(file, threads=1, axis=line_axis(source.spec))) as session:
            require_agreement(stage, source.spec, exact, session.run, widths=widths, lines=lines)
    return load_artifact(out)


def _convert(network: nn.Module, spec: RecogniserSpec) -> tuple[bytes, Counter[str]]:
    """Return the program, and how many of which operators it runs outside the delegate."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    pre = spec.preprocess
    # Not the narrowest: torch would take its size for a constant.
    wider = min(pre.min_width + pre.width_multiple, pre.max_width)
    exported = torch.export.export(
        network,
        (torch.zeros(*input_shape(spec, 1, wider)),),
        dynamic_shapes=({3: _width(pre)} if pre.min_width < pre.max_width else None,),
        # What it cannot prove of every width, for example that there is more than one frame, is checked at run time.
        prefer_deferred_runtime_asserts_over_guards=spec.native is not None,
    )
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    portable = Counter(_name(node) for node in lowered.exported_program().graph.nodes if node.op == "call_function")
    for name in [name for name in portable if any(part in name for part in NO_COMPUTATION)]:
        del portable[name]
    return bytes(lowered.to_executorch().buffer), portable


def _width(pre: PreprocessSpec) -> Any:
    step = pre.width_multiple
    width = torch.export.Dim("w", min=pre.min_width // step, max=pre.max_width // step)
    return width if step == 1 else step * width


def _name(node: Any) -> str:
    """Return an operator's name, such as ``aten.cat.default``."""
    return getattr(node.target, "__name__", str(node.target))
