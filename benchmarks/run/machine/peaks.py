"""The fastest that this machine computes and copies, measured: what a target's speed is a fraction of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from inkport.benchmarks.run.machine.kernels import KERNELS
from inkport.benchmarks.run.timing import Clock, clock_ns
from inkport.core.target import Precision


REPEATS = 15
"""Runs of each kernel; the fastest counts, because a peak is what can be reached."""
COPY_MIB = 64
"""Size of the copied array: several times the last cache of common processors."""


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The highest rate at which one precision was computed."""

    gmac_per_s: float
    """Multiply-accumulates per second, in billions."""
    by: str
    """The library and the operator that reached it."""


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """What the machine reaches with as many threads as the targets have."""

    threads: int
    """Threads."""
    compute: Mapping[str, Peak | None]
    """By precision: fp32, bf16, int8; absent where no library here computes in it."""
    copy_gb_per_s: float
    """Bytes read plus bytes written per second, in billions, when a large array is copied."""


def measure_peaks(threads: int, *, clock: Clock = clock_ns) -> Peaks:
    """Measure matrix products and convolutions in every library that is here, and a copy.

    Args:
        threads: Threads that everything uses.
        clock: What it is timed with.
    """
    compute: dict[str, Peak | None] = {str(p): None for p in (Precision.FP32, Precision.BF16, Precision.INT8)}
    for kernel in KERNELS:
        try:
            run = kernel.prepare(kernel.work, threads)
            rate = kernel.work.macs / _fastest_ns(run, clock)
        except Exception:  # noqa: BLE001, S112 - not installed, or not on this processor: another library may do it
            continue
        best = compute[kernel.precision]
        if best is None or rate > best.gmac_per_s:
            compute[kernel.precision] = Peak(gmac_per_s=rate, by=f"{kernel.library} {kernel.work.operator}")
    return Peaks(threads=threads, compute=compute, copy_gb_per_s=_copy_gb_per_s(threads, clock))


def _fastest_ns(run: Callable[[], object], clock: Clock) -> int:
    run()
    times = []
    for _ in range(REPEATS):
        start = clock()
        run()
        times.append(clock() - start)
    return max(1, min(times))


def _copy_gb_per_s(threads: int, clock: Clock) -> float:
    """Copy as McCalpin's STREAM does and counts: each byte is read once and written once."""
    source = np.ones((threads, COPY_MIB * 1024**2 // 4 // threads), dtype=np.float32)
    target = np.empty_like(source)
    with ThreadPoolExecutor(threads) as pool:
        fastest = _fastest_ns(lambda: list(pool.map(np.copyto, target, source)), clock)
    return 2 * source.nbytes / fastest
