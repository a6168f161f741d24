"""Timing ``Session.run``: the one way in which everything here is timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from inkport.core.runtime import Session
from inkport.runtimes.child import SelfTimed


Image = npt.NDArray[np.float32]
"""Prepared lines of one width, float32 (n, 1, h, w)."""
Clock = Callable[[], int]
"""Returns nanoseconds; never goes back."""


def clock_ns() -> int:
    """Return the monotonic clock that everything is timed with, in nanoseconds."""
    return time.perf_counter_ns()


def run_ns(session: Session, batches: Sequence[Image], clock: Clock = clock_ns) -> int:
    """Return how long a session runs these batches, one after the other.

    An engine in another process is timed there: carrying the images over is not its work.
    """
    if isinstance(session, SelfTimed):
        return sum(_own_ns(session, batch, clock) for batch in batches)
    start = clock()
    for batch in batches:
        session.run(batch)
    return clock() - start


def _own_ns(session: Session, batch: Image, clock: Clock) -> int:
    start = clock()
    session.run(batch)
    elapsed = clock() - start
    own = session.last_run_ns if isinstance(session, SelfTimed) else None
    return elapsed if own is None else own
