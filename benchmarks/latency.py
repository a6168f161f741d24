"""How long ``Session.run`` takes per line: warm, one line at a time, targets interleaved."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.progress import Progress, silent
from inkport.core.runtime import Session
from inkport.runtimes.child import SelfTimed


BLOCK = 8
"""Lines that a target runs before the next one has its turn: few, so that drift of the machine hits all alike."""
COLD_STARTS = 3
"""How often a session is opened; the median counts."""

Image = npt.NDArray[np.float32]
"""A prepared line, float32 (1, 1, h, w)."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Times of one target; percentiles are interpolated linearly."""

    p50_ms: float
    """Median time of a run, in milliseconds."""
    p90_ms: float
    """90th percentile."""
    p99_ms: float
    """99th percentile."""
    cold_start_ms: float
    """Opening a session and its first run, the SDK imported and the files cached: median of three."""
    lines_per_s: float
    """Lines over the sum of their times: one stream, preparing and decoding excluded."""
    n: int
    """Lines timed, each once."""
    speed_up: float | None
    """Median over the lines of the baseline's time divided by this target's; absent without a baseline."""


def choose_lines(inputs: Sequence[Image], count: int, *, seed: int) -> list[int]:
    """Choose up to ``count`` lines that have the widths of all, in random order.

    Every line has its place in the order of widths; places at equal distances are taken.

    Returns:
        Indices into ``inputs``.
    """
    by_width = sorted(range(len(inputs)), key=lambda index: inputs[index].shape[3])
    places = (np.arange(min(count, len(inputs))) + 0.5) * len(inputs) / min(count, len(inputs))
    chosen = [by_width[int(place)] for place in places]
    np.random.default_rng(seed).shuffle(chosen)
    return chosen


def cold_start(open_session: Callable[[], Session], image: Image) -> tuple[float, Session]:
    """Open a session and run one line, several times over.

    Args:
        open_session: Opens a fresh session; the SDK must have been imported before.
        image: A prepared line, float32 (1, 1, h, w).

    Returns:
        The median time in milliseconds, and the last session, still open.
    """
    times: list[int] = []
    while True:
        start = time.perf_counter_ns()
        session = open_session()
        try:
            session.run(image)
        except BaseException:
            session.close()
            raise
        times.append(time.perf_counter_ns() - start)
        if len(times) == COLD_STARTS:
            return float(np.median(times)) / 1e6, session
        session.close()


@dataclass(frozen=True)
class Call:
    """One run to be made."""

    target: str
    """Which target runs."""
    line: int
    """Which line, by its position."""
    timed: bool
    """Whether its time counts; the first run of a block only brings the target's memory back."""


def schedule(targets: Sequence[str], lines: int, *, block: int = BLOCK) -> Iterator[Call]:
    """Yield the runs: blocks of lines, in each block every target in turn, the order rotating from block to block."""
    for number, start in enumerate(range(0, lines, block)):
        turn = number % max(1, len(targets))
        for target in (*targets[turn:], *targets[:turn]):
            yield Call(target, start, timed=False)
            for line in range(start, min(start + block, lines)):
                yield Call(target, line, timed=True)


@dataclass
class Times:
    """What was measured."""

    ns: dict[str, list[int]]
    """Time per line in nanoseconds, by target, in the order of the inputs."""
    errors: dict[str, Exception]
    """The targets that failed meanwhile, and how; they have no times."""


def measure(sessions: Mapping[str, Session], inputs: Sequence[Image], *, progress: Progress = silent) -> Times:
    """Time every session on every line, after running each width once unmeasured.

    Args:
        sessions: Open sessions by name; one that fails is left out from there on.
        inputs: The lines.
        progress: Told how many lines are done.
    """
    times = Times({name: [] for name in sessions}, {})
    for name, session in sessions.items():
        for image in {image.shape[3]: image for image in inputs}.values():
            _run(name, session, image, times)
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for call in schedule(list(sessions), len(inputs)):
            elapsed = _run(call.target, sessions[call.target], inputs[call.line], times)
            if call.timed and elapsed is not None:
                times.ns[call.target].append(elapsed)
            if not call.timed:
                progress("timing all targets", call.line, len(inputs))
    finally:
        if collecting:
            gc.enable()
    for name in times.errors:
        del times.ns[name]
    return times


def _run(name: str, session: Session, image: Image, times: Times) -> int | None:
    if name in times.errors:
        return None
    try:
        start = time.perf_counter_ns()
        session.run(image)
        elapsed = time.perf_counter_ns() - start
    except Exception as error:  # noqa: BLE001 - one broken target must not stop the others
        times.errors[name] = error
        return None
    # An engine in another process is timed there: carrying the image over is not its work.
    own = session.last_run_ns if isinstance(session, SelfTimed) else None
    return elapsed if own is None else own


def summarise(ns: Sequence[int], *, cold_start_ms: float, baseline: Sequence[int] | None) -> Latency:
    """Return the figures of one target.

    Args:
        ns: Time per line, in nanoseconds.
        cold_start_ms: From ``cold_start``.
        baseline: Times of the baseline on the same lines, if there is one.
    """
    p50, p90, p99 = (float(value) / 1e6 for value in np.percentile(ns, [50, 90, 99]))
    return Latency(
        p50_ms=p50,
        p90_ms=p90,
        p99_ms=p99,
        cold_start_ms=cold_start_ms,
        lines_per_s=len(ns) / (sum(ns) / 1e9),
        n=len(ns),
        speed_up=None if baseline is None else float(np.median(np.divide(baseline, ns))),
    )
