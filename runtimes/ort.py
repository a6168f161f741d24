"""ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact
from inkport.core.errors import ArtifactCorruptError, RuntimeUnavailableError
from inkport.core.runtime import Availability, SessionOptions
from inkport.runtimes.sdk import probe_sdk


class OnnxRuntime:
    """Opens ONNX artefacts with ``onnxruntime``'s CPU execution provider."""

    name = "onnxruntime"
    formats = ("onnx",)

    def probe(self) -> Availability:
        """Say whether onnxruntime can be imported."""
        return probe_sdk("onnxruntime", extra="ort")

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> _OrtSession:
        """Load the artefact's ONNX file.

        Raises:
            RuntimeUnavailableError: If the device is not ``cpu``.
            ArtifactCorruptError: If onnxruntime refuses the file.
            UsageError: If an extra option is given; this adapter knows none.
        """
        import onnxruntime as ort

        options.check_extra()
        if device != "cpu":
            raise RuntimeUnavailableError(
                f"onnxruntime here runs on cpu, not on {device!r}", remedy='set device = "cpu"'
            )
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        try:
            session = ort.InferenceSession(artifact.file(".onnx"), settings, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ArtifactCorruptError(f"{artifact.path}: onnxruntime cannot load it ({error})") from error
        return _OrtSession(session, artifact.spec.input.name, artifact.spec.output.name)


class _OrtSession:
    def __init__(self, session: Any, input_name: str, output_name: str) -> None:
        self._session, self._input, self._outputs = session, input_name, [output_name]

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        logits: npt.NDArray[np.float32] = self._session.run(self._outputs, {self._input: images})[0]
        return logits

    def close(self) -> None:
        self._session = None
