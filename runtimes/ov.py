"""OpenVINO on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact
from inkport.core.errors import ArtifactCorruptError, RuntimeUnavailableError, UnsupportedFormatError
from inkport.core.runtime import Availability, SessionOptions
from inkport.core.target import Precision
from inkport.runtimes.sdk import mute_openvino, probe_sdk


HINTS = {Precision.FP32: "f32"}
"""Inference precision per artefact precision. Without the hint OpenVINO computes in bf16 wherever the CPU can."""


class OpenVinoRuntime:
    """Opens OpenVINO IR artefacts."""

    name = "openvino"
    formats = ("openvino",)

    def probe(self) -> Availability:
        """Say whether OpenVINO can be imported."""
        mute_openvino()
        return probe_sdk("openvino", extra="openvino")

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> _OvSession:
        """Compile the artefact's IR for the CPU, with the precision it declares.

        Raises:
            RuntimeUnavailableError: If the device is not ``cpu``.
            UnsupportedFormatError: If the precision has no inference hint yet.
            ArtifactCorruptError: If OpenVINO refuses the file.
            UsageError: If an extra option is given; this adapter knows none.
        """
        mute_openvino()
        import openvino as ov

        options.check_extra()
        if device != "cpu":
            raise RuntimeUnavailableError(f"this adapter runs on cpu, not on {device!r}", remedy='set device = "cpu"')
        if artifact.precision not in HINTS:
            raise UnsupportedFormatError(
                f"{artifact.path}: openvino runs {', '.join(HINTS)}, this artefact is {artifact.precision}"
            )
        settings = {
            "INFERENCE_PRECISION_HINT": HINTS[artifact.precision],
            "INFERENCE_NUM_THREADS": str(options.threads),
            "NUM_STREAMS": "1",
            "PERFORMANCE_HINT": "LATENCY",
        }
        try:
            compiled = ov.Core().compile_model(str(artifact.file(".xml")), "CPU", settings)
        except Exception as error:
            raise ArtifactCorruptError(f"{artifact.path}: openvino cannot load it ({error})") from error
        return _OvSession(compiled)


class _OvSession:
    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        logits: npt.NDArray[np.float32] = self._request.infer([images])[0]
        return logits

    def close(self) -> None:
        self._request = None
