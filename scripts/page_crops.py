"""Compares ways to cut the lines of pages out, by what a recogniser reads of them where their true places are given.

usage: python scripts/page_crops.py PAGES.parquet... [--model MODEL]

Prints one JSON object: page CER of the strips of ``along-v1`` with several margins, and of rectangles around the
outlines with the same share of their height around them.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

import inkport
from inkport.benchmarks.measure.page_scores import PageScore, score_page, sum_scores
from inkport.core.errors import ImageError
from inkport.pages.crop import Margins, crop
from inkport.pages.page import Line, box_of
from inkport.pages.page_sets import TruePage, read_page_set
from inkport.pages.strips import strip_of


SHARES = (0.0, 0.04, 0.08, 0.12)
"""Margins above, below and at both ends, as shares of a line's height."""
Gray = npt.NDArray[np.uint8]
Cut = Callable[[Gray, Line], Gray]


def ways() -> Iterator[tuple[str, Cut]]:
    """Yield the ways to cut a line out, by name."""
    for share in SHARES:
        margins = Margins(above=share, below=share, ends=share)
        yield f"along-v1 {share:.0%}", lambda gray, line, margins=margins: crop(gray, strip_of(line), margins)
        yield f"rectangle {share:.0%}", lambda gray, line, share=share: rectangle(gray, line, share)


def rectangle(gray: Gray, line: Line, share: float) -> Gray:
    """Return the rectangle around an outline, as far as it lies on the page."""
    box = box_of(line.polygon)
    if box is None:
        raise ImageError("a line without an outline")
    margin = share * box.height
    top, bottom = max(int(box.top - margin), 0), int(np.ceil(box.bottom + margin))
    left, right = max(int(box.left - margin), 0), int(np.ceil(box.right + margin))
    return gray[top:bottom, left:right]


def read(recogniser: inkport.Recogniser, cut: Cut, gray: Gray, true: TruePage) -> PageScore:
    """Read the lines of a page; one that cannot be is read as nothing."""
    texts = []
    for line in true.page.lines:
        try:
            texts.append(recogniser.read(cut(gray, line)).text)
        except ImageError:
            texts.append("")
    return score_page([line.text for line in true.page.lines], texts)


def main() -> int:
    """Read all lines in all ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path, help="page sets")
    parser.add_argument("--model", default="convtext-tiny", help="what inkport.load takes")
    options = parser.parse_args()
    scores: dict[str, list[PageScore]] = {name: [] for name, _ in ways()}
    with inkport.load(options.model) as recogniser:
        for path in options.sets:
            for true in read_page_set(path):
                with Image.open(io.BytesIO(true.image)) as image:
                    gray = np.asarray(image.convert("L"))
                for name, cut in ways():
                    scores[name].append(read(recogniser, cut, gray, true))
    pages = len(next(iter(scores.values())))
    rates = {name: round(100 * sum_scores(found).cer, 2) for name, found in scores.items()}
    sys.stdout.write(json.dumps({"pages": pages, "page_cer_percent": rates}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
