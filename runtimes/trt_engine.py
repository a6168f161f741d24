"""TensorRT engines: what they are bound to, the GPU and its memory, and a session that runs one on a CUDA stream.

``cuda-python``'s ``cuda.bindings.runtime`` is the binding: small, without torch, every call returns its error first.
"""

from __future__ import annotations

import ctypes
import json
import math
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import input_shape, joined, output_shape, width_of
from inkport.core.artifact import Artifact
from inkport.core.documents import read_json
from inkport.core.errors import ArtifactCorruptError, DataError, RuntimeExecutionError
from inkport.core.spec import RecogniserSpec


def cuda(function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function of ``cuda.bindings.runtime`` and return its result, None if it has none.

    Raises:
        RuntimeExecutionError: If it returns an error, which is named.
    """
    error, *results = function(*arguments)
    if int(error) != 0:
        raise RuntimeExecutionError(f"{function.__name__} failed with {error.name}")
    return results[0] if results else None


def has_driver() -> bool:
    """Say whether an NVIDIA driver is installed; takes no time, unlike importing the binding."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def gpu_names() -> tuple[str, ...]:
    """Return the devices here in inkport's words, ``cuda:0`` and so on.

    Raises:
        RuntimeExecutionError: If the driver is missing or too old for the CUDA runtime.
        ImportError: If cuda-bindings is missing or broken.
    """
    from cuda.bindings import runtime

    return tuple(f"cuda:{index}" for index in range(cuda(runtime.cudaGetDeviceCount)))


def gpu_model(index: int) -> tuple[str, str]:
    """Return a GPU's name and compute capability, for example ``("NVIDIA L4", "8.9")``.

    Raises:
        RuntimeExecutionError: If there is no such GPU.
    """
    from cuda.bindings import runtime

    properties = cuda(runtime.cudaGetDeviceProperties, index)
    return properties.name.decode(), f"{properties.major}.{properties.minor}"


class Mirror:
    """Device memory with page-locked host memory of the same size; grows when asked for more, freed by ``free``.

    The caller keeps the stream idle while it grows or is freed.
    """

    def __init__(self) -> None:
        self.device = 0
        """Address on the device, 0 before the first ``view``."""
        self._host = self._capacity = self._bytes = 0

    def view(self, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """Return the host side as a float32 array; valid until the next ``view`` or ``free``.

        Raises:
            RuntimeExecutionError: If there is not enough memory.
        """
        from cuda.bindings import runtime

        self._bytes = math.prod(shape) * np.dtype(np.float32).itemsize
        if self._bytes > self._capacity:
            self.free()
            self.device = int(cuda(runtime.cudaMalloc, self._bytes))
            self._host = int(cuda(runtime.cudaMallocHost, self._bytes))
            self._capacity = self._bytes
        memory = (ctypes.c_float * math.prod(shape)).from_address(self._host)
        return np.ctypeslib.as_array(memory).reshape(shape)

    def upload(self, stream: Any) -> None:
        """Enqueue the copy of what ``view`` returned to the device."""
        from cuda.bindings import runtime

        kind = runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        cuda(runtime.cudaMemcpyAsync, self.device, self._host, self._bytes, kind, stream)

    def download(self, stream: Any) -> None:
        """Enqueue the copy from the device into what ``view`` returned; to be read after a synchronisation."""
        from cuda.bindings import runtime

        kind = runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        cuda(runtime.cudaMemcpyAsync, self._host, self.device, self._bytes, kind, stream)

    def free(self) -> None:
        """Give both back; nothing happens the second time."""
        from cuda.bindings import runtime

        device, host = self.device, self._host
        self.device = self._host = self._capacity = 0
        if device:
            cuda(runtime.cudaFree, device)
        if host:
            cuda(runtime.cudaFreeHost, host)


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

        width = width_of(images, self._spec)
        self._spec.frames(width)
        profile = self._profile(width)
        most = self._profiles[profile][1][0]
        cuda(runtime.cudaSetDevice, self._index)
        parts = [self._run(images[start : start + most], profile) for start in range(0, len(images), most)]
        return joined(parts, self._spec)

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
        place = input_shape(self._spec, 0, -1).index(-1)
        ends = [(low[place], high[place]) for low, high in self._profiles]
        for index, (low, high) in enumerate(ends):
            if low <= width <= high:
                return index
        taken = ", ".join(f"{low}..{high}" for low, high in ends)
        raise RuntimeExecutionError(
            f"{self._label}: width {width} is in none of the engine's profiles, which take {taken}",
            remedy="export the engine again with a bucket that holds it",
        )

    def _run(self, images: npt.NDArray[np.float32], profile: int) -> npt.NDArray[np.float32]:
        from cuda.bindings import runtime

        context, stream = self._context, int(self._stream)
        name, output = self._spec.input.name, self._spec.output.name
        expected = output_shape(self._spec, len(images), width_of(images, self._spec))
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
