"""Running pnnx, which turns TorchScript and ONNX into ncnn's layers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from inkport.core.adapter import input_shape
from inkport.core.children import run_tied
from inkport.core.errors import ExportError
from inkport.core.spec import RecogniserSpec


TIMEOUT_S = 600
"""Seconds after which pnnx is given up; it needs one for the shipped network."""


def run_pnnx(model: Path, spec: RecogniserSpec, out: Path, *, stage: str, widths: Sequence[int]) -> None:
    """Write ``model.ncnn.param`` and ``model.ncnn.bin``.

    Args:
        model: The TorchScript or ONNX file; pnnx writes beside it.
        spec: The recogniser.
        out: Folder of the two files.
        stage: Name of the exporter, for the error.
        widths: Two widths of images, in pixels: pnnx takes for variable what differs between them.

    Raises:
        ExportError: If pnnx fails.
    """
    from pnnx import EXEC_PATH

    narrow, wide = (",".join(map(str, input_shape(spec, 1, width))) for width in widths)
    # fp16=0: by default pnnx stores the weights in 16 bits.
    command = [EXEC_PATH, model.name, f"inputshape=[{narrow}]f32", f"inputshape2=[{wide}]f32", "fp16=0"]
    try:
        done = run_tied(command, cwd=model.parent, timeout_s=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise ExportError(f"{stage}: pnnx did not end within {TIMEOUT_S} s") from error
    made = [model.with_suffix(f".ncnn.{suffix}") for suffix in ("param", "bin")]
    if done.returncode or not all(file.is_file() for file in made):
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise ExportError(f"{stage}: pnnx ended with {done.returncode}: {said[0] if said else 'it printed nothing'}")
    for file in made:
        shutil.copyfile(file, out / f"model.ncnn{file.suffix}")
