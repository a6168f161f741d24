"""What was read before a line changes nothing: a session keeps no state between lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inkport.benchmarks.checks.invariance.findings import Findings
from inkport.benchmarks.checks.invariance.relation import Relation
from inkport.benchmarks.checks.invariance.subject import SAME_SHAPE, Array, Sample, Subject


def check(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run the lines one by one forwards, backwards and shuffled, in one session; each must read the same."""
    findings = Findings(subject.spec)
    places = list(range(len(samples)))
    shuffled = np.random.default_rng(0).permutation(len(samples)).tolist()
    session = subject.fresh()
    try:
        first: dict[int, Array] = {}
        for index in places:
            logits = findings.run(session, samples[index].image, line=index, case="in order")
            if logits is not None:
                first[index] = logits
        for name, order in (("in reverse order", places[::-1]), ("in shuffled order", shuffled)):
            for before, index in zip([None, *order], order, strict=False):
                after = "first" if before is None else f"after {samples[before].id}"
                earlier = "first" if index == 0 else f"after {samples[index - 1].id}"
                case = f"{name}, {after}, compared with {earlier}"
                found = findings.run(session, samples[index].image, line=index, case=case)
                if found is not None and index in first:
                    findings.compare(
                        first[index][0], found[0], SAME_SHAPE, line=index, case=case, image=samples[index].image
                    )
    finally:
        session.close()
    return findings


RELATION = Relation(
    name="order",
    claim="A line reads the same whatever was read before it: nothing is kept from one line to the next.",
    check=check,
)
