"""ncnn on the CPU, in fp32."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import joined, output_shape, width_of
from inkport.core.artifact import Artifact
from inkport.core.errors import (
    ArtifactCorruptError,
    RuntimeExecutionError,
    RuntimeUnavailableError,
    UnsupportedFormatError,
)
from inkport.core.runtime import Availability, SessionOptions
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.runtimes.sdk import native_output, probe_sdk


INPUT, OUTPUT = "in0", "out0"
"""What pnnx calls the first input and the first output."""
HALF = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed", "use_bf16_storage")
"""Options that round to 16 bits, some of them on by default wherever the processor can."""


class NcnnRuntime:
    """Opens ncnn artifacts."""

    name = "ncnn"
    formats = ("ncnn",)

    def probe(self) -> Availability:
        """Say whether ncnn can be imported."""
        return probe_sdk("ncnn", extra="ncnn")

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> NcnnSession:
        """Load the artifact's layers and weights.

        Raises:
            RuntimeUnavailableError: If the device is not ``cpu``.
            UnsupportedFormatError: If the precision is not fp32.
            ArtifactCorruptError: If ncnn refuses a file.
            UsageError: If an extra option is given; this adapter knows none.
        """
        options.check_extra()
        if device != "cpu":
            raise RuntimeUnavailableError(f"ncnn here runs on cpu, not on {device!r}", remedy='set device = "cpu"')
        if artifact.precision is not Precision.FP32:
            raise UnsupportedFormatError(f"{artifact.path}: ncnn runs fp32, this artifact is {artifact.precision}")
        return NcnnSession(artifact.file(".param"), artifact.file(".bin"), artifact.spec, threads=options.threads)


class NcnnSession:
    """Runs each line by itself: ncnn has no batch.

    Args:
        layers: The ``.param`` file.
        weights: The ``.bin`` file.
        spec: The recogniser.
        threads: Threads for the computation.

    Raises:
        ArtifactCorruptError: If ncnn refuses a file.
    """

    def __init__(self, layers: Path, weights: Path, spec: RecogniserSpec, *, threads: int) -> None:
        import ncnn

        self._spec = spec
        self._net: Any = ncnn.Net()
        self._net.opt.num_threads = threads
        self._net.opt.use_vulkan_compute = False
        for option in HALF:
            setattr(self._net.opt, option, False)
        with native_output() as printed:
            for file, load in ((layers, self._net.load_param), (weights, self._net.load_model)):
                if load(str(file)):
                    raise ArtifactCorruptError(
                        f"{file}: ncnn cannot load it ({printed()})",
                        remedy="export it again, or run it with the version of ncnn that its sidecar names",
                    )
        names = (self._net.input_names(), self._net.output_names())
        if names != ([INPUT], [OUTPUT]):
            raise ArtifactCorruptError(
                f"{layers}: its inputs and outputs are {names}, expected {INPUT} and {OUTPUT}", remedy="export it again"
            )

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the logits float32 (n, t, k) of images float32 (n, 1, h, w); an imported network has its own axes.

        Raises:
            RuntimeExecutionError: If ncnn reports an error, or its result has not as many numbers as it should.
        """
        shape = output_shape(self._spec, 1, width_of(images, self._spec))
        return joined([self._run(image, shape) for image in images], self._spec)

    def _run(self, image: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        import ncnn

        # Kept by name: a Mat of a numpy array only points to the array's memory. The clone is ncnn's own.
        plain = np.ascontiguousarray(image)
        with self._net.create_extractor() as extractor:
            extractor.input(INPUT, ncnn.Mat(plain).clone())
            status, logits = extractor.extract(OUTPUT)
            if status:
                raise RuntimeExecutionError(f"ncnn ends with status {status} on an image of shape {image.shape}")
            found = np.array(logits, dtype=np.float32)
            if found.size != math.prod(shape):
                raise RuntimeExecutionError(f"ncnn returns {found.shape} for an image {image.shape}, expected {shape}")
            # It knows no axis of lines.
            return found.reshape(shape)

    def close(self) -> None:
        """Free the network."""
        if self._net is not None:
            self._net.clear()
            self._net = None
