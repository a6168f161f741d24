"""The smallest example of a violation: fewest lines first, then the narrowest images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inkport.runtimes.relations.findings import Kind, Relation, Sample, Subject, Violation


MOST_CHECKS = 150
"""Checks spent on one example; what is smallest then is reported."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """Lines that show a violation, none of which can be left out or cut further."""

    samples: tuple[Sample, ...]
    """The lines, cut."""
    violation: Violation
    """What they show; its ``line`` is a place in ``samples``."""
    checks: int
    """Checks that the search took."""


def shrink(relation: Relation, subject: Subject, samples: Sequence[Sample], violation: Violation) -> Example:
    """Search the smallest example of a violation of the same kind.

    Lines are left out in halves, quarters and so on, then each image is cut on the right, by halves first and at
    last by single width multiples. The example is minimal in that no single step makes it smaller, unless the search
    ran out of checks.

    Args:
        relation: The relation that is violated.
        subject: Where.
        samples: The lines that it was seen on.
        violation: What was seen.

    Source:
        Zeller & Hildebrandt, *Simplifying and Isolating Failure-Inducing Input* (2002): the ddmin algorithm.
    """
    search = _Search(relation, subject, violation.kind, tuple(samples), violation)
    search.drop_lines()
    search.cut_images()
    return Example(samples=search.samples, violation=search.violation, checks=search.checks)


@dataclass
class _Search:
    relation: Relation
    subject: Subject
    kind: Kind
    samples: tuple[Sample, ...]
    violation: Violation
    checks: int = 0

    def drop_lines(self) -> None:
        parts = 2
        while len(self.samples) > 1 and parts <= len(self.samples):
            size = -(-len(self.samples) // parts)
            starts = range(0, len(self.samples), size)
            if any(self._accept(self.samples[:start] + self.samples[start + size :]) for start in starts):
                parts = max(2, parts - 1)
            elif parts == len(self.samples):
                return
            else:
                parts = min(2 * parts, len(self.samples))

    def cut_images(self) -> None:
        pre = self.subject.spec.preprocess
        for place in range(len(self.samples)):
            step = self.samples[place].width - pre.min_width
            while step >= pre.width_multiple:
                if not self._accept(self._cut(place, self.samples[place].width - step)):
                    step = step // 2 // pre.width_multiple * pre.width_multiple

    def _cut(self, place: int, width: int) -> tuple[Sample, ...]:
        if width < self.subject.spec.preprocess.min_width:
            return ()
        cut = Sample(self.samples[place].id, self.subject.fit(self.samples[place].image, width))
        return (*self.samples[:place], cut, *self.samples[place + 1 :])

    def _accept(self, samples: tuple[Sample, ...]) -> bool:
        """Take a smaller example if it shows the violation, too."""
        for _ in range(self.relation.attempts):
            if not samples or self.checks >= MOST_CHECKS:
                return False
            self.checks += 1
            worst = self.relation.check(self.subject, samples).worst
            if worst is not None and worst.kind is self.kind:
                self.samples, self.violation = samples, worst
                return True
        return False
