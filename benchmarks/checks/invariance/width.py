"""Every width gives exactly its frames and the reference's text: nothing is cut, stretched or padded in silence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inkport.benchmarks.checks.invariance.findings import Findings, Kind, Violation
from inkport.benchmarks.checks.invariance.relation import Relation
from inkport.benchmarks.checks.invariance.subject import Array, Sample, Subject
from inkport.core.ctc import greedy
from inkport.core.runtime import Session
from inkport.runtimes.faults import name_fault


GROWTH = 1.5
"""Step from one width of the ladder to the next."""


def check(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run widths one multiple less and more than each line's, and a ladder from the narrowest to the widest.

    The first line gives the ladder its content: cut where the width is less, repeated where it is more. Where a
    width of the ladder fails and the one before does not, the narrowest failing width between them is searched.
    """
    findings = Findings(subject.spec)
    pre = subject.spec.preprocess
    session = subject.fresh()
    try:
        for index, sample in enumerate(samples):
            for width in (sample.width - pre.width_multiple, sample.width, sample.width + pre.width_multiple):
                if pre.min_width <= width <= pre.max_width:
                    _try(subject, findings, session, subject.fit(sample.image, width), index)
        good = pre.min_width - pre.width_multiple
        for width in ladder(pre.min_width, pre.max_width, pre.width_multiple):
            if not _try(subject, findings, session, _repeated(samples[0].image, width), 0):
                _bisect(subject, findings, session, samples[0], good=good, bad=width)
                break
            good = width
    finally:
        session.close()
    if subject.reference is None:
        findings.note = "only the shapes were checked, for want of a reference"
    return findings


def ladder(low: int, high: int, multiple: int) -> list[int]:
    """Return multiples from ``low`` to ``high``, both included with their inner neighbours, growing by half each."""
    widths = {low, min(low + multiple, high), max(high - multiple, low), high}
    width = float(low)
    while width < high:
        widths.add(int(width) // multiple * multiple)
        width *= GROWTH
    return sorted(widths)


def _bisect(subject: Subject, findings: Findings, session: Session, sample: Sample, *, good: int, bad: int) -> None:
    multiple = subject.spec.preprocess.width_multiple
    while bad - good > multiple:
        middle = (good + bad) // 2 // multiple * multiple
        # Only the narrowest failing width is kept: it is the smallest example.
        probe = Findings(subject.spec)
        if _try(subject, probe, session, _repeated(sample.image, middle), 0):
            good = middle
        else:
            bad = middle
            findings.worst = probe.worst
    if findings.worst is not None and good >= subject.spec.preprocess.min_width:
        findings.note = f"widths up to {good} px are right, {bad} px is not"
    elif findings.worst is not None:
        findings.note = "no width is right, so the width is not to blame"


def _try(subject: Subject, findings: Findings, session: Session, image: Array, line: int) -> bool:
    """Run one width; return whether shape and text are right."""
    width = image.shape[3]
    case = f"at width {width} px"
    found = findings.run(session, image, line=line, case=case)
    if found is None:
        return False
    findings.cases += 1
    if subject.reference is None:
        return True
    expected = subject.reference(image)
    texts = [greedy(logits[0], subject.spec.charset).text for logits in (expected, found)]
    difference = float(np.abs(found - expected).max())
    findings.largest = max(findings.largest, difference)
    allowed = subject.tolerance.reference * float(expected.std())
    if texts[0] == texts[1]:
        return True
    kind = Kind.TEXT if difference > allowed else Kind.ROUNDING
    findings.add(
        Violation(
            kind=kind,
            line=line,
            case=f"{case}, compared with the reference on the same image",
            fault=name_fault(found, expected, subject.tolerance.reference) or "",
            expected_text=texts[0],
            found_text=texts[1],
            difference=difference,
            allowed=allowed,
            image=image,
            expected=expected[0],
            found=found[0],
        )
    )
    return kind is Kind.ROUNDING


def _repeated(image: Array, width: int) -> Array:
    times = -(-width // image.shape[3])
    return np.ascontiguousarray(np.tile(image, (1, 1, 1, times))[..., :width])


RELATION = Relation(
    name="width",
    claim="Every width that the recogniser takes gives exactly width / stride frames, and the text that the reference "
    "reads there.",
    check=check,
)
