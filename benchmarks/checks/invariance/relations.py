"""The sequence of the checks: each target is opened, and each relation tried on the same few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from inkport.benchmarks.report.envelope import Check, Report
from inkport.benchmarks.run.environment import read_environment, without_folders
from inkport.benchmarks.run.latency import choose_lines
from inkport.benchmarks.run.progress import Progress, silent
from inkport.benchmarks.run.record import Outcome, TargetRecord
from inkport.benchmarks.run.request import (
    Options,
    Reference,
    Request,
    describe_data,
    describe_model,
    describe_reference,
    open_reference,
)
from inkport.benchmarks.run.targets import open_target, session_options
from inkport.core.artifact import Artifact
from inkport.core.errors import RuntimeUnavailableError
from inkport.core.registry import open_session
from inkport.core.runtime import CheckedSession, SessionOptions
from inkport.core.target import Target
from inkport.runtimes.logits import TOLERANCES
from inkport.runtimes.relations.findings import Findings, Kind, Relation, Sample, Subject
from inkport.runtimes.relations.relations import RELATIONS, guarded
from inkport.runtimes.relations.shrink import Example, shrink


class Status(StrEnum):
    """What became of a relation."""

    HOLDS = "holds"
    """Nothing broke it."""
    ROUNDING = "rounding"
    """A text changed, and rounding explains it; counts as holding."""
    VIOLATED = "violated"
    """It is broken."""


@dataclass(frozen=True, kw_only=True)
class InvarianceOptions(Options):
    """What `inkport diagnose invariance` is asked for; one relation is about threads."""

    sample: int = 24
    """Most lines that the relations were tried on."""
    relations: tuple[str, ...] = ()
    """Names of the relations, in the order in which they were tried."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(sample=1)


@dataclass(frozen=True, kw_only=True)
class ExampleLine:
    """A line of an example."""

    id: str
    """The line's id."""
    width: int
    """Columns of its prepared image that are left, in pixels."""


@dataclass(frozen=True, kw_only=True)
class ExampleInfo:
    """The smallest example of a violation: no line can be left out, and none cut by one more width multiple."""

    kind: Kind
    """How the relation is broken."""
    lines: tuple[ExampleLine, ...]
    """The lines."""
    line: int
    """Which of them reads differently, by its place."""
    case: str
    """What was done to it."""
    fault: str
    """What is wrong with the logits, or what the run said."""
    expected_text: str | None
    """What it should have read; absent where no logits came back."""
    found_text: str | None
    """What it read."""
    difference: float | None
    """Largest difference of the logits."""
    allowed: float | None
    """How large it may be."""
    checks: int
    """Checks that the search for it took."""
    file: str | None
    """File with the images and both logits, beside the report."""


@dataclass(frozen=True, kw_only=True)
class RelationReport:
    """One relation on one target."""

    relation: str
    """Its name."""
    status: Status
    """What became of it."""
    cases: int
    """Comparisons made."""
    broken_lines: Mapping[str, int]
    """Lines that broke it, by kind."""
    largest_difference: float
    """Largest difference of logits among all comparisons."""
    note: str
    """What else there is to say."""
    example: ExampleInfo | None
    """The smallest example; absent where nothing broke it."""


@dataclass(frozen=True, kw_only=True)
class Relations:
    """What `inkport diagnose invariance` finds out about a target."""

    lines: int = 0
    """Lines that the relations were tried on."""
    relations: tuple[RelationReport, ...] = ()
    """The relations, in order; none if it did not come that far."""


INVARIANCE = Check("invariance", InvarianceOptions, (), (Relations,))
"""Whether anything but a line's own image changes its text; the reference says what padding and width may do."""


@dataclass
class Checked:
    """The report, and the examples by the names of their files."""

    report: Report
    """The report."""
    examples: dict[str, Example] = field(default_factory=dict)
    """Examples whose images and logits are worth a file, by file name."""


def check_relations(request: Request, *, progress: Progress = silent) -> Checked:
    """Try every relation on every target; a target that fails does not stop the others.

    Of a recogniser that returns text no relation is judged: they compare scores per frame, and each row says so.

    Raises:
        LineDataError: If there is no usable line.
        UnknownRuntimeError: If a target names a runtime that is not registered.
        InkportError: If the reference itself fails.
    """
    request.refuse()
    options = request.options
    environment = read_environment(threads=options.threads)
    if reason := request.model.spec.no_frames:
        report = Report(
            check=INVARIANCE,
            model=describe_model(request.model),
            data=describe_data(request.audit, request.sources, request.model),
            options=options,
            environment=environment,
            targets=tuple(TargetRecord.of(target).not_judged(reason) for target in request.targets),
        )
        return Checked(report)
    progress("opening the reference")
    reference, note = _reference(request)
    examples: dict[str, Example] = {}
    try:
        targets = tuple(_check_target(target, request, reference, examples, progress) for target in request.targets)
    finally:
        if reference is not None:
            reference.session.close()
    report = Report(
        check=INVARIANCE,
        model=describe_model(request.model),
        data=describe_data(request.audit, request.sources, request.model),
        reference=None if reference is None else describe_reference(reference),
        note=note,
        options=options,
        environment=environment,
        targets=targets,
    )
    return Checked(report, examples)


def _reference(request: Request) -> tuple[Reference | None, str]:
    try:
        return open_reference(request, SessionOptions(threads=request.options.threads)), ""
    except RuntimeUnavailableError as error:
        return None, without_folders(error.message)


def _check_target(
    target: Target, request: Request, reference: Reference | None, examples: dict[str, Example], progress: Progress
) -> TargetRecord:
    threads = request.options.threads
    run = open_target(target, provide=request.provide, threads=threads, progress=progress)
    run.close()
    if run.failed or run.artifact is None:
        return replace(run.record, evidence=None)
    samples = _samples(request, target)
    subject = _subject(target, run.artifact, threads, reference)
    found = []
    for relation in RELATIONS:
        if relation.name in request.options.relations:
            progress(f"{target.name}: {relation.name}")
            found.append(_try(relation, subject, samples, target, examples))
    violated = any(relation.status is Status.VIOLATED for relation in found)
    record = run.record.having(Relations(lines=len(samples), relations=tuple(found)))
    return replace(record, outcome=Outcome.VIOLATED if violated else Outcome.PASS)


def _samples(request: Request, target: Target) -> list[Sample]:
    count = min(request.options.sample, target.lines or request.options.sample)
    chosen = choose_lines(request.audit.inputs, count, seed=request.options.seed)
    return [Sample(request.audit.lines[index].id, request.audit.inputs[index]) for index in chosen]


def _subject(target: Target, artifact: Artifact, threads: int, reference: Reference | None) -> Subject:
    base = session_options(target, threads)
    return Subject(
        spec=artifact.spec,
        tolerance=TOLERANCES[target.precision],
        open=lambda threads: open_session(
            artifact,
            runtime=target.runtime,
            device=target.device,
            options=SessionOptions(threads=threads, extra=base.extra),
        ),
        threads=base.threads,
        reference=reference.session.run if reference and isinstance(reference.session, CheckedSession) else None,
    )


def _try(
    relation: Relation, subject: Subject, samples: Sequence[Sample], target: Target, examples: dict[str, Example]
) -> RelationReport:
    relation = guarded(relation)
    findings = relation.check(subject, samples)
    example = None
    if findings.worst is not None:
        smallest = shrink(relation, subject, samples, findings.worst)
        file = None
        if smallest.violation.image is not None:
            file = f"{_slug(target.name)}-{relation.name}.npz"
            examples[file] = smallest
        example = _example(smallest, file)
    return RelationReport(
        relation=relation.name,
        status=_status(findings),
        cases=findings.cases,
        broken_lines={str(kind): len(lines) for kind, lines in sorted(findings.broken.items())},
        largest_difference=findings.largest,
        note=findings.note,
        example=example,
    )


def _status(findings: Findings) -> Status:
    if findings.worst is None:
        return Status.HOLDS
    return Status.ROUNDING if findings.worst.kind is Kind.ROUNDING else Status.VIOLATED


def _example(example: Example, file: str | None) -> ExampleInfo:
    worst = example.violation
    return ExampleInfo(
        kind=worst.kind,
        lines=tuple(ExampleLine(id=sample.id, width=sample.width) for sample in example.samples),
        line=worst.line,
        case=worst.case,
        fault=without_folders(worst.fault),
        expected_text=worst.expected_text,
        found_text=worst.found_text,
        difference=worst.difference,
        allowed=worst.allowed,
        checks=example.checks,
        file=file,
    )


def _slug(name: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
