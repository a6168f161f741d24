"""What is checked: the lines, and a target whose session can be opened again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.core.runtime import Session
from inkport.core.spec import RecogniserSpec
from inkport.runtimes.faults import Tolerance


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
        """Cut an image (1, 1, h, w) to ``width`` columns, or pad it with the background."""
        if image.shape[3] >= width:
            return np.ascontiguousarray(image[..., :width])
        pre = self.spec.preprocess
        paper = (np.float32(pre.background) - np.float32(pre.mean)) / np.float32(pre.std)
        padded = np.full((*image.shape[:3], width), paper, dtype=np.float32)
        padded[..., : image.shape[3]] = image
        return padded
