"""The line finder at work: a page in, its lines out, whichever way round the page lies.

The page is resampled by ``triangle-v2`` so that its longer side is that of the training, padded with its own edge, and
run through the network. If the second output says that the text is turned by 90, 180 or 270 degrees, the page is turned
back and run again; it counts as turned only if it then looks upright.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ArtifactCorruptError, needing
from inkport.core.triangle import resample_bytes
from inkport.pages.find import STRIDE, FoundLine, find_lines
from inkport.pages.finder_files import read_finder


MOST_ENLARGED = 2.0
"""Smaller images are enlarged so many times at the most: more adds no ink, and pages of 800 px are hardly read."""
TURNED = (0, 90, 180, 270)
"""By how many degrees text is turned clockwise: classes 1 to 4 of the second output; class 0 is no text."""
LEAST_SHARE = 0.5
"""Share of the votes for a turn from which on a page is turned."""

Gray = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class FoundPage:
    """What was found on a page."""

    lines: tuple[FoundLine, ...]
    """Lines of the upright page, in its pixels, from top to bottom."""
    turned: int
    """By how many degrees the text of the page as it was given is turned clockwise: 0, 90, 180 or 270."""
    skew: float
    """By how many degrees the lines of the upright page fall to the right: the median, weighted by their lengths."""


class LineFinder:
    """A finder that is open; a context manager is not needed, it holds memory alone.

    Args:
        folder: See ``finder_files``.
        threads: Threads for the computation.

    Raises:
        ArtifactNotFoundError: If there is none.
        ArtifactCorruptError: If it is damaged.
        RuntimeUnavailableError: If ONNX Runtime is not installed.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        with needing("finding lines", extra="ort"):
            import onnxruntime as ort
        self.info, graph = read_finder(folder)
        if self.info.stride != STRIDE:
            raise ArtifactCorruptError(f"{folder}: cells of {self.info.stride} px, expected {STRIDE}")
        settings = ort.SessionOptions()
        settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
        settings.log_severity_level = 3
        try:
            self._session: Any = ort.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ArtifactCorruptError(f"{folder}: onnxruntime cannot load it ({error})") from error

    def find(self, gray: Gray) -> FoundPage:
        """Return what is on a page.

        Args:
            gray: uint8 (h, w), 0 black .. 255 white.

        Raises:
            ImageError: If a side of it is longer than can be resampled.
        """
        lines, votes = self._run(gray)
        turned = TURNED[int(votes.argmax())] if votes.max() > LEAST_SHARE * votes.sum() else 0
        if turned:
            upright, again = self._run(turned_back(gray, turned))
            # What does not look upright afterwards was no text, or a mixture.
            if again.argmax() == 0:
                lines = upright
            else:
                turned = 0
        return FoundPage(lines=tuple(lines), turned=turned, skew=skew_of(lines))

    def _run(self, gray: Gray) -> tuple[list[FoundLine], npt.NDArray[np.float64]]:
        """Return lines in pixels of the image, and the votes for each turn."""
        prepared, scales = prepare_page(gray, long_side=self.info.long_side, multiple=self.info.multiple)
        maps, turns = self._session.run(["maps", "turns"], {"page": prepared})
        return lines_of(maps[0], scales), _votes(turns[0])


def prepare_page(gray: Gray, *, long_side: int, multiple: int) -> tuple[npt.NDArray[np.float32], tuple[float, float]]:
    """Return what the network is given, float32 (1, 1, h, w), 0 black .. 1 white, and its scales in x and y.

    Args:
        gray: uint8 (h, w), 0 black .. 255 white.
        long_side: Pixels of the page's longer side, as far as it need not be enlarged by more than ``MOST_ENLARGED``.
        multiple: Of what height and width are multiples; the page's edge goes on to there.

    Raises:
        ImageError: If a side is longer than can be resampled.
    """
    scale = min(long_side / max(gray.shape), MOST_ENLARGED)
    height, width = (max(1, round(scale * side)) for side in gray.shape)
    small = resample_bytes(np.ascontiguousarray(gray), height, width).astype(np.float32) / np.float32(255)
    padded = np.pad(small, ((0, -height % multiple), (0, -width % multiple)), mode="edge")
    return padded[None, None], (width / gray.shape[1], height / gray.shape[0])


def lines_of(maps: npt.NDArray[np.float32], scales: tuple[float, float]) -> list[FoundLine]:
    """Return the lines of maps, float32 (5, h, w), in pixels of the page whose scales ``prepare_page`` returned."""
    across, down = scales
    return [
        replace(line, baseline=line.baseline / (across, down), above=line.above / down, below=line.below / down)
        for line in find_lines(maps)
    ]


def turned_back(gray: Gray, turned: int) -> Gray:
    """Return a page whose text is turned clockwise by so many degrees, upright."""
    return np.ascontiguousarray(np.rot90(gray, turned // 90))


def as_given(points: npt.NDArray[np.float64], turned: int, width: int, height: int) -> npt.NDArray[np.float64]:
    """Return where points of the upright page are on the page as it was given.

    Args:
        points: Float64 (n, 2), x and y.
        turned: By how many degrees its text is turned clockwise.
        width: Of the page as it was given, in pixels.
        height: The same.
    """
    u, v = points[:, 0], points[:, 1]
    x, y = {0: (u, v), 90: (width - v, u), 180: (width - u, height - v), 270: (v, height - u)}[turned]
    return np.stack([x, y], axis=1)


def skew_of(lines: Sequence[FoundLine]) -> float:
    """Return by how many degrees lines fall to the right: the median, weighted by their lengths; 0 without any."""
    if not lines:
        return 0.0
    steps = np.array([line.baseline[-1] - line.baseline[0] for line in lines])
    angles, lengths = np.degrees(np.arctan2(steps[:, 1], steps[:, 0])), np.hypot(*steps.T)
    order = np.argsort(angles, kind="stable")
    middle = np.searchsorted(np.cumsum(lengths[order]), lengths.sum() / 2)
    return float(angles[order[min(int(middle), len(order) - 1)]])


def _votes(turns: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return how much of the page is text that is turned by each of ``TURNED``: sums of probabilities, (4,)."""
    logits = turns.astype(np.float64)
    chances = np.exp(logits - logits.max(axis=0))
    chances /= chances.sum(axis=0)
    # Cells without text would outvote a few lines on a large page.
    text = chances[0] < LEAST_SHARE
    votes: npt.NDArray[np.float64] = (chances[1:] * text).sum(axis=(1, 2))
    return votes
