"""What the CUDA runtime does for an engine: which GPU this is, and memory that it copies without staging.

``cuda-python``'s ``cuda.bindings.runtime`` is the binding: small, without torch, every call returns its error first.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.errors import RuntimeExecutionError


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
