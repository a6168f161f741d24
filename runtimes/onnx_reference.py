"""ONNX's own reference evaluator as a session: slow, and the definition of what an operator means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact
from inkport.core.errors import RuntimeUnavailableError
from inkport.core.runtime import Availability, Evidence, Intermediate, SessionOptions
from inkport.runtimes.onnx_graph import load_onnx, save_part, trace_onnx, values_of


Array = npt.NDArray[Any]

RUN = """def run(folder, inputs):
    from inkport.runtimes.onnx_reference import reference_evaluator

    session = reference_evaluator(str(folder / "model.onnx"))
    return session.run(None, {name: inputs[name] for name in session.input_names})[0]
"""


class OnnxReference:
    """Opens ONNX artifacts for `inkport diagnose operators`; too slow to be a target of `inkport verify`."""

    name = "onnx-reference"
    formats: tuple[str, ...] = ("onnx",)

    def probe(self) -> Availability:
        """Say whether the package onnx is installed."""
        try:
            found = version("onnx")
        except PackageNotFoundError:
            return Availability(ok=False, reason="onnx is not installed", remedy="pip install 'inkport[export]'")
        return Availability(ok=True, version=found, devices=("cpu",), evidence=Evidence.REFERENCE)

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> OnnxReferenceSession:
        """Read the artifact's file.

        Raises:
            RuntimeUnavailableError: If the device is not ``cpu``.
            ArtifactCorruptError: If it cannot be read.
            UsageError: If an extra option is given; this runtime knows none.
        """
        options.check_extra()
        if device != "cpu":
            raise RuntimeUnavailableError(f"the evaluator runs on cpu, not on {device!r}", remedy="use cpu")
        return OnnxReferenceSession(load_onnx(artifact.file(".onnx")), artifact)


class OnnxReferenceSession:
    """Evaluates in numpy, in the types that the file declares.

    Args:
        model: The ``onnx.ModelProto``.
        artifact: Where it comes from.
    """

    def __init__(self, model: Any, artifact: Artifact) -> None:
        self._model, self._spec = model, artifact.spec
        self._values: dict[str, Array] = {}

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Map images float32 (n, 1, h, w) to logits float32 (n, w / stride, classes)."""
        found = reference_evaluator(self._model).run([self._spec.output.name], {self._spec.input.name: images})
        return np.asarray(found[0])

    def intermediates(self, images: npt.NDArray[np.float32]) -> tuple[Intermediate, ...]:
        """Return every tensor, up to the first operator that does not run."""
        trace = trace_onnx(self._model, self._spec.input.name, images, _evaluated)
        self._values = values_of(trace)
        return trace

    def isolate(self, output: str, inputs: Sequence[str], folder: Path) -> str:
        """Write ``model.onnx``."""
        save_part(self._model, output, inputs, self._values, folder / "model.onnx")
        return RUN

    def close(self) -> None:
        """Nothing to free that garbage collection does not."""


def _evaluated(model: Any, feeds: Mapping[str, Array]) -> dict[str, Array]:
    names = [value.name for value in model.graph.output]
    return dict(zip(names, reference_evaluator(model).run(names, dict(feeds)), strict=True))


def reference_evaluator(model: Any) -> Any:
    """Return onnx's evaluator of a model, which computes batch norms of any opset with the statistics that they have.

    That of onnx 1.23 takes those of opset 9 to 13, which have a momentum unless told otherwise, for training, and mixes
    in the statistics of the image (``onnx/reference/ops/op_batch_normalization.py``).

    Args:
        model: An ``onnx.ModelProto``, or the path of a file.
    """
    from onnx.reference import ReferenceEvaluator
    from onnx.reference.op_run import OpRun

    class BatchNormalization(OpRun):  # type: ignore[misc]
        op_domain = ""

        def _run(self, x: Array, *statistics: Array, epsilon: float = 1e-5, **_: Any) -> tuple[Array]:
            scale, bias, mean, variance = (part.reshape(-1, *(1,) * (x.ndim - 2)) for part in statistics)
            return ((scale * (x - mean) / np.sqrt(variance + epsilon) + bias).astype(x.dtype),)

    return ReferenceEvaluator(model, new_ops=[BatchNormalization])
