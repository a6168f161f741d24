"""One line after another: neither the number of a call nor what was read before it changes what a line reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inkport.runtimes.relations.findings import Findings, Relation
from inkport.runtimes.relations.subject import SAME_SHAPE, Sample, Subject


PASSES = 3
"""How often all lines are run for ``repeat``."""
LOADS = 3
"""Most lines that are the first one of a session: loading can take seconds."""


def _repeat(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run all lines several times over in one session, other shapes in between; every pass must give equal bits."""
    findings, share = Findings(subject.spec), subject.tolerance.batch
    with subject.session() as session:
        first = [findings.run(session, s.image, line=i, case="run 1") for i, s in enumerate(samples)]
        for number in range(2, PASSES + 1):
            case = f"run {number} in one session, compared with run 1"
            for line, sample in enumerate(samples):
                findings.check(session, sample.image, first[line], share, line=line, case=case, exact=True)
    return findings


def _order(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run the lines one by one forwards, backwards and shuffled, in one session; each must read the same."""
    findings = Findings(subject.spec)
    places = list(range(len(samples)))
    shuffled = np.random.default_rng(0).permutation(len(samples)).tolist()
    with subject.session() as session:
        first = [findings.run(session, s.image, line=i, case="in order") for i, s in enumerate(samples)]
        for name, order in (("in reverse order", places[::-1]), ("in shuffled order", shuffled)):
            for before, line in zip([None, *order], order, strict=False):
                after = "first" if before is None else f"after {samples[before].id}"
                earlier = "first" if line == 0 else f"after {samples[line - 1].id}"
                case = f"{name}, {after}, compared with {earlier}"
                findings.check(session, samples[line].image, first[line], SAME_SHAPE, line=line, case=case)
    return findings


def _first_call(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Load a session, run a line twice: it must read the same. The first, the middle and the last line are tried."""
    findings = Findings(subject.spec)
    last = len(samples) - 1
    for line in sorted({0, last // 2, last})[:LOADS]:
        image = samples[line].image
        with subject.session() as session:
            case = "as the first call after loading, compared with the second"
            found = findings.run(session, image, line=line, case=case)
            expected = findings.run(session, image, line=line, case="as the second call after loading")
            if found is not None and expected is not None:
                findings.compare(expected[0], found[0], subject.tolerance.batch, line=line, case=case, image=image)
    return findings


REPEAT = Relation(
    name="repeat",
    claim="A line run again in the same session gives the same bits.",
    fault="gives other logits when a line is run again",
    check=_repeat,
)
ORDER = Relation(
    name="order",
    claim="A line reads the same whatever was read before it: nothing is kept from one line to the next.",
    fault="keeps something of one line for the next",
    check=_order,
)
FIRST_CALL = Relation(
    name="first-call",
    claim="The first call after loading reads like every later one.",
    fault="reads otherwise on the first call after loading",
    check=_first_call,
)
