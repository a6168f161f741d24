"""The conformance suite with the metamorphic relations: one inherited class holds a runtime to both."""

from __future__ import annotations

import pytest

from inkport.benchmarks.checks.invariance.relation import Relation
from inkport.benchmarks.checks.invariance.relations import RELATIONS
from inkport.benchmarks.checks.invariance.shrink import shrink
from inkport.benchmarks.checks.invariance.subject import Sample, Subject
from inkport.core.artifact import Artifact
from inkport.core.registry import open_session
from inkport.core.runtime import Runtime, SessionOptions
from inkport.runtimes.conformance import RuntimeConformance
from inkport.runtimes.faults import Tolerance
from inkport.runtimes.golden import Golden


class MetamorphicConformance(RuntimeConformance):
    """Inherit this instead of ``RuntimeConformance`` to have every relation of ``inkport metamorphic`` tried as well.

    The relations are tried on the golden images, and the fixture ``tolerance`` applies. What extra padding and other
    widths may do to the text needs a reference, which a vendor may not have: of these two only the shapes are checked.
    """

    @pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.name)
    def test_a_relation_holds(
        self, relation: Relation, adapter: Runtime, artifact: Artifact, golden: Golden, tolerance: Tolerance
    ) -> None:
        """Nothing that must not change a line's text does; a failure shows the smallest example."""
        self._require(adapter)
        samples = [
            Sample(f"golden {width}-{row}", images[row : row + 1])
            for width, images in enumerate(golden.images)
            for row in range(len(images))
        ]
        subject = Subject(
            spec=artifact.spec,
            tolerance=tolerance,
            open=lambda threads: open_session(
                artifact, runtime=self.runtime, device=self.device, options=SessionOptions(threads=threads)
            ),
            threads=1,
            reference=None,
        )
        worst = relation.check(subject, samples).worst
        if worst is not None:
            example = shrink(relation, subject, samples, worst)
            lines = ", ".join(f"{sample.id} ({sample.width} px)" for sample in example.samples)
            found = example.violation
            self._fail(
                f"breaks {relation.name!r} ({relation.claim}): {found.kind}, {found.case}: {found.fault}; reads "
                f"{found.found_text!r}, expected {found.expected_text!r}; smallest example: {lines}"
            )
