"""One line among others: neither a batch nor what is next to a line in it changes what the line reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inkport.core.runtime import Session
from inkport.runtimes.faults import name_fault
from inkport.runtimes.relations.findings import Findings, Relation
from inkport.runtimes.relations.subject import SAME_SHAPE, Sample, Subject


SIZES = (2, 3, 8)
"""Lines per batch."""


def _batch(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Put the lines into batches of several sizes and compare each row with that row alone.

    A batch has one width: its lines take turns in giving it, and the others are cut or padded to it beforehand,
    so that what is compared has one and the same input.
    """
    findings = Findings(subject.spec)
    with subject.session() as session:
        for size in sorted({min(size, len(samples)) for size in SIZES}):
            for number, start in enumerate(range(0, len(samples), size)):
                places = range(start, min(start + size, len(samples)))
                _compare_batch(subject, findings, session, samples, places, turn=number)
    return findings


def _compare_batch(
    subject: Subject, findings: Findings, session: Session, samples: Sequence[Sample], places: range, *, turn: int
) -> None:
    width = samples[places[turn % len(places)]].width
    rows = [subject.fit(samples[place].image, width) for place in places]
    size, batch, share = len(rows), np.concatenate(rows), subject.tolerance.batch
    found = findings.run(session, batch, line=places[0], case=f"in a batch of {size}")
    alone = [findings.run(session, row, line=place, case="alone") for row, place in zip(rows, places, strict=True)]
    if found is None:
        return
    ran = [logits for logits in alone if logits is not None]
    # Faults of a whole batch, as lines in another order, do not show in one row.
    fault = name_fault(found, np.concatenate(ran), share) if len(ran) == size else None
    for row, (place, expected) in enumerate(zip(places, alone, strict=True)):
        if expected is not None:
            case = f"as line {row + 1} of a batch of {size}, compared with the line alone"
            findings.compare(expected[0], found[row], share, line=place, case=case, image=batch, fault=fault)


def _neighbours(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run each line beside blank paper, beside noise and beside another line: it must read the same each time.

    The shapes are the same, so the kernels are, and rounding is no excuse at any precision. A batch of which
    text depends on what is next to it (docling.rs#89, PaddleOCR#6116) shows here and not in ``batch`` if the
    effect is smaller than what rounding may do between batch sizes.
    """
    findings = Findings(subject.spec)
    pre = subject.spec.preprocess
    rng = np.random.default_rng(0)
    with subject.session() as session:
        for line, sample in enumerate(samples):
            blank = subject.fit(sample.image[..., :0], sample.width)
            other = subject.fit(samples[(line + 1) % len(samples)].image, sample.width)
            noise = ((rng.random(sample.image.shape) - pre.mean) / pre.std).astype(np.float32)
            alone = findings.run(session, np.concatenate([sample.image, blank]), line=line, case="beside blank paper")
            for name, neighbour in (("noise", noise), ("another line", other)):
                case = f"beside {name}, compared with beside blank paper"
                images = np.concatenate([sample.image, neighbour])
                findings.check(session, images, alone, SAME_SHAPE, line=line, case=case)
    return findings


BATCH = Relation(
    name="batch",
    claim="A line in a batch reads like the line alone, in any batch and at any place in it.",
    fault="reads a line otherwise in a batch than alone",
    check=_batch,
)
NEIGHBOURS = Relation(
    name="neighbours",
    claim="What is next to a line in its batch changes nothing about the line.",
    fault="pads with the neighbour, or computes something over the whole batch",
    check=_neighbours,
)
