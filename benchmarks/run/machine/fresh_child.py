"""The process that ``inkport.benchmarks.run.machine.fresh`` starts: one target, from nothing to warm."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from inkport.benchmarks.run.machine.memory import peak_mib
from inkport.benchmarks.run.timing import Clock, clock_ns, run_ns
from inkport.core.artifact import load_artifact
from inkport.core.config import parse_config, to_plain
from inkport.core.lending import check_returned, lend
from inkport.core.registry import load_runtime
from inkport.core.runtime import SessionOptions


LATER = 5
"""Calls after the first at each width; their median counts."""


@dataclass(frozen=True, kw_only=True)
class ChildRequest:
    """What to run; the images are the files ``*.npy`` beside it, in the order of their names."""

    artifact: Path
    """Folder of the artifact."""
    runtime: str
    """Name of the runtime."""
    device: str
    """Device of the runtime."""
    threads: int
    """Threads."""
    extra: Mapping[str, str]
    """Options of the runtime."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """What one process measured."""

    import_ms: float
    """Importing adapter and SDK."""
    open_ms: float
    """Opening the session."""
    first_run_ms: float
    """First run, first image."""
    first_ms: Mapping[str, float]
    """First call, by width of the further images."""
    later_ms: Mapping[str, float]
    """Median of the later calls, likewise."""
    memory_mib: Mapping[str, float] | None
    """Peak so far once ``imported``, ``opened``, and in the end (``peak``); absent where the system does not tell."""


def measure_ready(folder: Path, *, clock: Clock = clock_ns) -> Ready:
    """Do what ``folder``'s request says, and measure it.

    Raises:
        InkportError: If the artifact cannot be opened or run, or the session changes its input.
    """
    request = parse_config(
        ChildRequest, json.loads((folder / "request.json").read_text(encoding="utf-8")), where="request.json"
    )
    artifact = load_artifact(request.artifact)
    kept = [np.load(file) for file in sorted(folder.glob("*.npy"))]
    first, *others = map(lend, kept)
    start = clock()
    runtime = load_runtime(request.runtime)
    runtime.probe()
    imported, imported_mib = clock(), peak_mib(os.getpid())
    options = SessionOptions(threads=request.threads, extra=request.extra)
    before_open = clock()
    session = runtime.open(artifact, device=request.device, options=options)
    opened, opened_mib = clock(), peak_mib(os.getpid())
    try:
        first_run = run_ns(session, [first], clock)
        first_ms, later_ms = {}, {}
        for image in others:
            width = str(image.shape[3])
            first_ms[width] = run_ns(session, [image], clock) / 1e6
            later_ms[width] = median(run_ns(session, [image], clock) for _ in range(LATER)) / 1e6
        memory = {"imported": imported_mib, "opened": opened_mib, "peak": peak_mib(os.getpid())}
    finally:
        session.close()
    for image, was in zip((first, *others), kept, strict=True):
        check_returned(image, was, label=request.runtime)
    return Ready(
        import_ms=(imported - start) / 1e6,
        open_ms=(opened - before_open) / 1e6,
        first_run_ms=first_run / 1e6,
        first_ms=first_ms,
        later_ms=later_ms,
        memory_mib={at: mib for at, mib in memory.items() if mib is not None} or None,
    )


def main() -> None:
    """Read the request in the folder that is the only argument, and leave ``answer.json`` there."""
    folder = Path(sys.argv[1])
    answer = measure_ready(folder)
    (folder / "answer.json").write_text(json.dumps(to_plain(answer)), encoding="utf-8")


if __name__ == "__main__":
    main()
