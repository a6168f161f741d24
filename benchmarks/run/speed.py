"""The speed of all targets that can read, measured in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from inkport.benchmarks.run.host_times import HostTimes, host_times
from inkport.benchmarks.run.latency import Image, Latency, Times, choose_lines, cold_start, measure, summarise
from inkport.benchmarks.run.machine.noise import Noise
from inkport.benchmarks.run.options import VerifyOptions
from inkport.benchmarks.run.progress import Progress
from inkport.benchmarks.run.targets import Attempt, session_options
from inkport.core.artifact import Artifact
from inkport.core.beam import BeamDecoder
from inkport.core.foreign import failure_of
from inkport.core.registry import load_runtime
from inkport.core.runtime import Evidence, Session
from inkport.core.target import Precision, Target
from inkport.lines.audit import Audit


@dataclass
class Speed:
    """What was measured; empty if nothing was."""

    latencies: dict[str, Latency] = field(default_factory=dict)
    """By name of the target."""
    errors: dict[str, Exception] = field(default_factory=dict)
    """The targets that failed here although they had read all lines."""
    baseline: str | None = None
    """Name of the target that speed-ups refer to: fp32 in ONNX Runtime."""
    host: HostTimes | None = None
    """Times of the parts around the network."""
    noise: Noise | None = None
    """How steady the machine was."""


def measure_speed(
    runs: Sequence[Attempt],
    audit: Audit,
    options: VerifyOptions,
    progress: Progress,
    *,
    beam: BeamDecoder | None = None,
) -> Speed:
    """Time the targets that have read all lines, on the same lines and in turns.

    Args:
        runs: All targets.
        audit: The lines.
        options: How many lines and threads; with 0 lines nothing is measured.
        progress: Called with messages about the progress.
        beam: Decoder with a language model, timed beside greedy decoding if given.
    """
    speed = Speed()
    ready = {
        run.target.name: (run.target, run.artifact)
        for run in runs
        if run.record.parity and run.artifact and run.record.evidence is Evidence.MEASURED
    }
    if not ready or not options.latency_lines:
        return speed
    chosen = choose_lines(audit.inputs, options.latency_lines, seed=options.seed)
    inputs = [audit.inputs[index] for index in chosen]
    cold: dict[str, float] = {}
    sessions: dict[str, Session] = {}
    try:
        for name, (target, artifact) in ready.items():
            progress(f"{name}: cold start")
            try:
                cold[name], sessions[name] = _open(target, artifact, options, _middle(inputs))
            except BaseException as error:  # noqa: BLE001 - one broken target must not stop the others
                speed.errors[name] = failure_of(error)
        times = measure(sessions, inputs, progress=progress)
        speed.errors |= times.errors
        speed.baseline = next((name for name in times.ns if is_baseline(ready[name][0])), None)
        speed.noise = times.noise
        speed.latencies = _latencies(times, cold, speed.baseline, [image.shape[3] for image in inputs])
        if times.ns:
            artifact, session = ready[next(iter(times.ns))][1], sessions[next(iter(times.ns))]
            speed.host = host_times([audit.lines[index] for index in chosen], artifact.spec, session, beam)
    finally:
        for name, session in sessions.items():
            try:
                session.close()
            except BaseException as error:  # noqa: BLE001 - nor one that does not close
                speed.errors.setdefault(name, failure_of(error))
    return speed


def _open(target: Target, artifact: Artifact, options: VerifyOptions, image: Image) -> tuple[float, Session]:
    # The runtime itself, without the checks around its sessions: they are not what is timed.
    runtime = load_runtime(target.runtime)
    settings = session_options(target, options.threads)
    return cold_start(lambda: runtime.open(artifact, device=target.device, options=settings), image)


def _middle(inputs: Sequence[Image]) -> Image:
    return sorted(inputs, key=lambda image: image.shape[3])[len(inputs) // 2]


def is_baseline(target: Target) -> bool:
    """Whether speed-ups refer to this target: fp32 in ONNX Runtime."""
    return (target.runtime, target.precision) == ("onnxruntime", Precision.FP32)


def _latencies(times: Times, cold: dict[str, float], baseline: str | None, widths: Sequence[int]) -> dict[str, Latency]:
    base = times.ns[baseline] if baseline else None
    return {
        name: summarise(
            ns,
            cold_start_ms=cold[name],
            baseline=base,
            widths=widths,
            # The baseline does not differ from itself, and need not be told.
            noise=None if name == baseline else times.noise,
        )
        for name, ns in times.ns.items()
    }
