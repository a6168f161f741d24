"""The same input gives the same bits, however often it is run."""

from __future__ import annotations

from collections.abc import Sequence

from inkport.benchmarks.checks.invariance.findings import Findings
from inkport.benchmarks.checks.invariance.relation import Relation
from inkport.benchmarks.checks.invariance.subject import Sample, Subject


PASSES = 3
"""How often all lines are run."""


def check(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run all lines several times over in one session, other shapes in between; every pass must give equal bits."""
    findings = Findings(subject.spec)
    session = subject.fresh()
    try:
        first = [findings.run(session, s.image, line=i, case="run 1") for i, s in enumerate(samples)]
        for number in range(2, PASSES + 1):
            for index, sample in enumerate(samples):
                case = f"run {number} in one session, compared with run 1"
                found, expected = findings.run(session, sample.image, line=index, case=case), first[index]
                if found is not None and expected is not None:
                    findings.compare(
                        expected[0],
                        found[0],
                        subject.tolerance.batch,
                        line=index,
                        case=case,
                        image=sample.image,
                        exact=True,
                    )
    finally:
        session.close()
    return findings


RELATION = Relation(name="repeat", claim="A line run again in the same session gives the same bits.", check=check)
