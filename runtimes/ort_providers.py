"""ONNX Runtime's execution providers: which device is which, what each may be told, and where operators ran."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.errors import RuntimeUnavailableError, UsageError
from inkport.core.runtime import Placement, SessionOptions
from inkport.core.scratch import scratch
from inkport.core.target import Precision


Providers = list[tuple[str, dict[str, str]]]
"""Providers with their options, the wanted one first, as ``onnxruntime.InferenceSession`` takes them."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """An execution provider, as a device."""

    name: str
    """ONNX Runtime's name."""
    remedy: str
    """Which package brings it."""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Options that a target may set, in ONNX Runtime's words, with the values allowed; none: a number from 0."""


_GPU = "install onnxruntime-gpu in place of onnxruntime, on a machine with an NVIDIA GPU, CUDA and cuDNN"

PROVIDERS: Mapping[str, Provider] = {
    "cpu": Provider(name="CPUExecutionProvider", remedy="reinstall onnxruntime"),
    "cuda": Provider(name="CUDAExecutionProvider", remedy=_GPU, options={"device_id": ()}),
    "tensorrt": Provider(name="TensorrtExecutionProvider", remedy=f"{_GPU}, and TensorRT", options={"device_id": ()}),
    "coreml": Provider(
        name="CoreMLExecutionProvider",
        remedy="run it on macOS: onnxruntime's macOS package has it",
        options={
            "ModelFormat": ("NeuralNetwork", "MLProgram"),
            "MLComputeUnits": ("ALL", "CPUOnly", "CPUAndGPU", "CPUAndNeuralEngine"),
        },
    ),
    "xnnpack": Provider(name="XnnpackExecutionProvider", remedy="build onnxruntime with --use_xnnpack"),
    "qnn": Provider(
        name="QNNExecutionProvider",
        remedy="install onnxruntime-qnn in place of onnxruntime, on a Qualcomm device",
        options={"backend_type": ("cpu", "gpu", "htp")},
    ),
    "directml": Provider(
        name="DmlExecutionProvider",
        remedy="install onnxruntime-directml in place of onnxruntime, on Windows",
        options={"device_id": ()},
    ),
}
"""Devices by name. Source of the options: https://onnxruntime.ai/docs/execution-providers/, a page for each."""

SHAPE_TYPES = frozenset({"int32", "int64", "bool"})
"""Types of tensors that hold shapes, lengths and masks, not what the recogniser computes."""


def installed_devices(sdk: Any) -> tuple[str, ...]:
    """Return the devices that a build of onnxruntime has, ``cpu`` first; whether they work shows on opening."""
    available = set(sdk.get_available_providers())
    return tuple(device for device, provider in PROVIDERS.items() if provider.name in available)


def require_provider(sdk: Any, device: str) -> Provider:
    """Return a device's provider.

    Raises:
        RuntimeUnavailableError: If there is no such device, or this build of onnxruntime does not have it.
    """
    here = ", ".join(installed_devices(sdk))
    if device not in PROVIDERS:
        raise RuntimeUnavailableError(
            f"onnxruntime has no device {device!r}; this build has {here}",
            remedy=f"devices that it may have: {', '.join(PROVIDERS)}",
        )
    provider = PROVIDERS[device]
    if provider.name not in sdk.get_available_providers():
        raise RuntimeUnavailableError(
            f"this build of onnxruntime lacks {provider.name}; it has {here}", remedy=provider.remedy
        )
    return provider


def provider_options(provider: Provider, options: SessionOptions, precision: Precision) -> dict[str, str]:
    """Return what the provider is told: the target's options, threads, and full precision where fp32 is asked for.

    Raises:
        UsageError: If an option is not known for this provider, or has an impossible value.
    """
    options.check_extra(*provider.options)
    for key, value in options.extra.items():
        allowed = provider.options[key]
        if value not in allowed and not (value.isdecimal() and not allowed):
            expected = f"one of {', '.join(allowed)}" if allowed else "a number from 0"
            raise UsageError(f"option {key} of {provider.name} must be {expected}, found {value!r}")
    told = dict(options.extra)
    if provider.name == "CUDAExecutionProvider" and precision is Precision.FP32:
        # Otherwise it multiplies fp32 in TF32, with 10 bits of mantissa, wherever the GPU can.
        told["use_tf32"] = "0"
    if provider.name == "XnnpackExecutionProvider":
        told["intra_op_num_threads"] = str(options.threads)
    return told


def session_settings(sdk: Any, device: str, threads: int) -> Any:
    """Return ``onnxruntime.SessionOptions`` for a device.

    Source:
        https://onnxruntime.ai/docs/execution-providers/, the pages of XNNPACK and DirectML.
    """
    settings = sdk.SessionOptions()
    # XNNPACK has threads of its own, and ONNX Runtime's would fight them for the cores.
    settings.intra_op_num_threads = 1 if device == "xnnpack" else threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    if device == "directml":
        settings.enable_mem_pattern = False
    return settings


def read_placement(
    sdk: Any, path: Path, settings: Any, providers: Providers, image: npt.NDArray[np.float32]
) -> Placement:
    """Run a model once more in a profiled session of its own, and count its operators by provider.

    Operators that compute nothing but shapes are left out: providers leave them to the CPU on purpose.

    Args:
        sdk: The module ``onnxruntime``.
        path: The ONNX file.
        settings: ``onnxruntime.SessionOptions`` of the session in question; profiling is switched on in them.
        providers: Its providers.
        image: A prepared image, float32 (1, 1, h, w).
    """
    with scratch("profile") as folder:
        settings.enable_profiling = True
        settings.profile_file_prefix = str(folder / "run")
        session = sdk.InferenceSession(path, settings, providers=providers, enable_fallback=0)
        session.run(None, {session.get_inputs()[0].name: image})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return Placement(wanted=providers[0][0], operators=count_operators(events))


def count_operators(events: list[dict[str, Any]]) -> dict[str, int]:
    """Count the operators of a profile by the provider that ran them, shape arithmetic left out."""
    kernels = [
        event["args"] for event in events if event.get("cat") == "Node" and event["name"].endswith("kernel_time")
    ]
    return dict(Counter(kernel["provider"] for kernel in kernels if not _only_shapes(kernel)))


def _only_shapes(kernel: Mapping[str, Any]) -> bool:
    types = {kind for tensor in kernel.get("output_type_shape", []) for kind in tensor}
    return bool(types) and types <= SHAPE_TYPES
