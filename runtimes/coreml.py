"""Core ML on macOS: CPU, GPU or Neural Engine."""

from __future__ import annotations

import platform
import warnings
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import plain_name
from inkport.core.artifact import Artifact
from inkport.core.errors import ArtifactCorruptError, RuntimeUnavailableError, UnsupportedFormatError
from inkport.core.runtime import Availability, Placement, SessionOptions
from inkport.core.spec import RecogniserSpec
from inkport.runtimes.mlpackage import DISTRIBUTION, Widths, import_coremltools, package_path, run_by_line


UNITS = {"cpu": "CPU_ONLY", "gpu": "CPU_AND_GPU", "ane": "CPU_AND_NE"}
"""Names of ``coremltools.ComputeUnit`` by device. None excludes the CPU but ``cpu``, so placement is read back."""
OLDEST_MACOS = (14, 4)
"""First macOS that tells where operators run, https://developer.apple.com/documentation/coreml/mlcomputeplan-1w21n."""


class CoreMl:
    """Opens Core ML packages with ``coremltools.models.MLModel``."""

    name = "coreml"
    formats = ("coreml",)

    def probe(self) -> Availability:
        """Say whether this is a Mac with coremltools; importing that takes seconds."""
        if platform.system() != "Darwin":
            return Availability(
                ok=False,
                reason=f"Core ML runs on macOS, this is {platform.system()}",
                remedy="run this target on a Mac; runtime coreml-mil checks the conversion on any machine",
            )
        release = platform.mac_ver()[0]
        if tuple(int(part) for part in release.split(".")) < OLDEST_MACOS:
            oldest = ".".join(map(str, OLDEST_MACOS))
            return Availability(ok=False, reason=f"this is macOS {release}", remedy=f"use macOS {oldest} or newer")
        try:
            found = version(DISTRIBUTION)
        except PackageNotFoundError:
            return Availability(
                ok=False, reason=f"{DISTRIBUTION} is not installed", remedy="pip install 'inkport[coreml]'"
            )
        return Availability(ok=True, version=found, devices=self._devices())

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> CoreMlSession:
        """Compile and load the artifact's package; Core ML itself decides about threads.

        Raises:
            RuntimeUnavailableError: If this Mac has no such device.
            UnsupportedFormatError: If the device is ``ane`` and the package takes a range of widths.
            ArtifactCorruptError: If Core ML refuses the package.
            UsageError: If an extra option is given; this adapter knows none.
        """
        options.check_extra()
        if device not in self._devices():
            raise RuntimeUnavailableError(
                f"Core ML has no device {device!r} here", remedy=f"devices here: {', '.join(self._devices())}"
            )
        path = package_path(artifact)
        ct = import_coremltools()
        unit = ct.ComputeUnit[UNITS[device]]
        try:
            with warnings.catch_warnings():
                # coremltools only warns where Core ML cannot load a package, and fails at the first prediction.
                warnings.simplefilter("error", RuntimeWarning)
                model = ct.models.MLModel(str(path), compute_units=unit)
                model.get_compiled_model_path()
        except Exception as error:
            raise ArtifactCorruptError(f"{artifact.path}: Core ML cannot load it ({error})") from error
        widths = Widths.of(model.get_spec(), plain_name(artifact.spec.input.name))
        if device == "ane" and not widths.enumerated:
            # At other widths than the usual one it would run elsewhere, and the plan would not say so:
            # https://developer.apple.com/forums/thread/724930
            raise UnsupportedFormatError(
                f"{artifact.path}: the Neural Engine runs a package with a range ({widths}) at one width only",
                remedy="export it with enumerated widths (`inkport export --widths`)",
            )
        return CoreMlSession(model, unit, artifact.spec, device, widths)

    @staticmethod
    def _devices() -> tuple[str, ...]:
        return tuple(UNITS) if platform.machine() == "arm64" else ("cpu", "gpu")


class CoreMlSession:
    """Reads line by line.

    Args:
        model: The loaded ``MLModel``.
        unit: The ``ComputeUnit`` that it was loaded for.
        spec: The recogniser.
        device: Our name of the device.
        widths: What the package takes.
    """

    def __init__(self, model: Any, unit: Any, spec: RecogniserSpec, device: str, widths: Widths) -> None:
        self._model, self._unit, self._spec, self._device, self._widths = model, unit, spec, device, widths

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Map images float32 (n, 1, h, w) to logits float32 (n, w / stride, classes).

        Raises:
            SpecMismatchError: If the package does not take lines of this width.
        """
        names = plain_name(self._spec.input.name), plain_name(self._spec.output.name)
        model = self._model
        return run_by_line(images, self._spec, self._widths, lambda line: model.predict({names[0]: line})[names[1]])

    def placement(self) -> Placement:
        """Return the device that Core ML prefers for each operator at the package's usual width.

        Source:
            https://apple.github.io/coremltools/docs/_modules/coremltools/models/compute_plan.html
        """
        from coremltools.models.compute_device import (
            MLCPUComputeDevice,
            MLGPUComputeDevice,
            MLNeuralEngineComputeDevice,
        )
        from coremltools.models.compute_plan import MLComputePlan

        names = {MLCPUComputeDevice: "cpu", MLGPUComputeDevice: "gpu", MLNeuralEngineComputeDevice: "ane"}
        plan = MLComputePlan.load_from_path(path=self._model.get_compiled_model_path(), compute_units=self._unit)
        operations = plan.model_structure.program.functions["main"].block.operations
        usages = (plan.get_compute_device_usage_for_mlprogram_operation(operation) for operation in operations)
        # Constants run nowhere and have no usage.
        places = Counter(names[type(usage.preferred_compute_device)] for usage in usages if usage is not None)
        return Placement(wanted=self._device, operators=dict(places))

    def close(self) -> None:
        """Let go of the model."""
        self._model = None
