"""Measure how often `inkport.core.doubts` doubts lines that are right, and how often it finds what is wrong.

python scripts/first_doubts.py --lines data/lines/*.parquet benchmarks/samples/lines.tsv --pages data/pages/*.parquet

Lines are to give no warning; the same lines inverted, and pages (Parquet files with a column ``image``), are to give
one. Prints a row per line set, and the lines that were doubted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from inkport.core.doubts import Doubt, DoubtKind, doubts, is_inverted
from inkport.core.errors import ImageError
from inkport.core.image import load_gray
from inkport.core.preprocess import PreprocessSpec
from inkport.lines.source import read_lines


def main() -> None:
    """Read what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=Path, nargs="+", default=[])
    parser.add_argument("--pages", type=Path, nargs="+", default=[])
    parser.add_argument("--every", type=int, default=1, help="Take every n-th line and page.")
    given = parser.parse_args()
    sums = np.zeros(3, dtype=int)
    for path in given.lines:
        counts = np.zeros(3, dtype=int)
        for index, line in enumerate(read_lines([path])):
            if index % given.every == 0:
                gray = line.gray()
                warned = first(gray)
                counts += (1, bool(warned), is_inverted(np.float32(1) - gray))
                if warned:
                    sys.stdout.write(f"  {line.id}: {'; '.join(map(str, warned))}\n")
        sums += counts
        sys.stdout.write(_row(path.name, counts))
    sys.stdout.write(_row("all lines", sums))
    pages = [any(d.kind is DoubtKind.PAGE for d in first(gray)) for gray in _pages(given.pages, given.every)]
    sys.stdout.write(f"pages: {sum(pages)} of {len(pages)} found\n")


def first(gray: Any) -> list[Doubt]:
    """Return the doubts that gray values alone give."""
    found = doubts(gray, height=PreprocessSpec.height, confidence=None, turned=lambda: None)
    return [doubt for doubt in found if doubt.kind in (DoubtKind.INVERTED, DoubtKind.PAGE)]


def _row(name: str, counts: Any) -> str:
    lines, warned, found = counts
    return f"{name}: {lines} lines, {warned} doubted, {found} of the inverted found\n"


def _pages(paths: list[Path], every: int) -> Iterator[Any]:
    import pyarrow.parquet as pq

    index = 0
    for path in paths:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=8, columns=["image"]):
            for image in batch.column(0).to_pylist():
                index += 1
                if index % every == 0:
                    try:
                        yield load_gray(image["bytes"])
                    except ImageError as error:
                        sys.stderr.write(f"{error}\n")


if __name__ == "__main__":
    main()
