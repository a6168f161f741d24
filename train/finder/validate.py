"""How well a finder finds the lines of whole pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from inkport.benchmarks.measure.line_matches import match_lines
from inkport.core.errors import ImageError
from inkport.model.finder import MULTIPLE, Finder
from inkport.pages.crop import Strip
from inkport.pages.find import FoundLine
from inkport.pages.finding import lines_of, prepare_page
from inkport.pages.strips import outline_of
from inkport.train.finder.page_set import FinderPage
from inkport.train.finder.scene import LONG_SIDE


ALL = "all"
"""Name of all pages together, beside their data sets."""


@dataclass(frozen=True)
class Found:
    """Counts of lines, of one page or of several."""

    matched: int = 0
    """True lines that were found."""
    true: int = 0
    """True lines."""
    found: int = 0
    """Found strips."""

    def __add__(self, other: Found) -> Found:
        return Found(self.matched + other.matched, self.true + other.true, self.found + other.found)

    @property
    def recall(self) -> float:
        """Matched lines over true ones; 1 where there are none."""
        return self.matched / self.true if self.true else 1.0

    @property
    def precision(self) -> float:
        """Matched lines over found ones; 0 where nothing was found and something is there."""
        return self.matched / self.found if self.found else float(not self.true)


def validate(network: Finder, pages: Sequence[FinderPage]) -> dict[str, Found]:
    """Search pages at full size and compare with the truth.

    Args:
        network: In evaluation mode, on the CPU.
        pages: Pages whose lines are known.

    Returns:
        Counts by data set, and of ``ALL`` pages.
    """
    counts: defaultdict[str, Found] = defaultdict(Found)
    for page in pages:
        found = compare(page, search(network, page.gray))
        counts[page.dataset] += found
        counts[ALL] += found
    return dict(sorted(counts.items()))


def compare(page: FinderPage, found: Sequence[FoundLine]) -> Found:
    """Count which lines of a page were found."""
    outlines = []
    for line in found:
        baseline = tuple((float(x), float(y)) for x, y in line.baseline)
        strip = Strip(baseline=baseline, above=line.above, below=line.below)
        try:
            outlines.append(np.asarray(outline_of(strip), np.float64))
        except ImageError:  # too short to be cut out: found, and no line
            outlines.append(np.zeros((3, 2)))
    matches = match_lines([line.baseline for line in page.lines], outlines)
    return Found(len(matches.pairs), matches.true, matches.found)


def search(network: Finder, gray: npt.NDArray[np.uint8]) -> list[FoundLine]:
    """Return the lines that a network finds on a page.

    Args:
        network: In evaluation mode, on the CPU.
        gray: uint8 (h, w), 0 black .. 255 white.

    Returns:
        Lines in pixels of ``gray``, from top to bottom.
    """
    prepared, scales = prepare_page(gray, long_side=LONG_SIDE, multiple=MULTIPLE)
    with torch.inference_mode():
        maps, _ = network(torch.from_numpy(prepared))
    return lines_of(maps[0].numpy(), scales)
