"""The targets of a run: each is opened, read and compared, and stops where it fails; then all are timed in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from inkport.benchmarks.measure.gaps import find_gaps
from inkport.benchmarks.measure.parity import Reading, choose_fragile, compare, line_edits, score, without_claims
from inkport.benchmarks.run.batches import check_batch
from inkport.benchmarks.run.latency import (
    HostTimes,
    Image,
    Latency,
    Times,
    choose_widths,
    cold_start,
    host_times,
    measure,
    summarise,
)
from inkport.benchmarks.run.noise import Noise
from inkport.benchmarks.run.progress import Progress, silent
from inkport.benchmarks.run.record import ArtifactInfo, Outcome, Proof, TargetRecord
from inkport.benchmarks.run.request import Provide, Request, VerifyOptions
from inkport.core.adapted import adapted
from inkport.core.artifact import Artifact
from inkport.core.ctc import Decode, Transcription, greedy
from inkport.core.errors import RuntimeUnavailableError, UsageError, failure_of, is_refusal
from inkport.core.registry import load_runtime, open_any, probe, refuse_undecoded
from inkport.core.runtime import AnySession, Availability, CheckedAny, Evidence, Placed, SessionOptions
from inkport.core.spec import RecogniserSpec
from inkport.core.target import LineChoice, Precision, Target
from inkport.core.texts import transcription
from inkport.lines.audit import Audit


if TYPE_CHECKING:
    from inkport.core.beam import BeamDecoder


READ_AT_ONCE = 32
"""Lines read between two updates of the progress."""


@dataclass
class Attempt:
    """A target on its way through a check: what it runs, where, and its record so far."""

    target: Target
    """The target."""
    record: TargetRecord
    """What is known about it."""
    artifact: Artifact | None = None
    """What it runs."""
    session: AnySession | None = None
    """Where it runs; absent unless it can go on."""

    @property
    def failed(self) -> bool:
        """Whether it has ended."""
        return self.record.outcome is not Outcome.PASS

    def fail(self, outcome: Outcome, error: Exception) -> None:
        """Remember where it ended, and why, and close its session."""
        self.record = self.record.failed(outcome, error)
        self.close()

    def close(self) -> None:
        """Close the session, if it is open."""
        session, self.session = self.session, None
        if session is not None:
            try:
                session.close()
            except BaseException as error:  # noqa: BLE001 - whatever a vendor's code raises
                if not self.failed:
                    self.record = self.record.failed(Outcome.RUN_FAILED, failure_of(error))


def prove(
    target: Target, expected: Reading, request: Request, *, progress: Progress, decode: Decode = greedy
) -> Attempt:
    """Take a target as far as it comes, up to its comparison with the reference; raises what ``open_target`` does.

    Args:
        target: The target.
        expected: What the reference read.
        request: The lines, and where artifacts come from.
        progress: Called with messages about the progress.
        decode: What makes text of logits, as for the reference.
    """
    audit, options = request.audit, request.options
    run = open_target(target, provide=request.provide, threads=options.threads, progress=progress)
    if run.session is None or run.artifact is None:
        return run
    if target.choose is LineChoice.FRAGILE and run.artifact.spec.no_frames and _is_sampled(target, audit):
        run.record = run.record.not_judged(f"{run.artifact.spec.no_frames}, which tell the lines closest to changing")
        run.close()
        return run
    indices = _sample(target, expected, audit, options)
    part = audit if indices is None else audit.pick(indices)
    try:
        reading = read_all(run.artifact.spec, run.session, part, label=target.name, progress=progress, decode=decode)
        check_batch(run.session, part.inputs, label=f"{target.runtime} on {target.device}")
        inner = run.session.session if isinstance(run.session, CheckedAny) else run.session
        placement = inner.placement() if isinstance(inner, Placed) else None
    except BaseException as error:  # noqa: BLE001
        run.fail(Outcome.RUN_FAILED, failure_of(error))
        return run
    run.close()
    if run.failed:
        return run
    sample, choice = (None, None) if indices is None else (len(indices), target.choose)
    wanted = expected if indices is None else expected.part(indices)
    parity = compare(
        part.lines,
        wanted,
        reading,
        margin=target.budget.cer_margin,
        largest_writer_loss=target.budget.largest_writer_loss,
        seed=options.seed,
        resamples=options.resamples,
    )
    proof = Proof(
        parity=without_claims(parity) if choice is LineChoice.FRAGILE else parity,
        line_edits=line_edits(reading, indices, lines=len(audit.lines)),
    )
    run.record = replace(run.record, placement=placement, sample=sample, sample_choice=choice, sections=(proof,))
    return run


def open_target(
    target: Target,
    *,
    provide: Provide,
    threads: int,
    progress: Progress = silent,
    before: Callable[[Attempt], None] | None = None,
    timed: bool = False,
) -> Attempt:
    """Take a target up to its open session, which the caller closes.

    Args:
        target: The target.
        provide: Returns the target's artifact.
        threads: Threads that it computes with, unless its options say otherwise.
        progress: Called with messages about the progress.
        before: Called with the artifact, before the session is opened.
        timed: Whether times count: then an emulated device is not available, and the session is the runtime's own,
            without the checks around it.

    Returns:
        The target, with its session unless it did not come that far.

    Raises:
        OSError: If the machine has no room for the artifact; nothing else is raised.
        MemoryError: Likewise.
    """
    run, found = Attempt(target, TargetRecord.of(target)), probe(target.runtime)
    run.record = replace(run.record, runtime_version=found.version, evidence=found.evidence)
    if timed and found.ok and found.evidence is not Evidence.MEASURED:
        found = Availability(ok=False, reason=f"times of {target.runtime} say nothing: it is {found.evidence} here")
    if not found.ok:
        run.fail(Outcome.UNAVAILABLE, RuntimeUnavailableError(found.reason, remedy=found.remedy))
        return run
    # Whatever a vendor's code raises, the other targets go on: hence every exception, at each step.
    try:
        progress(f"{target.name}: exporting")
        run.artifact = provide(target)
        run.record = replace(run.record, artifact=ArtifactInfo.of(run.artifact))
    except BaseException as error:
        failure = failure_of(error)
        if is_refusal(failure):
            raise
        run.fail(Outcome.UNAVAILABLE if _is_missing(failure) else Outcome.EXPORT_FAILED, failure)
        return run
    try:
        refuse_undecoded(run.artifact, target.runtime)
        if before is not None:
            before(run)
        progress(f"{target.name}: opening")
        options = session_options(target, threads)
        if timed:
            session = load_runtime(target.runtime).open(run.artifact, device=target.device, options=options)
            run.session = adapted(session, run.artifact.spec)
        else:
            run.session = open_any(run.artifact, runtime=target.runtime, device=target.device, options=options)
    except BaseException as error:  # noqa: BLE001
        failure = failure_of(error)
        run.fail(Outcome.UNAVAILABLE if _is_missing(failure) else Outcome.LOAD_FAILED, failure)
    return run


def session_options(target: Target, threads: int) -> SessionOptions:
    """Return how a target's session is to run; ``options.threads`` in the target goes before the run's.

    Raises:
        UsageError: If the target's thread count is not a number of at least 1.
    """
    extra = dict(target.options)
    wanted = extra.pop("threads", str(threads))
    if not wanted.isdecimal():
        raise UsageError(f"target {target.name!r}: threads must be a number of at least 1, found {wanted!r}")
    return SessionOptions(threads=int(wanted), extra=extra)


def _is_sampled(target: Target, audit: Audit) -> bool:
    return target.lines is not None and target.lines < len(audit.lines)


def _sample(target: Target, expected: Reading, audit: Audit, options: VerifyOptions) -> list[int] | None:
    if target.lines is None or target.lines >= len(audit.lines):
        return None
    if target.choose is LineChoice.FRAGILE:
        return sorted(choose_fragile(expected.thresholds, target.lines))
    return sorted(choose_widths(audit.widths, target.lines, seed=options.seed))


def read_all(
    spec: RecogniserSpec,
    session: AnySession,
    audit: Audit,
    *,
    label: str,
    progress: Progress,
    decode: Decode = greedy,
) -> Reading:
    """Read every line by itself, at its own padded width.

    Raises:
        InkportError: If a run fails or breaks the contract.
    """
    read: list[Transcription] = []
    thresholds: list[float] = []
    for found in results_of(session, audit.inputs, label=f"{label}: reading", progress=progress):
        if spec.no_frames:
            read.append(transcription(found))
        else:
            read.append(decode(found, spec.charset))
            thresholds.append(find_gaps(found).threshold)
    return replace(score(audit.lines, read), thresholds=tuple(thresholds))


def results_of(session: AnySession, inputs: Sequence[Image], *, label: str, progress: Progress) -> Iterator[Any]:
    """Yield what a session returns for every line, logits float32 (t, k) or a text: read by itself, at its own width.

    Raises:
        InkportError: If a run fails or breaks the contract.
    """
    for index, image in enumerate(inputs):
        if index % READ_AT_ONCE == 0:
            progress(label, index, len(inputs))
        yield session.run(image)[0]


def _is_missing(error: Exception) -> bool:
    """Whether something is not installed or not there, rather than broken."""
    return isinstance(error, RuntimeUnavailableError) or isinstance(error.__cause__, ModuleNotFoundError)


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
    chosen = choose_widths(audit.widths, options.latency_lines, seed=options.seed)
    inputs = [audit.inputs[index] for index in chosen]
    cold: dict[str, float] = {}
    sessions: dict[str, AnySession] = {}
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


def _open(target: Target, artifact: Artifact, options: VerifyOptions, image: Image) -> tuple[float, AnySession]:
    # The runtime itself, without the checks around its sessions: they are not what is timed.
    runtime = load_runtime(target.runtime)
    settings = session_options(target, options.threads)
    return cold_start(
        lambda: adapted(runtime.open(artifact, device=target.device, options=settings), artifact.spec), image
    )


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
