"""LiteRT on the CPU: one file with a signature per width, and the line's columns masked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import input_shape, joined, plain_name
from inkport.core.artifact import Artifact
from inkport.core.errors import (
    ArtifactCorruptError,
    RuntimeUnavailableError,
    SpecMismatchError,
    UnsupportedFormatError,
)
from inkport.core.runtime import Availability, SessionOptions
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.runtimes.sdk import native_output, probe_sdk


PRECISIONS = (Precision.FP32, Precision.INT8)
"""What the kernels compute in; the file says where."""
COLUMNS = "columns"
"""Name of the second input, float32 (1, 1, 1, w): 1 in the columns of the line, 0 behind its end."""


class LiteRtRuntime:
    """Opens LiteRT artifacts with the interpreter and its XNNPACK kernels."""

    name = "litert"
    formats = ("litert",)

    def probe(self) -> Availability:
        """Say whether ai-edge-litert can be imported."""
        return probe_sdk("ai_edge_litert", extra="litert")

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> LiteRtSession:
        """Load the artifact's file.

        Raises:
            RuntimeUnavailableError: If the device is not ``cpu``.
            UnsupportedFormatError: If the precision is none of ``PRECISIONS``.
            ArtifactCorruptError: If LiteRT refuses the file, or its signatures are not the exporter's.
            UsageError: If an extra option is given; this adapter knows none.
        """
        options.check_extra()
        if device != "cpu":
            raise RuntimeUnavailableError(f"litert here runs on cpu, not on {device!r}", remedy='set device = "cpu"')
        if artifact.precision not in PRECISIONS:
            raise UnsupportedFormatError(
                f"{artifact.path}: litert runs {', '.join(PRECISIONS)}, this artifact is {artifact.precision}"
            )
        return LiteRtSession(artifact.file(".tflite"), artifact.spec, threads=options.threads)


class LiteRtSession:
    """Runs each line by itself in the narrowest signature that it fits in.

    Args:
        file: The ``.tflite`` file.
        spec: The recogniser.
        threads: Threads for the computation.

    Raises:
        ArtifactCorruptError: If LiteRT refuses the file, or its signatures are not the exporter's.
    """

    def __init__(self, file: Path, spec: RecogniserSpec, *, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._spec = spec
        pre = spec.preprocess
        self._background = (np.float32(pre.background) - np.float32(pre.mean)) / np.float32(pre.std)
        with native_output() as printed:
            try:
                interpreter = Interpreter(str(file), num_threads=threads)
                interpreter.allocate_tensors()
                signatures = interpreter.get_signature_list()
                runners = [interpreter.get_signature_runner(name) for name in signatures]
                widths = [_width(runner, spec) for runner in runners]
            except Exception as error:
                said = f"; {printed()}" if printed() else ""
                raise ArtifactCorruptError(
                    f"{file}: litert cannot load it ({error}{said})",
                    remedy="export it again, or run it with the version of ai-edge-litert that its sidecar names",
                ) from error
        self._runners: dict[int, Any] = dict(sorted(zip(widths, runners, strict=True)))

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the logits float32 (n, t, k) of images float32 (n, 1, h, w).

        Raises:
            SpecMismatchError: If no signature is wide enough.
        """
        count, _, height, width = images.shape
        frames, bucket = self._spec.frames(width), self._bucket(width)
        if self._spec.native is not None:
            return joined([self._as_it_is(image[None], bucket) for image in images], self._spec)
        padded = np.full((1, 1, height, bucket), self._background, dtype=np.float32)
        columns = np.zeros((1, 1, 1, bucket), dtype=np.float32)
        columns[..., :width] = 1
        logits = np.empty((count, frames, self._spec.charset.size), dtype=np.float32)
        names = (self._spec.input.name, self._spec.output.name)
        for image, line in zip(images, logits, strict=True):
            padded[0, :, :, :width] = image
            line[:] = self._runners[bucket](**{names[0]: padded, COLUMNS: columns})[names[1]][0, :frames]
        return logits

    def _as_it_is(self, image: npt.NDArray[np.float32], width: int) -> npt.NDArray[np.float32]:
        """Run an imported network, which has one width and no mask."""
        given, wanted = plain_name(self._spec.input.name), plain_name(self._spec.output.name)
        return np.array(self._runners[width](**{given: image})[wanted], np.float32)

    def close(self) -> None:
        """Free the interpreter."""
        self._runners = {}

    def _bucket(self, width: int) -> int:
        bucket = next((bucket for bucket in self._runners if bucket >= width), None)
        if bucket is None:
            raise SpecMismatchError(
                f"the line is {width} columns wide, the widest signature of the file takes {max(self._runners)}",
                remedy="export again with a wider bucket (litert_from_safetensors(..., widths=...)), or cut the line",
            )
        return bucket


def _width(runner: Any, spec: RecogniserSpec) -> int:
    shapes = {name: tuple(map(int, tensor["shape"])) for name, tensor in runner.get_input_details().items()}
    if spec.native is not None:
        width = spec.preprocess.max_width
        expected = {plain_name(spec.input.name): input_shape(spec, 1, width)}
    else:
        width = shapes.get(COLUMNS, (0,))[-1]
        expected = {spec.input.name: (1, 1, spec.preprocess.height, width), COLUMNS: (1, 1, 1, width)}
    if shapes != expected or set(runner.get_output_details()) != {plain_name(spec.output.name)}:
        raise ValueError(f"a signature takes {shapes} and gives {[*runner.get_output_details()]}")
    return width
