"""What relations are checked on, and what a check found: how much was compared, how far apart, the worst violation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from inkport.core.ctc import greedy
from inkport.core.errors import InkportError
from inkport.core.runtime import Session
from inkport.core.spec import RecogniserSpec
from inkport.runtimes.logits import Tolerance, name_fault


Array = npt.NDArray[np.float32]

SAME_SHAPE = 1e-3
"""Difference allowed where shapes are the same, as a share of the logits' standard deviation.

The same shapes take the same kernels, so rounding is no excuse at any precision.
"""


@dataclass(frozen=True)
class Sample:
    """A prepared line that a relation is tried on."""

    id: str
    """The line's id."""
    image: Array
    """Its prepared image, float32 (1, 1, h, w)."""

    @property
    def width(self) -> int:
        """Its padded width, in pixels."""
        return int(self.image.shape[3])


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A target that can be opened as often as a relation needs.

    Every check opens sessions of its own, so that what one left behind does not reach the next, and a check on
    fewer lines (``shrink``) starts from nothing, too.
    """

    spec: RecogniserSpec
    """The recogniser."""
    tolerance: Tolerance
    """What rounding may do to its logits."""
    open: Callable[[int], Session]
    """Opens a fresh session that computes with this many threads; checked, so that a broken contract raises."""
    threads: int
    """Threads that it computes with wherever threads are not what is checked."""
    reference: Callable[[Array], Array] | None
    """Runs the reference; absent where there is none."""

    @contextmanager
    def session(self, threads: int | None = None) -> Iterator[Session]:
        """Open a fresh session, with the target's own number of threads unless told, and close it at the end."""
        with closing(self.open(self.threads if threads is None else threads)) as session:
            yield session

    def fit(self, image: Array, width: int) -> Array:
        """Cut an image (1, c, h, w) to ``width`` columns, or pad it with the background."""
        if image.shape[3] >= width:
            return np.ascontiguousarray(image[..., :width])
        padded = self.spec.preprocess.blank(width)
        padded[..., : image.shape[3]] = image
        return padded


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
        self,
        expected: Array,
        found: Array,
        share: float,
        *,
        line: int,
        case: str,
        image: Array,
        exact: bool = False,
        text_only: bool = False,
        fault: str | None = None,
    ) -> Kind | None:
        """Compare a line's logits with what they should be; return how the relation is broken, if it is.

        Args:
            expected: float32 (t, k).
            found: float32 (t, k).
            share: Difference that rounding may make, as a share of the standard deviation of ``expected``.
            line: The line's place among the checked ones.
            case: What was done to it.
            image: What was run.
            exact: Whether the bits must be equal.
            text_only: Whether logits may differ by any amount as long as the text is the same.
            fault: What is wrong with the logits, if that is known already.
        """
        difference, allowed = self.measure(expected, found, share)
        kind = None
        if self.text(expected) != self.text(found):
            kind = Kind.TEXT if difference > allowed else Kind.ROUNDING
        elif difference > allowed and not text_only:
            kind = Kind.LOGITS
        if exact and difference > 0 and kind in {None, Kind.ROUNDING}:
            kind = Kind.BITS if kind is None else Kind.TEXT
        if kind is not None:
            share = 0.0 if kind is Kind.BITS else share
            self.add(
                Violation(
                    kind=kind,
                    line=line,
                    case=case,
                    fault=fault or name_fault(found[None], expected[None], share) or "",
                    expected_text=self.text(expected),
                    found_text=self.text(found),
                    difference=difference,
                    allowed=0.0 if exact else allowed,
                    image=image,
                    expected=expected,
                    found=found,
                )
            )
        return kind

    def measure(self, expected: Array, found: Array, share: float) -> tuple[float, float]:
        """Count a comparison; return the largest difference, and how large it may be."""
        self.cases += 1
        difference = float(np.abs(found - expected).max())
        self.largest = max(self.largest, difference)
        return difference, share * float(expected.std())

    def text(self, logits: Array) -> str:
        """Return what a line's logits, float32 (t, k), read."""
        return greedy(logits, self.spec.charset).text

    def check(
        self,
        session: Session,
        images: Array,
        expected: Array | None,
        share: float,
        *,
        line: int,
        case: str,
        exact: bool = False,
    ) -> None:
        """Run, and compare the first row with that of ``expected``, float32 (n, t, k), unless one of both failed."""
        found = self.run(session, images, line=line, case=case)
        if found is not None and expected is not None:
            self.compare(expected[0], found[0], share, line=line, case=case, image=images, exact=exact)

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


Check = Callable[[Subject, Sequence[Sample]], Findings]
"""Tries a relation on lines, at least one, with sessions of its own."""


@dataclass(frozen=True, kw_only=True)
class Relation:
    """One thing that must not change what a line reads."""

    name: str
    """Short name, in reports and on the command line."""
    claim: str
    """What holds for every session that keeps the contract, as a sentence."""
    fault: str
    """What a session does that breaks it, as a phrase."""
    check: Check
    """Tries it."""
    attempts: int = 1
    """How often a smaller example is tried before it counts as fine; above 1 where chance plays a part."""
