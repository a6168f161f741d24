"""ONNX in fp32, with dynamic batch and width: the hub from which other formats are made."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import onnx
import torch
from torch import nn

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ExportError
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.export.agreement import require_agreement
from inkport.export.from_torch.network import fold_batch_norms, torch_forward
from inkport.export.from_torch.qat import ranges_in_graph
from inkport.export.graph import onnx_forward, portable_bytes
from inkport.export.quantize.learned_ranges import learned, learned_options
from inkport.export.quiet_converter import failing
from inkport.export.record import derived_artifact
from inkport.model.weights import load_weights


STAGE = "onnx_from_safetensors"
OPSET = 18
"""The exporter's own opset; to others it converts afterwards, and older runtimes know this one."""


def onnx_from_safetensors(source: Artifact, out: Path) -> Artifact:
    """Export weights to one ONNX file; equal weights and tools give equal bytes.

    Batch norms are folded into their convolutions, the auxiliary training head is not in the graph, and
    nothing in the file names the machine that made it. Ranges that training learned are handed on in the provenance.

    Args:
        source: A safetensors artifact.
        out: The artifact's directory; replaced if it is there.

    Raises:
        ExportError: If the converter fails, or the graph's logits differ from torch's.
    """
    weights = load_weights(source.file(".safetensors"))
    network = weights.network()
    folded = fold_batch_norms(network)
    with failing(STAGE, source.path, ours=ExportError):
        model = _converted(folded, source.spec)
        data = portable_bytes(model)
        run_onnx = onnx_forward(data, source.spec)

    require_agreement(STAGE, source.spec, torch_forward(network), run_onnx)
    found = learned(weights.provenance)
    if found is not None:
        found = replace(found, ranges=ranges_in_graph(found.ranges, folded, model, source.spec))
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="onnx",
        precision=Precision.FP32,
        tools=("torch", "onnx", "onnxscript", "onnxruntime"),
        options={"opset": OPSET} | learned_options(found),
    ) as folder:
        (folder / "model.onnx").write_bytes(data)
    return load_artifact(out)


def _converted(network: nn.Module, spec: RecogniserSpec) -> onnx.ModelProto:
    pre = spec.preprocess
    multiple = torch.export.Dim("w", min=pre.min_width // pre.width_multiple, max=pre.max_width // pre.width_multiple)
    # Neither size of the example is 1 or the smallest allowed: torch would take such a size for a constant.
    example = torch.zeros(2, 1, pre.height, pre.min_width + pre.width_multiple)
    with _quiet():
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("n"), 3: pre.width_multiple * multiple},),
            opset_version=OPSET,
            input_names=[spec.input.name],
            output_names=[spec.output.name],
            verbose=False,
        )
    assert program is not None  # noqa: S101 - None only where the exporter writes the file itself
    model = program.model_proto
    for value, tensor in ((model.graph.input[0], spec.input), (model.graph.output[0], spec.output)):
        for dim, name in zip(value.type.tensor_type.shape.dim, tensor.shape, strict=True):
            if not dim.HasField("dim_value"):
                dim.dim_param = name
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the exporter says about itself, and nothing else."""
    # It misses torchvision's operators, which no recogniser uses.
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registration.level
    registration.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # It copies trees with a class that torch itself deprecates.
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
            yield
    finally:
        registration.setLevel(level)
