"""What a peer is: something that reads one line image by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt


Result = TypeVar("Result")
Gray = npt.NDArray[np.uint8]
"""A line image, uint8 (h, w), 0 black .. 255 white, as it was cropped."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a peer read, and how long it took."""

    text: str
    """The text of the line."""
    total_ns: int
    """From the gray image to the text, in nanoseconds."""
    network_ns: int | None
    """The network alone, in nanoseconds; None where the peer does not let it be told apart."""


class Peer(Protocol):
    """A recogniser with whatever preprocessing and decoding it has of its own, on one thread."""

    name: str
    """Name in the table."""
    version: str
    """Version of the package that runs it."""
    parameters: int | None
    """Values in its weights, where they can be counted."""
    bytes: int
    """Size of its files."""
    sha256: str
    """Digest of its recogniser: an artifact's, or that of the model's one file."""
    lm_sha256: str | None
    """Digest of the language model that it decodes with, if it does and lets it be told apart."""

    def macs(self, gray: Gray) -> int | None:
        """Return the multiply-accumulates of its network on a line, where they can be counted."""
        ...

    def read(self, gray: Gray) -> Answer:
        """Read one line."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


def timed(function: Callable[[], Result]) -> tuple[Result, int]:
    """Return a call's result and its time in nanoseconds."""
    start = time.perf_counter_ns()
    result = function()
    return result, time.perf_counter_ns() - start
