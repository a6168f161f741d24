"""One target through the pipeline: available, exported, loaded, run, compared; it stops where it fails."""

from __future__ import annotations

from dataclasses import dataclass, replace

from inkport.benchmarks.measure.fragile import choose_fragile, without_claims
from inkport.benchmarks.measure.gaps import find_margins
from inkport.benchmarks.measure.parity import Parity, Reading, compare, score
from inkport.benchmarks.measure.per_line import line_edits
from inkport.benchmarks.run.environment import without_folders
from inkport.benchmarks.run.latency import choose_lines
from inkport.benchmarks.run.options import Options
from inkport.benchmarks.run.outcome import Outcome
from inkport.benchmarks.run.progress import Progress, silent
from inkport.benchmarks.run.reference import Provide
from inkport.core.artifact import Artifact
from inkport.core.ctc import Decode, Transcription, greedy
from inkport.core.errors import InkportError, RuntimeUnavailableError, UsageError
from inkport.core.exits import is_refusal
from inkport.core.foreign import failure_of
from inkport.core.registry import open_session, probe
from inkport.core.runtime import CheckedSession, Evidence, Placed, Placement, Session, SessionOptions
from inkport.core.spec import RecogniserSpec
from inkport.core.target import LineChoice, Target
from inkport.lines.audit import Audit


READ_AT_ONCE = 32
"""Lines read between two updates of the progress."""


@dataclass
class TargetRun:
    """What is known about a target so far."""

    target: Target
    """The target."""
    version: str = ""
    """Version of its runtime's SDK."""
    artifact: Artifact | None = None
    """What it runs."""
    parity: Parity | None = None
    """Its text, once it has read all lines."""
    failure: tuple[Outcome, str] | None = None
    """Where it failed, and why."""
    evidence: Evidence = Evidence.MEASURED
    """What a run of its runtime proves here."""
    placement: Placement | None = None
    """Where its operators ran, if its runtime tells."""
    sample: int | None = None
    """Lines that it read, if not all."""
    choice: LineChoice | None = None
    """How those lines were chosen, if not all were read."""
    line_edits: tuple[int | None, ...] | None = None
    """Its edits per line, once it has read."""

    def fail(self, outcome: Outcome, error: Exception) -> None:
        """Remember where it failed, and why: the error's sentence and its fix, without folders."""
        reason = error.message if isinstance(error, InkportError) else repr(error)
        fix = f" (fix: {error.remedy})" if isinstance(error, InkportError) and error.remedy else ""
        self.failure = (outcome, without_folders(reason + fix) + ".")


def prove(
    target: Target,
    expected: Reading,
    audit: Audit,
    *,
    provide: Provide,
    options: Options,
    progress: Progress,
    decode: Decode = greedy,
) -> TargetRun:
    """Take a target as far as it comes, up to its comparison with the reference; raises what ``open_target`` does.

    Args:
        target: The target.
        expected: What the reference read.
        audit: The lines.
        provide: Returns the target's artefact.
        options: Settings.
        progress: Told what is going on.
        decode: What makes text of logits, as for the reference.
    """
    run = TargetRun(target)
    session = open_target(run, provide=provide, options=options, progress=progress)
    if session is None or run.artifact is None:
        return run
    indices = _sample(target, expected, audit, options)
    part = audit if indices is None else audit.pick(indices)
    try:
        with session:
            reading = read_all(run.artifact.spec, session, part, label=target.name, progress=progress, decode=decode)
            run.placement = session.session.placement() if isinstance(session.session, Placed) else None
    except BaseException as error:  # noqa: BLE001
        run.fail(Outcome.RUN_FAILED, failure_of(error))
        return run
    run.sample, run.choice = (None, None) if indices is None else (len(indices), target.choose)
    run.line_edits = line_edits(reading, indices, lines=len(audit.lines))
    wanted = expected if indices is None else expected.part(indices)
    run.parity = compare(
        part.lines,
        wanted,
        reading,
        margin=target.budget.cer_margin,
        largest_writer_loss=target.budget.largest_writer_loss,
        seed=options.seed,
        resamples=options.resamples,
    )
    if run.choice is LineChoice.FRAGILE:
        run.parity = without_claims(run.parity)
    return run


def open_target(
    run: TargetRun, *, provide: Provide, options: Options, progress: Progress = silent
) -> CheckedSession | None:
    """Take a target up to its open session, which the caller closes.

    Args:
        run: The target; what is found out about it is written here, ``failure`` included.
        provide: Returns the target's artefact.
        options: Settings.
        progress: Told what is going on.

    Returns:
        The session, or None if the target did not come that far.

    Raises:
        OSError: If the machine has no room for the artefact; nothing else is raised.
        MemoryError: Likewise.
    """
    target = run.target
    availability = probe(target.runtime)
    run.version, run.evidence = availability.version, availability.evidence
    if not availability.ok:
        run.fail(Outcome.UNAVAILABLE, RuntimeUnavailableError(availability.reason, remedy=availability.remedy))
        return None
    # Whatever a vendor's code raises, the other targets go on: hence every exception, at each step.
    try:
        progress(f"{target.name}: exporting")
        run.artifact = provide(target)
    except BaseException as error:
        failure = failure_of(error)
        if is_refusal(failure):
            raise
        run.fail(Outcome.UNAVAILABLE if _is_missing(failure) else Outcome.EXPORT_FAILED, failure)
        return None
    try:
        progress(f"{target.name}: opening")
        return open_session(
            run.artifact, runtime=target.runtime, device=target.device, options=session_options(target, options)
        )
    except BaseException as error:  # noqa: BLE001
        failure = failure_of(error)
        run.fail(Outcome.UNAVAILABLE if _is_missing(failure) else Outcome.LOAD_FAILED, failure)
        return None


def session_options(target: Target, options: Options) -> SessionOptions:
    """Return how a target's session is to run; ``options.threads`` in the target goes before the run's.

    Raises:
        UsageError: If the target's thread count is no number of at least 1.
    """
    extra = dict(target.options)
    threads = extra.pop("threads", str(options.threads))
    if not threads.isdecimal():
        raise UsageError(f"target {target.name!r}: threads must be a number of at least 1, found {threads!r}")
    return SessionOptions(threads=int(threads), extra=extra)


def _sample(target: Target, expected: Reading, audit: Audit, options: Options) -> list[int] | None:
    if target.lines is None or target.lines >= len(audit.lines):
        return None
    if target.choose is LineChoice.FRAGILE:
        return sorted(choose_fragile(expected.thresholds, target.lines))
    return sorted(choose_lines(audit.inputs, target.lines, seed=options.seed))


def read_all(
    spec: RecogniserSpec,
    session: Session,
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
    for index, image in enumerate(audit.inputs):
        if index % READ_AT_ONCE == 0:
            progress(f"{label}: reading", index, len(audit.inputs))
        logits = session.run(image)[0]
        read.append(decode(logits, spec.charset))
        thresholds.append(find_margins(logits).threshold)
    return replace(score(audit.lines, read), thresholds=tuple(thresholds))


def _is_missing(error: Exception) -> bool:
    """Whether something is not installed or not there, rather than broken."""
    return isinstance(error, RuntimeUnavailableError) or isinstance(error.__cause__, ModuleNotFoundError)
