"""ncnn in fp32, through pnnx."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import torch
from torch import nn

from inkport.core.adapter import input_shape
from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ExportError, InkportError
from inkport.core.scratch import scratch
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.export.agreement import Array, Forward, require_agreement
from inkport.export.from_torch.network import edge_widths, fold_batch_norms, torch_forward
from inkport.export.from_torch.onnx_network import network_from_onnx
from inkport.export.graph import onnx_forward
from inkport.export.lines_alone import require_single_lines
from inkport.export.pnnx import run_pnnx
from inkport.export.quiet_converter import quiet_converter
from inkport.export.record import derived_artifact
from inkport.model.weights import load_weights
from inkport.runtimes.ncnn_net import NcnnSession


STAGE = "ncnn_from_safetensors"
GRAPH_STAGE = "ncnn_from_onnx"


def ncnn_from_safetensors(source: Artifact, out: Path) -> Artifact:
    """Convert weights for ncnn with a width that varies; equal weights and tools give equal bytes.

    Args:
        source: A safetensors artifact.
        out: The artifact's directory; replaced if it is there.

    Raises:
        ExportError: If pnnx fails, or the logits differ from torch's.
    """
    network = load_weights(source.file(".safetensors")).network()
    widths = edge_widths(source.spec.preprocess)
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="ncnn",
        precision=Precision.FP32,
        tools=("torch", "pnnx", "ncnn"),
        options={"fp16": False},
    ) as folder:
        with quiet_converter(STAGE, source.path), scratch("pnnx") as work:
            _run_pnnx(_traced(fold_batch_norms(network), source.spec, work), source.spec, folder, STAGE)
        _compare(STAGE, source.spec, torch_forward(network), folder, widths=widths)
    return load_artifact(out)


def ncnn_from_onnx(source: Artifact, out: Path, *, lines: Sequence[Array] = ()) -> Artifact:
    """Convert a graph for ncnn with a width that varies; equal files and tools give equal bytes.

    pnnx reads ONNX itself, but gets recurrent layers wrong; it gets them right from TorchScript, and some other graphs
    wrong. So the graph as it is comes first, and TorchScript where the result of that does not agree.

    Args:
        source: An ONNX artifact in fp32.
        out: The artifact's directory; replaced if it is there.
        lines: Prepared lines to compare on, beside noise.

    Raises:
        ExportError: If pnnx fails or the logits differ in both ways.
    """
    require_single_lines(GRAPH_STAGE, source.spec)
    try:
        return _from_graph(source, out, _copied, "onnx", lines)
    except InkportError as error:
        try:
            return _from_graph(source, out, _as_torchscript, "torchscript", lines)
        except InkportError as other:
            raise ExportError(f"{error.message}; from TorchScript: {other.message}", remedy=error.remedy) from error


def _from_graph(
    source: Artifact, out: Path, given: Callable[[Artifact, Path], Path], name: str, lines: Sequence[Array]
) -> Artifact:
    with derived_artifact(
        out,
        source,
        stage=GRAPH_STAGE,
        format="ncnn",
        precision=Precision.FP32,
        tools=("torch", "onnxruntime", "pnnx", "ncnn"),
        options={"fp16": False, "by_way_of": name},
    ) as folder:
        with quiet_converter(GRAPH_STAGE, source.path), scratch("pnnx") as work:
            _run_pnnx(given(source, work), source.spec, folder, GRAPH_STAGE)
        exact = onnx_forward(source.file(".onnx"), source.spec)
        _compare(GRAPH_STAGE, source.spec, exact, folder, lines=lines)
    return load_artifact(out)


def _copied(source: Artifact, work: Path) -> Path:
    # pnnx writes beside what it reads.
    return Path(shutil.copyfile(source.file(".onnx"), work / "graph.onnx"))


def _as_torchscript(source: Artifact, work: Path) -> Path:
    return _traced(network_from_onnx(source), source.spec, work)


def _traced(network: nn.Module, spec: RecogniserSpec, work: Path) -> Path:
    file = work / "traced.pt"
    with torch.inference_mode():
        example = torch.zeros(*input_shape(spec, 1, spec.preprocess.min_width))
        torch.jit.trace(network, example, check_trace=False).save(str(file))
    return file


def _run_pnnx(model: Path, spec: RecogniserSpec, folder: Path, stage: str) -> None:
    pre = spec.preprocess
    run_pnnx(model, spec, folder, stage=stage, widths=(pre.min_width, pre.max_width))


def _compare(
    stage: str,
    spec: RecogniserSpec,
    exact: Forward,
    folder: Path,
    *,
    widths: Sequence[int] = (),
    lines: Sequence[Array] = (),
) -> None:
    files = folder / "model.ncnn.param", folder / "model.ncnn.bin"
    with closing(NcnnSession(*files, spec, threads=1)) as session:
        require_agreement(stage, spec, exact, session.run, widths=widths, lines=lines)
