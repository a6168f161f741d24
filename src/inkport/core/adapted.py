"""The adapter around a session: prepared images in, logits out, and a clock around the network alone."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import feed, logits_of
from inkport.core.runtime import AnySession
from inkport.core.spec import RecogniserSpec


def adapted(session: AnySession, spec: RecogniserSpec) -> AnySession:
    """Return a session with the adapter around it; one of our own networks, or of text, comes back as it is."""
    return session if spec.native is None else AdaptedSession(session, spec)


class AdaptedSession:
    """A session of an imported network that takes prepared images and returns logits.

    Args:
        session: The runtime's session; whoever has this one closes it through ``close``.
        spec: The recogniser.
    """

    def __init__(self, session: AnySession, spec: RecogniserSpec) -> None:
        self.session, self._spec = session, spec
        self.last_run_ns: int | None = None
        """Time of the last run's network in nanoseconds: by the session's own clock if it has one."""

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Map prepared images float32 (n, c, h, w) to logits float32 (n, t, k)."""
        found, elapsed = [], 0
        for part in feed(images, self._spec):
            start = time.perf_counter_ns()
            found.append(self.session.run(part))
            passed = time.perf_counter_ns() - start
            own: int | None = getattr(self.session, "last_run_ns", None)
            elapsed += passed if own is None else own
        self.last_run_ns = elapsed
        return logits_of(found, self._spec, len(images))

    def close(self) -> None:
        """Close the session."""
        self.session.close()
