"""A target in a process of its own: how long it takes to be ready, what new widths cost, how much memory it takes."""

from __future__ import annotations

import faulthandler
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from inkport.benchmarks.run.latency import Clock, Image, clock_ns, run_ns
from inkport.core.adapted import adapted
from inkport.core.artifact import Artifact, load_artifact
from inkport.core.children import name_signal, run_tied
from inkport.core.config import parse_config, to_plain
from inkport.core.errors import RuntimeExecutionError
from inkport.core.limits import Limits
from inkport.core.registry import is_built_in, load_runtime
from inkport.core.runtime import SessionOptions, check_returned, lend
from inkport.core.scratch import scratch
from inkport.core.target import Target


PROC = Path("/proc")
"""Where Linux shows its processes."""


def peak_mib(pid: int, proc: Path = PROC) -> float | None:
    """Return the most memory that a process had resident so far, in MiB, plus that of its descendants.

    The peaks of several processes need not fall together: their sum is an upper limit. ``VmHWM`` counts from
    the start of the program; ``ru_maxrss`` would not do on Linux, because it counts from the fork, when the
    process still was a copy of its parent.

    Args:
        pid: The process; its descendants must still run to be counted.
        proc: Where the system shows its processes; another folder in tests.

    Returns:
        Absent where neither Linux nor ``getrusage`` tells; outside Linux, descendants are not counted.
    """
    if not (proc / str(pid) / "status").is_file():
        return _from_rusage()
    parents: dict[int, int] = {}
    peaks: dict[int, int] = {}
    for folder in proc.glob("[0-9]*"):
        try:
            status = (folder / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # It has ended meanwhile.
        parents[int(folder.name)] = _number(status, "PPid")
        peaks[int(folder.name)] = _number(status, "VmHWM")
    return sum(kib for found, kib in peaks.items() if _descends(found, pid, parents)) / 1024


def _descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    seen: set[int] = set()
    while pid != ancestor:
        if pid in seen or pid not in parents:
            return False
        seen.add(pid)
        pid = parents[pid]
    return True


def _number(status: str, field: str) -> int:
    match = re.search(rf"^{field}:\s*(\d+)", status, flags=re.MULTILINE)
    return int(match.group(1)) if match else 0


def _from_rusage() -> float | None:
    try:
        import resource
    except ModuleNotFoundError:
        return None
    # macOS counts bytes, the BSDs KiB.
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


LATER = 5
"""Calls after the first at each width; their median counts."""


@dataclass(frozen=True, kw_only=True)
class ChildTask:
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
        ChildTask, json.loads((folder / "request.json").read_text(encoding="utf-8")), where="request.json"
    )
    artifact = load_artifact(request.artifact)
    kept = [np.load(file) for file in sorted(folder.glob("*.npy"))]
    first, *others = map(lend, kept)
    options = SessionOptions(threads=request.threads, extra=request.extra)
    # This process is the plug-in's: its adapter needs no other, and keeps to its limits here.
    watch, options = _limited(request.runtime, options)
    watch()
    start = clock()
    runtime = load_runtime(request.runtime, here=True)
    runtime.probe()
    imported, imported_mib = clock(), peak_mib(os.getpid())
    watch()
    before_open = clock()
    session = adapted(runtime.open(artifact, device=request.device, options=options), artifact.spec)
    opened, opened_mib = clock(), peak_mib(os.getpid())
    try:
        watch()
        first_run = run_ns(session, [first], clock)
        first_ms, later_ms = {}, {}
        for image in others:
            watch()
            width = str(image.shape[3])
            first_ms[width] = run_ns(session, [image], clock) / 1e6
            later_ms[width] = median(run_ns(session, [image], clock) for _ in range(LATER)) / 1e6
        memory = {"imported": imported_mib, "opened": opened_mib, "peak": peak_mib(os.getpid())}
    finally:
        watch()
        session.close()
        faulthandler.cancel_dump_traceback_later()
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


def _limited(runtime: str, options: SessionOptions) -> tuple[Callable[[], None], SessionOptions]:
    """Limit this process where the runtime is a plug-in.

    Returns:
        What to call before each step, so that it ends this process if it takes too long, and the options without the
        limits among them.
    """
    if is_built_in(runtime):
        return lambda: None, options
    limits, own = Limits.take(options)
    limits.confine()
    return lambda: faulthandler.dump_traceback_later(limits.timeout_s, exit=True), own


def main() -> None:
    """Read the request in the folder that is the only argument, and leave ``answer.json`` there."""
    folder = Path(sys.argv[1])
    answer = measure_ready(folder)
    (folder / "answer.json").write_text(json.dumps(to_plain(answer)), encoding="utf-8")


if __name__ == "__main__":
    main()


WIDTHS = 8
"""Most widths whose first call is timed, at equal distances in the order of the lines' widths."""
TIMEOUT_S = 600
"""How long one process may take."""
TIMED_OUT = "Timeout "
"""How ``faulthandler`` begins its last words, followed by the time in brackets."""


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """A target in fresh processes; times are medians over them."""

    processes: int
    """How many were started, one after the other."""
    import_ms: float
    """Importing the adapter and its SDK; the files may be in the disk cache."""
    open_ms: float
    """Opening the session."""
    first_run_ms: float
    """The first run, on a line of middling width."""
    first_calls: tuple[FirstCall, ...]
    """The first call at each further width, by width."""
    memory: Memory | None
    """Memory; absent where the system does not tell."""


@dataclass(frozen=True, kw_only=True)
class FirstCall:
    """The first call at a width against later ones."""

    width_px: int
    """The width."""
    first_ms: float
    """Time of the first call."""
    later_ms: float
    """Median time of the next calls."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Resident memory of the process and those that it has started, in MiB, at most so far."""

    imported_mib: float
    """Once the SDK is imported: what is there before any model."""
    opened_mib: float
    """Once the session is open."""
    peak_mib: float
    """In the end: all widths have been run, the widest among them."""


def start_fresh(
    artifact: Artifact, target: Target, options: SessionOptions, inputs: Sequence[Image], *, processes: int
) -> Fresh:
    """Run a target in fresh processes.

    Nothing of an earlier target, and nothing that an SDK keeps for a whole process, is there already.

    Args:
        artifact: What it runs.
        target: Its runtime and device.
        options: As for any session.
        inputs: Prepared lines; one of middling width is the first run, others follow in random order.
        processes: How many times, at least 1.

    Raises:
        RuntimeExecutionError: If a process fails or takes longer than ten minutes.
    """
    images = _choose(inputs)
    found = [_run(artifact, target, options, images, seed=number) for number in range(processes)]
    memories = [child.memory_mib for child in found if child.memory_mib]
    return Fresh(
        processes=processes,
        import_ms=median(child.import_ms for child in found),
        open_ms=median(child.open_ms for child in found),
        first_run_ms=median(child.first_run_ms for child in found),
        first_calls=tuple(
            FirstCall(
                width_px=width,
                first_ms=median(child.first_ms[str(width)] for child in found),
                later_ms=median(child.later_ms[str(width)] for child in found),
            )
            for width in sorted(image.shape[3] for image in images[1:])
        ),
        memory=Memory(**{f"{at}_mib": max(memory[at] for memory in memories) for at in memories[0]})
        if memories
        else None,
    )


def _choose(inputs: Sequence[Image]) -> list[Image]:
    """Return a line of middling width, and others of different widths, the widest among them."""
    by_width = {image.shape[3]: image for image in inputs}
    ordered = sorted(image.shape[3] for image in inputs)
    middle = ordered[len(ordered) // 2]
    places = np.linspace(0, len(ordered) - 1, WIDTHS + 1).round().astype(int)
    others = dict.fromkeys(ordered[place] for place in places[::-1])
    return [by_width[middle], *(by_width[width] for width in others if width != middle)][: WIDTHS + 1]


def _how_it_ended(done: subprocess.CompletedProcess[str]) -> str:
    said = done.stderr.strip().splitlines() or ["it said nothing"]
    if late := next((line for line in said if line.startswith(TIMED_OUT)), None):
        return f"took too long for one answer: {late.removeprefix(TIMED_OUT).strip('(!)')} are allowed"
    if done.returncode < 0:
        return f"was ended by signal {name_signal(-done.returncode)}"
    return f"ended with exit code {done.returncode}: {said[-1]}"


def _run(artifact: Artifact, target: Target, options: SessionOptions, images: Sequence[Image], *, seed: int) -> Ready:
    with scratch("fresh") as folder:
        order = [0, *(1 + np.random.default_rng(seed).permutation(len(images) - 1))]
        for place, index in enumerate(order):
            np.save(folder / f"{place:03}.npy", images[index])
        request = ChildTask(
            artifact=artifact.path.resolve(),
            runtime=target.runtime,
            device=target.device,
            threads=options.threads,
            extra=options.extra,
        )
        (folder / "request.json").write_text(json.dumps(to_plain(request)), encoding="utf-8")
        command = [sys.executable, "-m", "inkport.benchmarks.run.fresh", str(folder)]
        try:
            done = run_tied(command, timeout_s=TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise RuntimeExecutionError(f"{target.name}: a fresh process took longer than {TIMEOUT_S} s") from error
        if done.returncode or not (folder / "answer.json").is_file():
            raise RuntimeExecutionError(f"{target.name}: a fresh process {_how_it_ended(done)}")
        answer = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
        return parse_config(Ready, answer, where="answer.json")
