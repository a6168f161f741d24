"""Extra padding changes the text no more than it does in the reference.

A line's own padded width is part of its definition (``PreprocessSpec``), so a session may read something else when
paper is added: attention sees the added columns. What it does then is the network's doing, not the port's, and the
reference says what that is. Hence this relation is about text alone, and expects of each line what the reference
does with the same padding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inkport.benchmarks.checks.invariance.findings import Findings, Kind, Violation
from inkport.benchmarks.checks.invariance.relation import Relation
from inkport.benchmarks.checks.invariance.subject import Array, Sample, Subject
from inkport.core.ctc import greedy
from inkport.runtimes.faults import name_fault


EXTRA = (1, 2, 4, 8)
"""Width multiples of paper that are added."""


def check(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Pad each line further and compare its text with its text at its own width, in the target and in the reference."""
    findings = Findings(subject.spec)
    changed = [0, 0]
    session = subject.fresh()
    try:
        for index, sample in enumerate(samples):
            own = findings.run(session, sample.image, line=index, case="at its own width")
            for width in _widths(subject, sample):
                image = subject.fit(sample.image, width)
                found = findings.run(session, image, line=index, case=_case(sample, width))
                if found is None or own is None:
                    continue
                findings.cases += 1
                moved = _text(subject, own) != _text(subject, found)
                moved_reference = _judge(subject, findings, sample, image, found=found, line=index, moved=moved)
                changed[0] += moved
                changed[1] += moved_reference
    finally:
        session.close()
    findings.note = f"{changed[0]} of {findings.cases} readings change with extra padding"
    findings.note += (
        f", {changed[1]} of the reference's" if subject.reference else "; not judged, for want of a reference"
    )
    return findings


def _judge(
    subject: Subject, findings: Findings, sample: Sample, image: Array, *, found: Array, line: int, moved: bool
) -> bool:
    """Note a violation if only the target's text changed; return whether the reference's did."""
    if subject.reference is None:
        return False
    expected = subject.reference(image)
    if _text(subject, subject.reference(sample.image)) != _text(subject, expected):
        return True
    difference = float(np.abs(found - expected).max())
    findings.largest = max(findings.largest, difference)
    allowed = subject.tolerance.reference * float(expected.std())
    if moved:
        findings.add(
            Violation(
                kind=Kind.TEXT if difference > allowed else Kind.ROUNDING,
                line=line,
                case=f"{_case(sample, image.shape[3])}, compared with the reference on the same image",
                fault=name_fault(found, expected, subject.tolerance.reference) or "",
                expected_text=_text(subject, expected),
                found_text=_text(subject, found),
                difference=difference,
                allowed=allowed,
                image=image,
                expected=expected[0],
                found=found[0],
            )
        )
    return False


def _widths(subject: Subject, sample: Sample) -> list[int]:
    pre = subject.spec.preprocess
    wider = [sample.width + extra * pre.width_multiple for extra in EXTRA]
    return [width for width in wider if width <= pre.max_width]


def _case(sample: Sample, width: int) -> str:
    return f"padded by {width - sample.width} px more"


def _text(subject: Subject, logits: Array) -> str:
    return greedy(logits[0], subject.spec.charset).text


RELATION = Relation(
    name="padding",
    claim="Extra paper to the right changes a line's text only where it changes the reference's, too.",
    check=check,
)
