"""The other lines of a batch change nothing: no shared padding, statistics or scales."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inkport.benchmarks.checks.invariance.findings import Findings
from inkport.benchmarks.checks.invariance.relation import Relation
from inkport.benchmarks.checks.invariance.subject import SAME_SHAPE, Sample, Subject


def check(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run each line beside blank paper, beside noise and beside another line: it must read the same each time.

    The shapes are the same, so the kernels are, and rounding is no excuse at any precision. A batch of which
    text depends on what stands beside it (docling.rs#89, PaddleOCR#6116) shows here and not in ``batch`` if the
    effect is smaller than what rounding may do between batch sizes.
    """
    findings = Findings(subject.spec)
    pre = subject.spec.preprocess
    rng = np.random.default_rng(0)
    session = subject.fresh()
    try:
        for index, sample in enumerate(samples):
            blank = subject.fit(sample.image[..., :0], sample.width)
            other = subject.fit(samples[(index + 1) % len(samples)].image, sample.width)
            noise = ((rng.random(sample.image.shape) - pre.mean) / pre.std).astype(np.float32)
            alone = findings.run(session, np.concatenate([sample.image, blank]), line=index, case="beside blank paper")
            for name, neighbour in (("noise", noise), ("another line", other)):
                images = np.concatenate([sample.image, neighbour])
                case = f"beside {name}, compared with beside blank paper"
                found = findings.run(session, images, line=index, case=case)
                if found is not None and alone is not None:
                    findings.compare(alone[0], found[0], SAME_SHAPE, line=index, case=case, image=images)
    finally:
        session.close()
    return findings


RELATION = Relation(
    name="neighbours", claim="What stands beside a line in its batch changes nothing about the line.", check=check
)
