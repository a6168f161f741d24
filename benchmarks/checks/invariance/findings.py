"""What a check found: how much was compared, how far apart it came, and the worst of what broke the relation."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from inkport.benchmarks.checks.invariance.subject import Array
from inkport.core.ctc import greedy
from inkport.core.errors import InkportError
from inkport.core.runtime import Session
from inkport.core.spec import RecogniserSpec
from inkport.runtimes.faults import name_fault


class Kind(StrEnum):
    """How a relation is broken, the worst first."""

    CONTRACT = "contract"
    """A run failed, or returned something else than finite float32 logits of the right shape."""
    TEXT = "text"
    """The text differs, and the logits by more than rounding explains."""
    LOGITS = "logits"
    """The text is the same, but the logits differ by more than rounding explains."""
    BITS = "bits"
    """Equal bits were promised; the difference is within what rounding explains."""
    ROUNDING = "rounding"
    """The text differs, and rounding explains it: the reading was that close to changing. No fault of the port."""


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One comparison that broke the relation."""

    kind: Kind
    """How."""
    line: int
    """Which of the checked lines, by its place among them."""
    case: str
    """What was done to it, in words."""
    fault: str
    """What is wrong with the logits, or what the run said."""
    expected_text: str | None = None
    """What the line should have read; absent where nothing came back."""
    found_text: str | None = None
    """What it read."""
    difference: float | None = None
    """Largest difference of the logits; absent where there are none to compare."""
    allowed: float | None = None
    """How large it may be."""
    image: Array | None = None
    """What was run, float32 (n, 1, h, w)."""
    expected: Array | None = None
    """The line's logits as they should be, float32 (t, k)."""
    found: Array | None = None
    """The line's logits as they came, float32 (t, k)."""

    @property
    def rank(self) -> tuple[int, float]:
        """Sorts violations: the worse kind first, then the larger difference."""
        return list(Kind).index(self.kind), -(self.difference or 0.0)


@dataclass
class Findings:
    """Comparisons as they are made."""

    spec: RecogniserSpec
    """The recogniser."""
    cases: int = 0
    """Comparisons made."""
    largest: float = 0.0
    """Largest difference of logits seen."""
    worst: Violation | None = None
    """The worst violation."""
    broken: dict[Kind, set[int]] = field(default_factory=dict)
    """Lines with a violation, by kind."""
    note: str = ""
    """What else there is to say, or why nothing was compared."""

    def compare(
        self, expected: Array, found: Array, share: float, *, line: int, case: str, image: Array, exact: bool = False
    ) -> None:
        """Compare a line's logits with what they should be.

        Args:
            expected: float32 (t, k).
            found: float32 (t, k).
            share: Difference that rounding may make, as a share of the standard deviation of ``expected``.
            line: The line's place among the checked ones.
            case: What was done to it.
            image: What was run.
            exact: Whether the bits must be equal.
        """
        self.cases += 1
        difference, allowed = float(np.abs(found - expected).max()), share * float(expected.std())
        self.largest = max(self.largest, difference)
        texts = [greedy(logits, self.spec.charset).text for logits in (expected, found)]
        kind = None
        if texts[0] != texts[1]:
            kind = Kind.TEXT if difference > allowed else Kind.ROUNDING
        elif difference > allowed:
            kind = Kind.LOGITS
        if exact and difference > 0 and kind in {None, Kind.ROUNDING}:
            kind = Kind.BITS if kind is None else Kind.TEXT
        if kind is not None:
            self.add(
                Violation(
                    kind=kind,
                    line=line,
                    case=case,
                    fault=name_fault(found[None], expected[None], 0.0 if kind is Kind.BITS else share) or "",
                    expected_text=texts[0],
                    found_text=texts[1],
                    difference=difference,
                    allowed=0.0 if exact else allowed,
                    image=image,
                    expected=expected,
                    found=found,
                )
            )

    def run(self, session: Session, images: Array, *, line: int, case: str) -> Array | None:
        """Run a session; a run that fails is a violation, and None comes back."""
        try:
            return session.run(images).copy()
        except InkportError as error:
            self.cases += 1
            self.add(Violation(kind=Kind.CONTRACT, line=line, case=case, fault=error.message, image=images))
            return None

    def add(self, violation: Violation) -> None:
        """Count a violation, and keep it if it is the worst so far."""
        self.broken.setdefault(violation.kind, set()).add(violation.line)
        if self.worst is None or violation.rank < self.worst.rank:
            self.worst = violation
