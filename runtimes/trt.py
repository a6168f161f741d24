"""TensorRT on NVIDIA GPUs."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from inkport.core.artifact import Artifact
from inkport.core.errors import RuntimeUnavailableError, UnsupportedFormatError
from inkport.core.runtime import Availability, SessionOptions
from inkport.runtimes.cuda_memory import gpu_names, has_driver
from inkport.runtimes.trt_engine import EngineBinding, EngineSession


DISTRIBUTIONS = ("tensorrt", "tensorrt-cu13", "tensorrt-cu12", "tensorrt-cu11")
"""Packages that hold the module ``tensorrt``."""
OLDEST = (8, 6)
"""First version with every call that ``trt_engine`` makes."""
INSTALL = "pip install 'inkport[tensorrt]' on a machine with an NVIDIA GPU"

GPU = "run it on a machine with an NVIDIA GPU and its driver"


class TensorRtRuntime:
    """Opens TensorRT engines on the GPU that they were built for."""

    name = "tensorrt"
    formats = ("tensorrt",)

    def probe(self) -> Availability:
        """Say whether TensorRT is installed and a GPU is there, without importing TensorRT: that takes long."""
        try:
            return _probe()
        except Exception as error:  # noqa: BLE001 - a broken install must be reported, not raised
            return Availability(ok=False, reason=f"no GPU can be used: {error}", remedy="update the NVIDIA driver")

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> EngineSession:
        """Load the artifact's engine; ``options.threads`` has no meaning on a GPU.

        Raises:
            RuntimeUnavailableError: If TensorRT or the device is not there.
            UnsupportedFormatError: If the engine was built for another GPU or TensorRT.
            ArtifactCorruptError: If TensorRT refuses the engine.
            UsageError: If an extra option is given; this adapter knows none.
        """
        options.check_extra()
        found = self.probe()
        if not found.ok:
            raise RuntimeUnavailableError(found.reason, remedy=found.remedy)
        if device not in found.devices:
            raise RuntimeUnavailableError(
                f"tensorrt has no device {device!r} here", remedy=f"devices here: {', '.join(found.devices)}"
            )
        index = found.devices.index(device)
        built, here = EngineBinding.of(artifact), EngineBinding.here(index)
        if built != here:
            raise UnsupportedFormatError(
                f"{artifact.path}: the engine was built for {built}, {device} here is {here}",
                remedy="delete the engine's folder and export it again on this machine",
            )
        return EngineSession(artifact.file(".engine").read_bytes(), artifact.spec, index, label=str(artifact.path))


def _probe() -> Availability:
    for module in ("tensorrt", "cuda"):
        if find_spec(module) is None:
            return Availability(ok=False, reason=f"{module} is not installed", remedy=INSTALL)
    if not has_driver():
        return Availability(ok=False, reason="no NVIDIA driver is installed", remedy=GPU)
    try:
        devices = gpu_names()
    except ImportError as error:
        return Availability(ok=False, reason=f"cuda.bindings does not import: {error}", remedy=INSTALL)
    found = _version()
    numbers = tuple(int(number) for number in re.findall(r"\d+", found)[:2])
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return Availability(ok=False, reason=f"TensorRT is {found}, {oldest} is the oldest that fits", remedy=INSTALL)
    if not devices:
        return Availability(ok=False, reason="CUDA finds no GPU", remedy=GPU)
    return Availability(ok=True, version=found, devices=devices)


def _version() -> str:
    for distribution in DISTRIBUTIONS:
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    # Installed by other means, such as a Linux distribution's package.
    return str(import_module("tensorrt").__version__)
