"""ExecuTorch in fp32 for the XNNPACK delegate, with a width that varies."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from torch import nn

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ExportError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.target import Precision
from inkport.export.agreement import require_agreement
from inkport.export.from_torch.network import edge_widths, fold_batch_norms, torch_forward
from inkport.export.quiet_converter import contained
from inkport.export.record import derived_artifact
from inkport.model.weights import load_weights
from inkport.runtimes.et import ExecuTorchSession


STAGE = "executorch_from_safetensors"
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
    with contained(STAGE, source.path):
        data, portable = _convert(fold_batch_norms(network), source.spec.preprocess)
    if slow := sorted(name for name in portable if any(part in name for part in PRODUCTS)):
        raise ExportError(
            f"{STAGE}: XNNPACK does not take {', '.join(slow)}, and the portable kernels are many times slower",
            remedy="use the version of executorch that pyproject.toml pins",
        )
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="executorch",
        precision=Precision.FP32,
        tools=("torch", "executorch"),
        options={"delegate": "xnnpack", "portable_operators": dict(sorted(portable.items()))},
    ) as folder:
        file = folder / "model.pte"
        file.write_bytes(data)
        with closing(ExecuTorchSession(file, threads=1)) as session:
            widths = edge_widths(source.spec.preprocess)
            require_agreement(STAGE, source.spec, torch_forward(network), session.run, widths=widths)
    return load_artifact(out)


def _convert(network: nn.Module, pre: PreprocessSpec) -> tuple[bytes, Counter[str]]:
    """Return the program, and how many of which operators it runs outside the delegate."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    width = torch.export.Dim("w", min=pre.min_width // pre.width_multiple, max=pre.max_width // pre.width_multiple)
    # Not the narrowest: torch would take its size for a constant.
    example = torch.zeros(1, 1, pre.height, pre.min_width + pre.width_multiple)
    exported = torch.export.export(network, (example,), dynamic_shapes=({3: pre.width_multiple * width},))
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    portable = Counter(_name(node) for node in lowered.exported_program().graph.nodes if node.op == "call_function")
    for name in [name for name in portable if any(part in name for part in NO_COMPUTATION)]:
        del portable[name]
    return bytes(lowered.to_executorch().buffer), portable


def _name(node: Any) -> str:
    """Return an operator's name, such as ``aten.cat.default``."""
    return getattr(node.target, "__name__", str(node.target))
