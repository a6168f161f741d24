"""How long ``Session.run`` takes per line: warm, one line at a time, targets interleaved."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure.quantiles import Limits, Percentiles, quantile
from inkport.benchmarks.measure.width_cost import Curve, fit_curve
from inkport.benchmarks.run.noise import Difference, Noise, NoiseMeter
from inkport.benchmarks.run.progress import Progress, silent
from inkport.core.child import ChildSession
from inkport.core.ctc import Decode, greedy
from inkport.core.errors import RuntimeExecutionError, failure_of
from inkport.core.isolated import IsolatedSession
from inkport.core.preprocess import prepare
from inkport.core.runtime import AnySession, check_returned, lend
from inkport.core.self_timed import SelfTimed
from inkport.core.spec import RecogniserSpec
from inkport.lines.line import Line


Image = npt.NDArray[Any]
"""Prepared lines of one size, float32 (n, c, h, w), or uint8 where images are handed over as they are."""
Clock = Callable[[], int]
"""Returns nanoseconds; never goes back."""


def clock_ns() -> int:
    """Return the monotonic clock that everything is timed with, in nanoseconds."""
    return time.perf_counter_ns()


def run_ns(session: AnySession, batches: Sequence[Image], clock: Clock = clock_ns) -> int:
    """Return how long a session runs these batches, one after the other.

    An engine in another process is timed there: carrying the images over is not its work.
    """
    if isinstance(session, SelfTimed):
        if isinstance(child := _child_of(session), IsolatedSession):
            child.keep_warm()
        return sum(_own_ns(session, batch, clock) for batch in batches)
    start = clock()
    for batch in batches:
        session.run(batch)
    return clock() - start


def _own_ns(session: AnySession, batch: Image, clock: Clock) -> int:
    start = clock()
    session.run(batch)
    elapsed = clock() - start
    own = session.last_run_ns if isinstance(session, SelfTimed) else None
    return elapsed if own is None else own


BLOCK = 8
"""Lines that a target runs before the next one has its turn: few, so that drift of the machine hits all alike."""
NOISE_SAMPLES = 5
"""Moments at which the calibration load runs: before, three times between, and after."""
COLD_STARTS = 3
"""How often a session is opened; the median counts."""


@dataclass(frozen=True, kw_only=True)
class Speed(Percentiles):
    """Times of one target, in turns with all others."""

    speed_up: float | None
    """Median over the lines of the baseline's time divided by this target's; absent without a baseline."""
    speed_up_interval: Limits | None = None
    """95 % interval of ``speed_up``; absent without a baseline."""
    difference: Difference | None = None
    """What can be said about ``speed_up`` on a machine of this noise floor; absent without a baseline, and on it."""


@dataclass(frozen=True, kw_only=True)
class Latency(Speed):
    """Times of one target, its start and its curve."""

    cold_start_ms: float
    """Opening a session and its first run, the SDK imported and the files cached: median of three."""
    lines_per_s: float
    """Lines over the sum of their times: one stream, preparing and decoding excluded."""
    curve: Curve | None = None
    """Time against width."""


def choose_lines(inputs: Sequence[Image], count: int, *, seed: int) -> list[int]:
    """Choose up to ``count`` prepared lines as ``choose_widths`` does, and return their indices."""
    return choose_widths([image.shape[3] for image in inputs], count, seed=seed)


def choose_widths(widths: Sequence[int], count: int, *, seed: int) -> list[int]:
    """Choose up to ``count`` lines that have the widths of all, in random order.

    Every line has its place in the order of widths; places at equal distances are taken.

    Returns:
        Indices into ``widths``.
    """
    by_width = sorted(range(len(widths)), key=lambda index: widths[index])
    places = (np.arange(min(count, len(widths))) + 0.5) * len(widths) / min(count, len(widths))
    chosen = [by_width[int(place)] for place in places]
    np.random.default_rng(seed).shuffle(chosen)
    return chosen


def cold_start(open_session: Callable[[], AnySession], image: Image) -> tuple[float, AnySession]:
    """Open a session and run one line, several times over.

    Where a child knows how long it took, starting the child is not counted: the SDK is imported there first.

    Args:
        open_session: Opens a fresh session; the SDK must have been imported before.
        image: A prepared line, float32 (1, 1, h, w).

    Returns:
        The median time in milliseconds, and the last session, still open.
    """
    times: list[int] = []
    while True:
        lent = lend(image)
        start = time.perf_counter_ns()
        session = open_session()
        try:
            session.run(lent)
            elapsed = _own_start_ns(session) or time.perf_counter_ns() - start
            check_returned(lent, image, label="the session")
        except BaseException:
            session.close()
            raise
        times.append(elapsed)
        if len(times) == COLD_STARTS:
            return float(np.median(times)) / 1e6, session
        session.close()


def _child_of(session: AnySession) -> ChildSession | None:
    """Return the session in a child that this is, or is an adapter around; None if it runs in this process."""
    inner = session if isinstance(session, ChildSession) else getattr(session, "session", None)
    return inner if isinstance(inner, ChildSession) else None


def _own_start_ns(session: AnySession) -> int | None:
    """Return how long a child took to open its model and run it once; None where it does not say."""
    child = _child_of(session)
    if child is None:
        return None
    opened, ran = child.open_ns, child.last_run_ns
    return None if opened is None or ran is None else opened + ran


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
    noise: Noise | None = None
    """How steady the machine was meanwhile."""


def measure(
    sessions: Mapping[str, AnySession],
    inputs: Sequence[Image],
    *,
    progress: Progress = silent,
    meter: NoiseMeter | None = None,
) -> Times:
    """Time every session on every line, after running each width once unmeasured.

    Args:
        sessions: Open sessions by name; one that fails is left out from there on.
        inputs: The lines.
        progress: Told how many lines are done.
        meter: Measures the noise floor before, between and after; a fresh one if None.
    """
    meter = meter or NoiseMeter()
    times = Times({name: [] for name in sessions}, {})
    for name, session in sessions.items():
        for image in {image.shape[3]: image for image in inputs}.values():
            _run(name, session, lend(image), times)
    moments, turn = _noise_moments(len(inputs)), _Turn()
    with collection_paused():
        for call in schedule(list(sessions), len(inputs)):
            if not call.timed and moments and call.line >= moments[0]:
                moments.pop(0)
                meter.sample()
            if not call.timed:
                turn.end(times)
                turn = _Turn.start(call, inputs)
                progress("timing all targets", call.line, len(inputs))
            elapsed = _run(call.target, sessions[call.target], turn.lent[call.line], times)
            if call.timed and elapsed is not None:
                times.ns[call.target].append(elapsed)
        turn.end(times)
        meter.sample()
    times.noise = meter.noise()
    for name in times.errors:
        del times.ns[name]
    return times


@dataclass(frozen=True)
class _Turn:
    """The lines of one target's turn: copies of its own, looked at when nothing is timed."""

    target: str = ""
    lent: Mapping[int, Image] = field(default_factory=dict)
    kept: Mapping[int, Image] = field(default_factory=dict)

    @classmethod
    def start(cls, call: Call, inputs: Sequence[Image]) -> _Turn:
        kept = {line: inputs[line] for line in range(call.line, min(call.line + BLOCK, len(inputs)))}
        return cls(call.target, {line: lend(image) for line, image in kept.items()}, kept)

    def end(self, times: Times) -> None:
        if self.target in times.errors:
            return
        try:
            for line, image in self.kept.items():
                check_returned(self.lent[line], image, label=self.target)
        except RuntimeExecutionError as error:
            times.errors[self.target] = error


def _noise_moments(lines: int) -> list[int]:
    """Return the lines before which the calibration load runs: the first, and others at equal distances."""
    return sorted({number * lines // (NOISE_SAMPLES - 1) // BLOCK * BLOCK for number in range(NOISE_SAMPLES - 1)})


@contextmanager
def collection_paused() -> Iterator[None]:
    """Collect garbage now, and not in the block."""
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _run(name: str, session: AnySession, image: Image, times: Times) -> int | None:
    if name in times.errors:
        return None
    try:
        return run_ns(session, (image,))
    except BaseException as error:  # noqa: BLE001 - one broken target must not stop the others
        times.errors[name] = failure_of(error)
        return None


def summarise(
    ns: Sequence[int],
    *,
    cold_start_ms: float,
    baseline: Sequence[int] | None,
    widths: Sequence[int] = (),
    noise: Noise | None = None,
) -> Latency:
    """Return the figures of one target.

    Args:
        ns: Time per line, in nanoseconds.
        cold_start_ms: From ``cold_start``.
        baseline: Times of the baseline on the same lines, if there is one.
        widths: Width of each line, in pixels; without them there is no curve.
        noise: How steady the machine was; without it nothing is said about a difference.
    """
    ratio = None if baseline is None else quantile(np.divide(baseline, ns), 0.5)
    return Latency(
        **vars(Percentiles.of(ns)),
        cold_start_ms=cold_start_ms,
        lines_per_s=len(ns) / (sum(ns) / 1e9),
        speed_up=None if ratio is None else ratio.value,
        speed_up_interval=None if ratio is None else ratio.limits,
        difference=None if ratio is None or noise is None else noise.difference(ratio),
        curve=fit_curve(widths, [value / 1e6 for value in ns]) if widths else None,
    )


@dataclass(frozen=True, kw_only=True)
class HostTimes:
    """Median times of the parts that run in numpy, with numpy's own choice of threads."""

    prepare_p50_ms: float
    """``prepare()``, from the decoded pixels to the network's input."""
    decode_p50_ms: float
    """``greedy()``, from the logits to the text."""
    n: int
    """Lines timed."""
    beam_p50_ms: float | None = None
    """The beam with a language model, from the logits to the text; absent without one."""


def host_times(
    lines: Sequence[Line], spec: RecogniserSpec, session: AnySession, beam: Decode | None = None
) -> HostTimes | None:
    """Time ``prepare``, ``greedy`` and ``beam`` on ``lines``; the session makes the logits and is not timed.

    Returns:
        None for a recogniser that returns text: what it does itself is in its own times.
    """
    if spec.no_frames:
        return None
    prepare_ns, decode_ns, beam_ns = [], [], []
    for line in lines:
        pixels = line.pixels(spec.preprocess)
        start = time.perf_counter_ns()
        image = prepare(pixels, spec.preprocess)
        prepare_ns.append(time.perf_counter_ns() - start)
        logits = session.run(image)[0]
        start = time.perf_counter_ns()
        greedy(logits, spec.charset)
        decode_ns.append(time.perf_counter_ns() - start)
        if beam is not None:
            start = time.perf_counter_ns()
            beam(logits, spec.charset)
            beam_ns.append(time.perf_counter_ns() - start)
    return HostTimes(
        prepare_p50_ms=float(np.median(prepare_ns)) / 1e6,
        decode_p50_ms=float(np.median(decode_ns)) / 1e6,
        n=len(prepare_ns),
        beam_p50_ms=float(np.median(beam_ns)) / 1e6 if beam_ns else None,
    )
