"""The number of threads changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from inkport.benchmarks.checks.invariance.findings import Findings, Kind, Violation
from inkport.benchmarks.checks.invariance.relation import Relation
from inkport.benchmarks.checks.invariance.subject import Array, Sample, Subject
from inkport.core.errors import InkportError, RuntimeUnavailableError, UsageError


COUNTS = (1, 2, 4)
"""Threads that are tried."""


def check(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run the lines with other numbers of threads than the target's own; a number that is refused is no fault."""
    findings = Findings(subject.spec)
    expected = _run_all(subject, findings, samples, subject.threads)
    refused = []
    for threads in (count for count in COUNTS if count != subject.threads):
        try:
            found = _run_all(subject, findings, samples, threads)
        except (UsageError, RuntimeUnavailableError):
            refused.append(str(threads))
            continue
        except InkportError as error:
            case = f"opened with {threads} threads"
            findings.add(Violation(kind=Kind.CONTRACT, line=0, case=case, fault=error.message))
            continue
        case = f"with {threads} threads, compared with {subject.threads}"
        for index in expected.keys() & found.keys():
            findings.compare(
                expected[index][0],
                found[index][0],
                subject.tolerance.batch,
                line=index,
                case=case,
                image=samples[index].image,
            )
    if refused:
        findings.note = f"refuses {' and '.join(refused)} threads"
    return findings


def _run_all(subject: Subject, findings: Findings, samples: Sequence[Sample], threads: int) -> dict[int, Array]:
    session = subject.open(threads)
    try:
        case = f"with {threads} threads"
        runs = {i: findings.run(session, s.image, line=i, case=case) for i, s in enumerate(samples)}
        return {index: logits for index, logits in runs.items() if logits is not None}
    finally:
        session.close()


RELATION = Relation(name="threads", claim="A line reads the same with any number of threads.", check=check)
