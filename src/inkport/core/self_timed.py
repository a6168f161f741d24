"""Sessions that know how long their engine took."""

from __future__ import annotations

import gc
import time
from typing import Any, Protocol, runtime_checkable

from inkport.core.runtime import AnySession


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

    def __init__(self, session: AnySession) -> None:
        self.session = session
        self.last_run_ns: int | None = None

    def run(self, images: Any) -> Any:
        """Run, and remember how long it took; garbage is not collected meanwhile."""
        collecting = gc.isenabled()
        gc.disable()
        try:
            start = time.perf_counter_ns()
            found = self.session.run(images)
            elapsed = time.perf_counter_ns() - start
        finally:
            if collecting:
                gc.enable()
        own = self.session.last_run_ns if isinstance(self.session, SelfTimed) else None
        self.last_run_ns = elapsed if own is None else own
        return found

    def close(self) -> None:
        """Close the session."""
        self.session.close()
