"""TensorRT engines: what they are bound to, and a session that runs one on a CUDA stream."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact
from inkport.core.documents import read_json
from inkport.core.errors import ArtifactCorruptError, DataError, RuntimeExecutionError
from inkport.core.spec import RecogniserSpec
from inkport.runtimes.cuda_memory import Mirror, cuda, gpu_model


BINDING = "engine.json"
"""File beside the engine that says what it is bound to."""


@dataclass(frozen=True, kw_only=True)
class EngineBinding:
    """Where an engine runs: TensorRT refuses or miscomputes anywhere else."""

    gpu: str
    """Name of the GPU."""
    compute_capability: str
    """Its compute capability, for example ``8.9``."""
    tensorrt: str
    """Version of TensorRT."""

    def __str__(self) -> str:
        return f"{self.gpu} (compute capability {self.compute_capability}) with TensorRT {self.tensorrt}"

    @classmethod
    def here(cls, index: int) -> EngineBinding:
        """Return the binding of engines built on this machine's GPU ``index``."""
        import tensorrt as trt

        gpu, capability = gpu_model(index)
        return cls(gpu=gpu, compute_capability=capability, tensorrt=trt.__version__)

    @classmethod
    def of(cls, artifact: Artifact) -> EngineBinding:
        """Read the binding of an artifact.

        Raises:
            ArtifactCorruptError: If it has none, or one that cannot be read.
        """
        path = artifact.path / BINDING
        try:
            return cls(**read_json(path))
        except (DataError, TypeError) as error:
            raise ArtifactCorruptError(
                f"{path}: does not say what the engine is bound to ({error})", remedy="export the engine again"
            ) from error

    def write(self, folder: Path) -> None:
        """Write the binding beside an engine."""
        (folder / BINDING).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def error_log(trt: Any) -> tuple[Any, list[str]]:
    """Return a TensorRT logger, and the list that it puts errors into instead of printing them."""
    errors: list[str] = []

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in {trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR}:
                errors.append(message)

    return Log(), errors


class EngineSession:
    """An engine on a GPU, with one stream and buffers that live as long as it does.

    Args:
        data: The serialised engine.
        spec: The recogniser.
        index: The GPU.
        label: Names the engine in errors.

    Raises:
        ArtifactCorruptError: If TensorRT refuses the engine, or its tensors are not the recogniser's.
        RuntimeExecutionError: If there is not enough memory.
    """

    def __init__(self, data: bytes, spec: RecogniserSpec, index: int, *, label: str) -> None:
        import tensorrt as trt
        from cuda.bindings import runtime

        self._spec, self._index, self._label = spec, index, label
        self._stream: Any = None
        cuda(runtime.cudaSetDevice, index)
        # TensorRT asks that logger and runtime outlive the engine.
        self._log, self._errors = error_log(trt)
        self._runtime = trt.Runtime(self._log)
        self._engine = self._runtime.deserialize_cuda_engine(data)
        if self._engine is None:
            raise ArtifactCorruptError(f"{label}: TensorRT cannot load the engine ({self._reason()})")
        found = {
            (self._engine.get_tensor_mode(name), name, self._engine.get_tensor_dtype(name))
            for name in map(self._engine.get_tensor_name, range(self._engine.num_io_tensors))
        }
        io, mode = (spec.input.name, spec.output.name), trt.TensorIOMode
        if found != {(mode.INPUT, io[0], trt.DataType.FLOAT), (mode.OUTPUT, io[1], trt.DataType.FLOAT)}:
            raise ArtifactCorruptError(f"{label}: expected tensors {io[0]} and {io[1]} in float32, found {found}")
        count = self._engine.num_optimization_profiles
        shapes = [self._engine.get_tensor_profile_shape(io[0], profile) for profile in range(count)]
        self._profiles = [(tuple(low), tuple(high)) for low, _, high in shapes]
        self._active: int | None = None
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise RuntimeExecutionError(f"{label}: no execution context ({self._reason()})")
        # Not the default stream: there TensorRT adds synchronisations of its own.
        self._stream = cuda(runtime.cudaStreamCreateWithFlags, runtime.cudaStreamNonBlocking)
        self._images, self._logits = Mirror(), Mirror()

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Run the lines, in pieces where there are more than the engine takes at once.

        Raises:
            RuntimeExecutionError: If no profile of the engine takes the width, or CUDA or TensorRT fails.
            SpecMismatchError: If the width is none of the recogniser's.
        """
        from cuda.bindings import runtime

        self._spec.frames(images.shape[3])
        profile = self._profile(images.shape[3])
        most = self._profiles[profile][1][0]
        cuda(runtime.cudaSetDevice, self._index)
        parts = [self._run(images[start : start + most], profile) for start in range(0, len(images), most)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def close(self) -> None:
        """Free buffers, stream and engine."""
        from cuda.bindings import runtime

        stream, self._stream = self._stream, None
        if stream is None:
            return
        cuda(runtime.cudaSetDevice, self._index)
        cuda(runtime.cudaStreamSynchronize, stream)
        self._images.free()
        self._logits.free()
        self._context = self._engine = self._runtime = None
        cuda(runtime.cudaStreamDestroy, stream)

    def _profile(self, width: int) -> int:
        for index, (low, high) in enumerate(self._profiles):
            if low[3] <= width <= high[3]:
                return index
        taken = ", ".join(f"{low[3]}..{high[3]}" for low, high in self._profiles)
        raise RuntimeExecutionError(
            f"{self._label}: width {width} is in none of the engine's profiles, which take {taken}",
            remedy="export the engine again with a bucket that holds it",
        )

    def _run(self, images: npt.NDArray[np.float32], profile: int) -> npt.NDArray[np.float32]:
        from cuda.bindings import runtime

        context, stream = self._context, int(self._stream)
        name, output = self._spec.input.name, self._spec.output.name
        expected = (len(images), self._spec.frames(images.shape[3]), self._spec.charset.size)
        # Buffers grow while the stream is idle.
        np.copyto(self._images.view(images.shape), images)
        logits = self._logits.view(expected)
        if profile != self._active:
            self._require(context.set_optimization_profile_async(profile, stream), f"profile {profile}")
            self._active = profile
        self._require(context.set_input_shape(name, images.shape), f"shape {images.shape}")
        if (found := tuple(context.get_tensor_shape(output))) != expected:
            raise RuntimeExecutionError(f"{self._label}: images {images.shape} give {found}, expected {expected}")
        for tensor, memory in ((name, self._images), (output, self._logits)):
            self._require(context.set_tensor_address(tensor, memory.device), f"the address of {tensor}")
        self._images.upload(self._stream)
        self._require(context.execute_async_v3(stream), f"images {images.shape}")
        self._logits.download(self._stream)
        cuda(runtime.cudaStreamSynchronize, self._stream)
        return logits.copy()

    def _require(self, done: bool, what: str) -> None:
        if not done:
            raise RuntimeExecutionError(f"{self._label}: TensorRT refused {what} ({self._reason()})")

    def _reason(self) -> str:
        return " / ".join(self._errors[-3:]) or "it gave no reason"
