"""The first call after loading reads like every later one."""

from __future__ import annotations

from collections.abc import Sequence

from inkport.benchmarks.checks.invariance.findings import Findings
from inkport.benchmarks.checks.invariance.relation import Relation
from inkport.benchmarks.checks.invariance.subject import Sample, Subject


LOADS = 3
"""Most lines that are the first one of a session: loading can take seconds."""


def check(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Load a session, run a line twice: it must read the same. The first, the middle and the last line are tried."""
    findings = Findings(subject.spec)
    last = len(samples) - 1
    for index in sorted({0, last // 2, last})[:LOADS]:
        image = samples[index].image
        session = subject.fresh()
        try:
            case = "as the first call after loading, compared with the second"
            found = findings.run(session, image, line=index, case=case)
            expected = findings.run(session, image, line=index, case="as the second call after loading")
            if found is not None and expected is not None:
                findings.compare(expected[0], found[0], subject.tolerance.batch, line=index, case=case, image=image)
        finally:
            session.close()
    return findings


RELATION = Relation(name="first-call", claim="The first call after loading reads like every later one.", check=check)
