"""The tensors of an ONNX Runtime session, by a second session without graph optimisation.

Fused operators have no tensors inside, and asking for these would change what is fused anyway. So the trace runs
each operator as the file has it, with the kernels of the same execution providers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.runtime import Intermediate
from inkport.runtimes.onnx_files import load_onnx
from inkport.runtimes.tracing.onnx_graph import save_part, trace_onnx, values_of


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
