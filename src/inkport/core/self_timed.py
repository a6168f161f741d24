"""Sessions that know how long their engine took."""

from __future__ import annotations

import gc
import time
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from inkport.core.runtime import Session


@runtime_checkable
class SelfTimed(Protocol):
    """A session that knows how long its engine took, transport to another process excluded."""

    @property
    def last_run_ns(self) -> int | None:
        """Time of the last run's inference in nanoseconds, by the engine's own clock; None before the first."""
        ...


class Clocked:
    """A session in this process with a clock beside it; the time of one that has its own clock is taken from there.

    Args:
        session: The session, closed with this one.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.last_run_ns: int | None = None

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Run, and remember how long it took; garbage is not collected meanwhile."""
        collecting = gc.isenabled()
        gc.disable()
        try:
            start = time.perf_counter_ns()
            logits = self.session.run(images)
            elapsed = time.perf_counter_ns() - start
        finally:
            if collecting:
                gc.enable()
        own = self.session.last_run_ns if isinstance(self.session, SelfTimed) else None
        self.last_run_ns = elapsed if own is None else own
        return logits

    def close(self) -> None:
        """Close the session."""
        self.session.close()
