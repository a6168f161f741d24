"""ONNX Runtime, on the CPU and on whatever execution providers its build has.

Tensors are traced by a second session without graph optimisation: fused operators have no tensors inside, and asking
for these would change what is fused anyway. So the trace runs each operator as the file has it, with the kernels of the
same execution providers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import feed
from inkport.core.artifact import Artifact
from inkport.core.errors import ArtifactCorruptError, RuntimeUnavailableError
from inkport.core.runtime import Availability, Intermediate, Placement, SessionOptions
from inkport.runtimes.onnx_graph import load_onnx, save_part, trace_onnx, values_of
from inkport.runtimes.ort_providers import (
    PROVIDERS,
    Providers,
    installed_devices,
    provider_options,
    read_placement,
    require_provider,
    session_settings,
)
from inkport.runtimes.sdk import probe_sdk


class OnnxRuntime:
    """Opens ONNX artifacts; each execution provider is a device."""

    name = "onnxruntime"
    formats = ("onnx",)

    def probe(self) -> Availability:
        """Say whether onnxruntime can be imported, and which devices its build has."""
        return probe_sdk("onnxruntime", extra="ort", devices=installed_devices)

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> _OrtSession:
        """Load the artifact's ONNX file onto a device; operators that its provider lacks run on the CPU.

        Raises:
            RuntimeUnavailableError: If this build lacks the device's provider, or the provider does not start.
            ArtifactCorruptError: If onnxruntime refuses the file.
            UsageError: If an extra option is not known for the device, or has an impossible value.
        """
        import onnxruntime as ort

        provider = require_provider(ort, device)
        providers = [(provider.name, provider_options(provider, options, artifact.precision))]
        if device != "cpu":
            providers.append((PROVIDERS["cpu"].name, {}))
        session = _load(artifact, device, options.threads, providers)
        if provider.name not in (started := session.get_providers()):
            raise RuntimeUnavailableError(
                f"{provider.name} is in this build of onnxruntime but does not start here; {', '.join(started)} did",
                remedy=provider.remedy,
            )
        return _OrtSession(session, artifact, device, options.threads, providers)


def _load(artifact: Artifact, device: str, threads: int, providers: Providers) -> Any:
    import onnxruntime as ort

    settings = session_settings(ort, device, threads)
    try:
        # Without enable_fallback=0 a provider that fails is replaced by the CPU, with a line on stdout.
        return ort.InferenceSession(artifact.file(".onnx"), settings, providers=providers, enable_fallback=0)
    except Exception as error:
        if device == "cpu":
            raise ArtifactCorruptError(f"{artifact.path}: onnxruntime cannot load it ({error})") from error
        # If the CPU cannot load it either, this says that the file is at fault.
        _load(artifact, "cpu", threads, providers[-1:])
        raise RuntimeUnavailableError(
            f"{artifact.path}: {providers[0][0]} cannot load it, the CPU can ({error})", remedy=PROVIDERS[device].remedy
        ) from error


class _OrtSession:
    def __init__(self, session: Any, artifact: Artifact, device: str, threads: int, providers: Providers) -> None:
        self._session = session
        self._artifact, self._device, self._threads, self._providers = artifact, device, threads, providers
        self._input, self._outputs = artifact.spec.input.name, [artifact.spec.output.name]
        self._tracer: OrtTracer | None = None

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        logits: npt.NDArray[np.float32] = self._session.run(self._outputs, {self._input: images})[0]
        return logits

    def placement(self) -> Placement:
        """Return where the operators run, from one run of a second session, so that this one is never profiled."""
        import onnxruntime as ort

        pre = self._artifact.spec.preprocess
        image = feed(np.zeros((1, pre.planes, pre.height, pre.min_width), dtype=np.float32), self._artifact.spec)[0]
        settings = session_settings(ort, self._device, self._threads)
        return read_placement(ort, self._artifact.file(".onnx"), settings, self._providers, image)

    def intermediates(self, images: npt.NDArray[np.float32]) -> Sequence[Intermediate]:
        """Return every tensor, from a second session that fuses nothing."""
        return self._tracing().intermediates(images)

    def isolate(self, output: str, inputs: Sequence[str], folder: Path) -> str:
        """Write a part of the graph as ``model.onnx``."""
        return self._tracing().isolate(output, inputs, folder)

    def _tracing(self) -> OrtTracer:
        import onnxruntime as ort

        if self._tracer is None:
            settings = session_settings(ort, self._device, self._threads)
            self._tracer = OrtTracer(self._artifact.file(".onnx"), self._input, settings, self._providers)
        return self._tracer

    def close(self) -> None:
        # A tracer holds no engine, and parts are cut out of the last trace after closing.
        self._session = None


Array = npt.NDArray[Any]

RUN = """def run(folder, inputs):
    import onnxruntime as ort

    settings = ort.SessionOptions()
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.log_severity_level = 3
    session = ort.InferenceSession(str(folder / "model.onnx"), settings, providers={providers!r})
    return session.run(None, {{value.name: inputs[value.name] for value in session.get_inputs()}})[0]
"""


class OrtTracer:
    """Traces one ONNX file.

    Args:
        path: The file.
        image: Name of its input.
        settings: ``onnxruntime.SessionOptions``; optimisation is switched off in them.
        providers: Execution providers with their options.
    """

    def __init__(self, path: Path, image: str, settings: Any, providers: Sequence[Any]) -> None:
        import onnxruntime as ort

        self._model, self._image, self._providers = load_onnx(path), image, list(providers)
        self._settings, self._sdk = settings, ort
        settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        # What it prints about a graph that does not run stands in the exception too.
        settings.log_severity_level = 4
        self._values: dict[str, Array] = {}

    def intermediates(self, images: npt.NDArray[np.float32]) -> tuple[Intermediate, ...]:
        """Return every tensor, up to the first operator that does not run."""
        trace = trace_onnx(self._model, self._image, images, self._run)
        self._values = values_of(trace)
        return trace

    def isolate(self, output: str, inputs: Sequence[str], folder: Path) -> str:
        """Write ``model.onnx``."""
        save_part(self._model, output, inputs, self._values, folder / "model.onnx")
        return RUN.format(providers=[name for name, _ in self._providers])

    def _run(self, model: Any, feeds: Mapping[str, Array]) -> dict[str, Array]:
        session = self._sdk.InferenceSession(
            model.SerializeToString(), self._settings, providers=self._providers, enable_fallback=0
        )
        names = [value.name for value in session.get_outputs()]
        return dict(zip(names, session.run(names, feeds), strict=True))
