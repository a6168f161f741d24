"""OpenVINO, on the CPU and on Intel's GPUs and NPUs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact
from inkport.core.errors import (
    ArtifactCorruptError,
    RuntimeExecutionError,
    RuntimeUnavailableError,
    UnsupportedFormatError,
)
from inkport.core.runtime import Availability, Placement, SessionOptions
from inkport.core.target import Precision
from inkport.runtimes.sdk import probe_sdk
from inkport.runtimes.tracing.ov import OvTracer


HINTS = {Precision.FP32: "f32", Precision.BF16: "bf16", Precision.FP16: "f16", Precision.INT8: "f32"}
"""Inference precision per artifact precision; of int8, what is not quantized is computed in this one.

Without the hint OpenVINO computes in bf16 wherever the CPU can.
"""
CAPABILITIES = {"bf16": "BF16", "f16": "FP16"}
"""What a device must be capable of for a hint (``OPTIMIZATION_CAPABILITIES``); every device knows f32."""
NO_COMPUTATION = frozenset({"Const", "Input", "Output"})
"""Layers that run nothing."""


class OpenVinoRuntime:
    """Opens OpenVINO IR artifacts."""

    name = "openvino"
    formats = ("openvino",)

    def probe(self) -> Availability:
        """Say whether OpenVINO can be imported, and which devices it sees."""
        return probe_sdk("openvino", extra="openvino", devices=_devices)

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> _OvSession:
        """Compile the artifact's IR for a device, in the precision that it declares.

        Raises:
            RuntimeUnavailableError: If the device is not there, or cannot compute in this precision.
            UnsupportedFormatError: If the precision is none of OpenVINO's.
            ArtifactCorruptError: If OpenVINO cannot read the file.
            RuntimeExecutionError: If the device cannot compile it.
            UsageError: If an extra option is given; this adapter knows none.
        """
        import openvino as ov

        options.check_extra()
        if device not in (found := _devices(ov)):
            raise RuntimeUnavailableError(
                f"openvino sees no device {device!r} here, only {', '.join(found)}",
                remedy="choose one of these, or install the device's driver",
            )
        if artifact.precision not in HINTS:
            raise UnsupportedFormatError(
                f"{artifact.path}: openvino runs {', '.join(HINTS)}, this artifact is {artifact.precision}"
            )
        core, name, hint = ov.Core(), device.upper(), HINTS[artifact.precision]
        _require_capability(core, name, hint)
        settings = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
        if name == "CPU":
            settings |= {"INFERENCE_NUM_THREADS": str(options.threads), "NUM_STREAMS": "1"}
        try:
            model = core.read_model(artifact.file(".xml"))
        except Exception as error:
            raise ArtifactCorruptError(f"{artifact.path}: openvino cannot read it ({error})") from error
        try:
            compiled = core.compile_model(model, name, settings)
        except Exception as error:
            raise RuntimeExecutionError(f"{artifact.path}: openvino cannot compile it for {name} ({error})") from error
        _require_precision(compiled, name, hint)
        return _OvSession(compiled, name, OvTracer(core, artifact.file(".xml"), name, settings))


def _devices(sdk: Any) -> tuple[str, ...]:
    """Return OpenVINO's devices in lower case: ``cpu``, ``gpu`` (or ``gpu.0``, ``gpu.1``), ``npu``."""
    return tuple(name.lower() for name in sdk.Core().available_devices)


def _require_capability(core: Any, device: str, hint: str) -> None:
    capabilities: Sequence[str] = core.get_property(device, "OPTIMIZATION_CAPABILITIES")
    if (needed := CAPABILITIES.get(hint)) and needed not in capabilities:
        raise RuntimeUnavailableError(
            f"openvino's {device} here cannot compute in {hint}; it can in {', '.join(capabilities)}",
            remedy="use another precision, or a processor that has this one",
        )


def _require_precision(compiled: Any, device: str, hint: str) -> None:
    """Read back what will be computed: OpenVINO takes a hint that it cannot follow for another one, silently."""
    found: str = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if found != hint:
        raise RuntimeUnavailableError(
            f"openvino's {device} was asked for {hint} and would compute in {found}", remedy="use another precision"
        )


class _OvSession:
    def __init__(self, compiled: Any, device: str, tracer: OvTracer) -> None:
        self._compiled, self._device = compiled, device
        self.intermediates, self.isolate = tracer.intermediates, tracer.isolate
        self._request = compiled.create_infer_request()

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        logits: npt.NDArray[np.float32] = self._request.infer([images])[0]
        return logits

    def placement(self) -> Placement:
        """Return how many layers were compiled, and for which device."""
        layers = [op.get_rt_info()["layerType"].astype(str) for op in self._compiled.get_runtime_model().get_ops()]
        # The only GPU is asked for as GPU and answers as GPU.0.
        devices = {found.partition(".")[0] for found in self._compiled.get_property("EXECUTION_DEVICES")}
        wanted = self._device.partition(".")[0]
        return Placement(
            wanted=wanted, operators={"+".join(sorted(devices)): sum(x not in NO_COMPUTATION for x in layers)}
        )

    def close(self) -> None:
        self._compiled = self._request = None
