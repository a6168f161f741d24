"""One session among others: neither its number of threads nor a second session changes what a line reads."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

from inkport.core.errors import InkportError, RuntimeUnavailableError, UsageError
from inkport.core.runtime import Session
from inkport.runtimes.relations.findings import Findings, Kind, Relation, Violation
from inkport.runtimes.relations.subject import Array, Sample, Subject


COUNTS = (1, 2, 4)
"""Threads that are tried."""
ROUNDS = 3
"""How often each of two sessions runs all lines while the other one runs, too."""
WAIT_S = 600.0
"""How long one session waits for the other to be ready."""


def _threads(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run the lines with other numbers of threads than the target's own; a number that is refused is no fault."""
    findings = Findings(subject.spec)
    expected = _run_all(subject, findings, samples, subject.threads)
    refused = []
    for threads in (count for count in COUNTS if count != subject.threads):
        try:
            found = _run_all(subject, findings, samples, threads)
        except (UsageError, RuntimeUnavailableError):
            refused.append(str(threads))
        except InkportError as error:
            case = f"opened with {threads} threads"
            findings.add(Violation(kind=Kind.CONTRACT, line=0, case=case, fault=error.message))
        else:
            case = f"with {threads} threads, compared with {subject.threads}"
            _compare_all(subject, findings, samples, expected, list(enumerate(found)), case)
    if refused:
        findings.note = f"refuses {' and '.join(refused)} threads"
    return findings


def _run_all(subject: Subject, findings: Findings, samples: Sequence[Sample], threads: int) -> list[Array | None]:
    with subject.session(threads) as session:
        case = f"with {threads} threads"
        return [findings.run(session, s.image, line=i, case=case) for i, s in enumerate(samples)]


def _concurrent(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run two sessions in two threads, one forwards and one backwards, and compare with one of them alone.

    A session belongs to one thread at a time: two threads in one session are not promised, and not tried.
    """
    findings = Findings(subject.spec)
    with ExitStack() as opened:
        sessions = [opened.enter_context(subject.session()) for _ in range(2)]
        alone = [findings.run(sessions[0], s.image, line=i, case="alone") for i, s in enumerate(samples)]
        orders = (list(range(len(samples))), list(range(len(samples)))[::-1])
        # Each thread has findings of its own, so that only the sessions can disturb one another.
        parts = [Findings(subject.spec), Findings(subject.spec)]
        barrier = Barrier(2, timeout=WAIT_S)
        with ThreadPoolExecutor(max_workers=2) as pool:
            runs = [pool.submit(_run_rounds, parts[k], sessions[k], samples, orders[k], barrier) for k in range(2)]
            results = [run.result() for run in runs]
    for number, (part, found) in enumerate(zip(parts, results, strict=True), start=1):
        findings.cases += part.cases
        if part.worst is not None:
            findings.add(part.worst)
        case = f"in session {number} of 2 that run at the same time, compared with one session alone"
        _compare_all(subject, findings, samples, alone, found, case)
    return findings


def _run_rounds(
    findings: Findings, session: Session, samples: Sequence[Sample], order: Sequence[int], barrier: Barrier
) -> list[tuple[int, Array | None]]:
    barrier.wait()
    case = "while another session runs"
    lines = [line for _ in range(ROUNDS) for line in order]
    return [(line, findings.run(session, samples[line].image, line=line, case=case)) for line in lines]


def _compare_all(  # noqa: PLR0917
    subject: Subject,
    findings: Findings,
    samples: Sequence[Sample],
    expected: Sequence[Array | None],
    found: Sequence[tuple[int, Array | None]],
    case: str,
) -> None:
    """Compare the logits of lines, each with its place, with those expected; runs that failed are counted already."""
    for line, logits in found:
        wanted, image = expected[line], samples[line].image
        if wanted is not None and logits is not None:
            findings.compare(wanted[0], logits[0], subject.tolerance.batch, line=line, case=case, image=image)


THREADS = Relation(
    name="threads",
    claim="A line reads the same with any number of threads.",
    fault="reads otherwise with another number of threads",
    check=_threads,
)
CONCURRENT = Relation(
    name="concurrent",
    claim="Two sessions that run at the same time read what each reads alone.",
    fault="lets two sessions disturb each other",
    check=_concurrent,
    attempts=3,
)
