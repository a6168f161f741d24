"""Two sessions that run at the same time read what each reads alone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from inkport.benchmarks.checks.invariance.findings import Findings
from inkport.benchmarks.checks.invariance.relation import Relation
from inkport.benchmarks.checks.invariance.subject import Array, Sample, Subject
from inkport.core.runtime import Session


ROUNDS = 3
"""How often each session runs all lines while the other one runs, too."""
WAIT_S = 600.0
"""How long one session waits for the other to be ready."""


def check(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run two sessions in two threads, one forwards and one backwards, and compare with one of them alone.

    A session belongs to one thread at a time: two threads in one session are not promised, and not tried.
    """
    findings = Findings(subject.spec)
    sessions: list[Session] = []
    try:
        # One by one: the first must be closed even if the second does not open.
        sessions.append(subject.fresh())
        sessions.append(subject.fresh())
        alone = [findings.run(sessions[0], s.image, line=i, case="alone") for i, s in enumerate(samples)]
        orders = (list(range(len(samples))), list(range(len(samples)))[::-1])
        # Each thread has findings of its own, so that only the sessions can disturb one another.
        parts = [Findings(subject.spec), Findings(subject.spec)]
        barrier = Barrier(2, timeout=WAIT_S)
        with ThreadPoolExecutor(max_workers=2) as pool:
            runs = [pool.submit(_run_rounds, parts[k], sessions[k], samples, orders[k], barrier) for k in range(2)]
            results = [run.result() for run in runs]
    finally:
        for session in sessions:
            session.close()
    for part in parts:
        findings.cases += part.cases
        if part.worst is not None:
            findings.add(part.worst)
    for number, found in enumerate(results):
        case = f"in session {number + 1} of 2 that run at the same time, compared with one session alone"
        for index, logits in found:
            expected = alone[index]
            if expected is not None:
                findings.compare(
                    expected[0], logits[0], subject.tolerance.batch, line=index, case=case, image=samples[index].image
                )
    return findings


def _run_rounds(
    findings: Findings, session: Session, samples: Sequence[Sample], order: Sequence[int], barrier: Barrier
) -> list[tuple[int, Array]]:
    barrier.wait()
    found = []
    for _ in range(ROUNDS):
        for index in order:
            logits = findings.run(session, samples[index].image, line=index, case="while another session runs")
            if logits is not None:
                found.append((index, logits))
    return found


RELATION = Relation(
    name="concurrent",
    claim="Two sessions that run at the same time read what each reads alone.",
    check=check,
    attempts=3,
)
