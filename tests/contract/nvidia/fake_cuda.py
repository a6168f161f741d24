"""A CUDA runtime that does what it is told as late as it may, and takes every misuse for an error.

Copies and kernels run when their stream is synchronised and not before: whoever reads a result earlier reads NaN.
Memory starts as NaN and becomes NaN when it is freed. Arguments of another kind than the binding's are refused.
"""

# ruff: noqa: N801, N802, N815 - the names are CUDA's

from __future__ import annotations

import ctypes
from enum import IntEnum


class MisuseError(AssertionError):
    """Something that is undefined behaviour, or an error, in CUDA or TensorRT."""


class cudaError_t(IntEnum):
    cudaSuccess = 0
    cudaErrorMemoryAllocation = 2
    cudaErrorInvalidDevice = 101


class cudaMemcpyKind(IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class cudaStream_t:
    def __init__(self, handle):
        self.handle = handle

    def __int__(self):
        return self.handle


class cudaDeviceProp:
    def __init__(self, name, major, minor):
        self.name, self.major, self.minor = name.encode(), major, minor


def check(value, kind, what):
    if type(value) is not kind:
        raise TypeError(f"{what} must be {kind.__name__}, found {value!r}")
    return value


class FakeCuda:
    """The functions of ``cuda.bindings.runtime`` that inkport calls, and the memory behind them."""

    cudaError_t, cudaMemcpyKind = cudaError_t, cudaMemcpyKind
    cudaStream_t, cudaDeviceProp = cudaStream_t, cudaDeviceProp
    cudaStreamNonBlocking = 1

    def __init__(self, gpus=(("NVIDIA Fake", 8, 9),)):
        self.gpus, self.device, self.free_bytes = gpus, None, 1 << 40
        self.memory: dict[int, ctypes.Array] = {}
        self.freed: list[ctypes.Array] = []
        self.host: set[int] = set()
        self.pending: dict[int, list] = {}
        self.calls: list[str] = []
        self._handles = iter(range(11, 1 << 30))

    def cudaGetDeviceCount(self):
        return cudaError_t.cudaSuccess, len(self.gpus)

    def cudaGetDeviceProperties(self, device):
        if not 0 <= check(device, int, "device") < len(self.gpus):
            return cudaError_t.cudaErrorInvalidDevice, None
        return cudaError_t.cudaSuccess, cudaDeviceProp(*self.gpus[device])

    def cudaSetDevice(self, device):
        if not 0 <= check(device, int, "device") < len(self.gpus):
            return (cudaError_t.cudaErrorInvalidDevice,)
        self.device = device
        return (cudaError_t.cudaSuccess,)

    def cudaMalloc(self, size):
        return self._allocate(size, host=False)

    def cudaMallocHost(self, size):
        return self._allocate(size, host=True)

    def cudaFree(self, address):
        return self._free(address, host=False)

    def cudaFreeHost(self, address):
        return self._free(address, host=True)

    def cudaStreamCreateWithFlags(self, flags):
        self._need_device()
        if check(flags, int, "flags") != self.cudaStreamNonBlocking:
            raise MisuseError("the stream waits for the default stream")
        handle = next(self._handles)
        self.pending[handle] = []
        return cudaError_t.cudaSuccess, cudaStream_t(handle)

    def cudaStreamSynchronize(self, stream):
        queue = self._queue(stream)
        while queue:
            queue.pop(0)()
        return (cudaError_t.cudaSuccess,)

    def cudaStreamDestroy(self, stream):
        if self._queue(stream):
            raise MisuseError("the stream is destroyed with work in it")
        del self.pending[stream.handle]
        return (cudaError_t.cudaSuccess,)

    def cudaMemcpyAsync(self, destination, source, count, kind, stream):
        queue = self._queue(stream)
        check(kind, cudaMemcpyKind, "kind")
        check(count, int, "count")
        to_host = kind == cudaMemcpyKind.cudaMemcpyDeviceToHost
        self.block(destination, count, host=to_host)
        self.block(source, count, host=not to_host)
        if to_host:
            ctypes.memset(self.block(destination, count, host=True), 0xFF, count)
        self.calls.append("download" if to_host else "upload")

        def copy():
            target = self.block(destination, count, host=to_host)
            ctypes.memmove(target, self.block(source, count, host=not to_host), count)

        queue.append(copy)
        return (cudaError_t.cudaSuccess,)

    # What the fake of TensorRT needs

    def enqueue(self, handle, work):
        if type(handle) is not int or handle not in self.pending:
            raise MisuseError(f"{handle!r} is not a live stream's handle")
        self.pending[handle].append(work)

    def block(self, address, count, *, host):
        """Return the memory at an address, which must be alive, of the right side and large enough."""
        check(address, int, "address")
        if address not in self.memory:
            raise MisuseError("memory that was never allocated, or is freed")
        if (address in self.host) != host:
            raise MisuseError("host and device memory are confused")
        if ctypes.sizeof(self.memory[address]) < count:
            raise MisuseError(f"{count} bytes do not fit into {ctypes.sizeof(self.memory[address])}")
        return self.memory[address]

    @property
    def live(self):
        """Allocations and streams that nobody has given back."""
        return len(self.memory) + len(self.pending)

    def _allocate(self, size, *, host):
        self._need_device()
        self.calls.append("allocate")
        if check(size, int, "size") > self.free_bytes:
            return cudaError_t.cudaErrorMemoryAllocation, None
        block = (ctypes.c_uint8 * size)()
        ctypes.memset(block, 0xFF, size)
        address = ctypes.addressof(block)
        self.memory[address] = block
        if host:
            self.host.add(address)
        return cudaError_t.cudaSuccess, address

    def _free(self, address, *, host):
        block = self.block(address, 0, host=host)
        if any(self.pending.values()):
            raise MisuseError("memory is freed with work in flight")
        ctypes.memset(block, 0xFF, ctypes.sizeof(block))
        # Kept, so that a stale view reads NaN and not somebody else's memory.
        self.freed.append(self.memory.pop(address))
        self.host.discard(address)
        return (cudaError_t.cudaSuccess,)

    def _queue(self, stream):
        check(stream, cudaStream_t, "stream")
        if stream.handle not in self.pending:
            raise MisuseError("the stream is destroyed")
        return self.pending[stream.handle]

    def _need_device(self):
        if self.device is None:
            raise MisuseError("no device is chosen")
