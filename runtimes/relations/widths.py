"""One line at other widths: every width gives its frames and the reference's text, and paper adds nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inkport.core.runtime import Session
from inkport.runtimes.relations.findings import Array, Findings, Kind, Relation, Sample, Subject


GROWTH = 1.5
"""Step from one width of the ladder to the next."""
EXTRA = (1, 2, 4, 8)
"""Width multiples of paper that are added."""


def _width(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run widths one multiple less and more than each line's, and a ladder from the narrowest to the widest.

    The first line gives the ladder its content: cut where the width is less, repeated where it is more. Where a
    width of the ladder fails and the one before does not, the narrowest failing width between them is searched.
    """
    findings = Findings(subject.spec)
    pre = subject.spec.preprocess
    with subject.session() as session:
        for line, sample in enumerate(samples):
            for width in (sample.width - pre.width_multiple, sample.width, sample.width + pre.width_multiple):
                if pre.min_width <= width <= pre.max_width:
                    _try_width(subject, findings, session, subject.fit(sample.image, width), line)
        good = pre.min_width - pre.width_multiple
        for width in ladder(pre.min_width, pre.max_width, pre.width_multiple):
            if not _try_width(subject, findings, session, _repeated(samples[0].image, width), 0):
                _bisect(subject, findings, session, samples[0], good=good, bad=width)
                break
            good = width
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
        if _try_width(subject, probe, session, _repeated(sample.image, middle), 0):
            good = middle
        else:
            bad = middle
            findings.worst = probe.worst
    if findings.worst is not None and good >= subject.spec.preprocess.min_width:
        findings.note = f"widths up to {good} px are right, {bad} px is not"
    elif findings.worst is not None:
        findings.note = "no width is right, so the width is not to blame"


def _try_width(subject: Subject, findings: Findings, session: Session, image: Array, line: int) -> bool:
    """Run one width; return whether shape and text are right."""
    case = f"at width {image.shape[3]} px"
    found = findings.run(session, image, line=line, case=case)
    if found is None or subject.reference is None:
        findings.cases += found is not None
        return found is not None
    kind = findings.compare(
        subject.reference(image)[0],
        found[0],
        subject.tolerance.reference,
        line=line,
        case=f"{case}, compared with the reference on the same image",
        image=image,
        text_only=True,
    )
    return kind in {None, Kind.ROUNDING}


def _repeated(image: Array, width: int) -> Array:
    times = -(-width // image.shape[3])
    return np.ascontiguousarray(np.tile(image, (1, 1, 1, times))[..., :width])


def _padding(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Pad each line further and compare its text with its text at its own width, in the target and in the reference.

    A line's own padded width is part of its definition (``PreprocessSpec``), so a session may read something else
    when paper is added: attention sees the added columns. What it does then is the network's doing, not the port's,
    and the reference says what that is. Hence this relation is about text alone, and expects of each line what the
    reference does with the same padding.
    """
    findings = Findings(subject.spec)
    changed = [0, 0]
    with subject.session() as session:
        for line, sample in enumerate(samples):
            own = findings.run(session, sample.image, line=line, case="at its own width")
            for width in _wider(subject, sample):
                image, case = subject.fit(sample.image, width), f"padded by {width - sample.width} px more"
                found = findings.run(session, image, line=line, case=case)
                if found is None or own is None:
                    continue
                moved = findings.text(own[0]) != findings.text(found[0])
                changed[0] += moved
                changed[1] += _judge(subject, findings, sample, image, found[0], line=line, case=case, moved=moved)
    findings.note = f"{changed[0]} of {findings.cases} readings change with extra padding"
    findings.note += (
        f", {changed[1]} of the reference's" if subject.reference else "; not judged, for want of a reference"
    )
    return findings


def _judge(
    subject: Subject,
    findings: Findings,
    sample: Sample,
    image: Array,
    found: Array,
    *,
    line: int,
    case: str,
    moved: bool,
) -> bool:
    """Compare a padded line with the reference, if only the target's text moved; return whether the reference's did."""
    if subject.reference is None:
        findings.cases += 1
        return False
    expected, share = subject.reference(image)[0], subject.tolerance.reference
    if findings.text(subject.reference(sample.image)[0]) != findings.text(expected):
        findings.cases += 1
        return True
    if moved:
        case = f"{case}, compared with the reference on the same image"
        findings.compare(expected, found, share, line=line, case=case, image=image, text_only=True)
    else:
        findings.measure(expected, found, share)
    return False


def _wider(subject: Subject, sample: Sample) -> list[int]:
    pre = subject.spec.preprocess
    wider = [sample.width + extra * pre.width_multiple for extra in EXTRA]
    return [width for width in wider if width <= pre.max_width]


WIDTH = Relation(
    name="width",
    claim="Every width that the recogniser takes gives exactly width / stride frames, and the text that the reference "
    "reads there.",
    fault="is wrong at some width",
    check=_width,
)
PADDING = Relation(
    name="padding",
    claim="Extra paper to the right changes a line's text only where it changes the reference's, too.",
    fault="reads otherwise with more paper",
    check=_padding,
)
