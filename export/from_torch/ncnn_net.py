"""ncnn in fp32, through pnnx."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import torch
from torch import nn

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.children import run_tied
from inkport.core.errors import ExportError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.scratch import scratch
from inkport.core.target import Precision
from inkport.export.agreement import require_agreement
from inkport.export.from_torch.network import edge_widths, fold_batch_norms, torch_forward
from inkport.export.quiet_converter import contained
from inkport.export.record import derived_artifact
from inkport.model.weights import load_weights
from inkport.runtimes.ncnn_net import NcnnSession


STAGE = "ncnn_from_safetensors"
TIMEOUT_S = 600
"""Seconds after which pnnx is given up; it needs one for the shipped network."""


def ncnn_from_safetensors(source: Artifact, out: Path) -> Artifact:
    """Convert weights for ncnn with a width that varies; equal weights and tools give equal bytes.

    Args:
        source: A safetensors artifact.
        out: The artifact's directory; replaced if it is there.

    Raises:
        ExportError: If pnnx fails, or the logits differ from torch's.
    """
    network = load_weights(source.file(".safetensors")).network()
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="ncnn",
        precision=Precision.FP32,
        tools=("torch", "pnnx", "ncnn"),
        options={"fp16": False},
    ) as folder:
        with contained(STAGE, source.path), scratch("pnnx") as work:
            _convert(fold_batch_norms(network), source.spec.preprocess, work)
            for suffix in ("param", "bin"):
                shutil.copyfile(work / f"traced.ncnn.{suffix}", folder / f"model.ncnn.{suffix}")
        with closing(NcnnSession(folder / "model.ncnn.param", folder / "model.ncnn.bin", threads=1)) as session:
            widths = edge_widths(source.spec.preprocess)
            require_agreement(STAGE, source.spec, torch_forward(network), session.run, widths=widths)
    return load_artifact(out)


def _convert(network: nn.Module, pre: PreprocessSpec, work: Path) -> None:
    from pnnx import EXEC_PATH

    # pnnx takes for variable what differs between its two examples.
    shapes = [f"[1,1,{pre.height},{width}]f32" for width in (pre.min_width, pre.max_width)]
    traced = torch.jit.trace(network, torch.zeros(1, 1, pre.height, pre.min_width), check_trace=False)
    traced.save(str(work / "traced.pt"))
    # fp16=0: by default pnnx stores the weights in 16 bits.
    command = [EXEC_PATH, "traced.pt", f"inputshape={shapes[0]}", f"inputshape2={shapes[1]}", "fp16=0"]
    try:
        done = run_tied(command, cwd=work, timeout_s=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise ExportError(f"{STAGE}: pnnx did not end within {TIMEOUT_S} s") from error
    if done.returncode or not (work / "traced.ncnn.bin").is_file():
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise ExportError(f"{STAGE}: pnnx ended with {done.returncode}: {said[0] if said else 'it printed nothing'}")
