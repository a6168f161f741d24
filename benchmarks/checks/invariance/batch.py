"""A line in a batch reads like the line alone, whatever the batch's size and the line's place in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inkport.benchmarks.checks.invariance.findings import Findings
from inkport.benchmarks.checks.invariance.relation import Relation
from inkport.benchmarks.checks.invariance.subject import Sample, Subject
from inkport.core.runtime import Session


SIZES = (2, 3, 8)
"""Lines per batch."""


def check(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Put the lines into batches of several sizes and compare each row with that row alone.

    A batch has one width: its lines take turns in giving it, and the others are cut or padded to it beforehand,
    so that what is compared has one and the same input.
    """
    findings = Findings(subject.spec)
    session = subject.fresh()
    try:
        for size in sorted({min(size, len(samples)) for size in SIZES}):
            for number, start in enumerate(range(0, len(samples), size)):
                places = range(start, min(start + size, len(samples)))
                _compare_batch(subject, findings, session, samples, places, turn=number)
    finally:
        session.close()
    return findings


def _compare_batch(
    subject: Subject, findings: Findings, session: Session, samples: Sequence[Sample], places: range, *, turn: int
) -> None:
    width = samples[places[turn % len(places)]].width
    rows = [subject.fit(samples[place].image, width) for place in places]
    size, batch = len(rows), np.concatenate(rows)
    found = findings.run(session, batch, line=places[0], case=f"in a batch of {size}")
    for row, place in enumerate(places):
        alone = findings.run(session, rows[row], line=place, case="alone")
        if found is not None and alone is not None:
            case = f"as line {row + 1} of a batch of {size}, compared with the line alone"
            findings.compare(alone[0], found[row], subject.tolerance.batch, line=place, case=case, image=batch)


RELATION = Relation(
    name="batch", claim="A line in a batch reads like the line alone, in any batch and at any place in it.", check=check
)
