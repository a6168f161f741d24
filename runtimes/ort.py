"""ONNX Runtime on the CPU."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact
from inkport.core.errors import ArtifactCorruptError, RuntimeUnavailableError
from inkport.core.runtime import Availability, SessionOptions


class OnnxRuntime:
    """Opens ONNX artefacts with ``onnxruntime``'s CPU execution provider."""

    name = "onnxruntime"
    formats = ("onnx",)

    def probe(self) -> Availability:
        """Say whether onnxruntime can be imported."""
        if find_spec("onnxruntime") is None:
            return Availability(ok=False, reason="onnxruntime is not installed", remedy="pip install 'inkport[ort]'")
        try:
            import onnxruntime
        except Exception as error:  # noqa: BLE001 - a broken install must be reported, not raised
            return Availability(
                ok=False, reason=f"onnxruntime does not import: {error}", remedy="reinstall onnxruntime"
            )
        return Availability(ok=True, version=onnxruntime.__version__, devices=("cpu",))

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> _OrtSession:
        """Load the artefact's ONNX file.

        Raises:
            RuntimeUnavailableError: If the device is not ``cpu``.
            ArtifactCorruptError: If onnxruntime refuses the file.
        """
        import onnxruntime as ort

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
