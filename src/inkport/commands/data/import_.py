"""``inkport data import``."""

from __future__ import annotations

import sys
from pathlib import Path

from inkport.benchmarks.run.progress import shown_progress
from inkport.commands._options import OutFile
from inkport.core.errors import UsageError
from inkport.lines.datasets.catalogue import find_dataset
from inkport.lines.datasets.convert import Converted, Selection, convert, select_lines
from inkport.lines.datasets.layout import Split


def import_(
    name: str,
    folder: Path,
    /,
    *,
    split: Split,
    out: OutFile,
    squeeze: float | None = None,
    allow_partial: bool = False,
) -> None:
    """Convert a published data set, in its official layout, into a Parquet line set.

    Nothing is downloaded: get the data set under its own licence first. A split with another number of lines
    than published is refused, and so are lines without an image or a transcription.

    Args:
        name: iam or iam-ascii, read2016 or read2016-masked, lam, vnondb or vnondb-images; docs/datasets.md
            says what each expects.
        folder: Where the data set was unpacked.
        split: Which part of it.
        out: The Parquet file; it appears when all lines are in it.
        squeeze: Narrow wider lines to this ratio of width to height; 8 is what the published networks do.
            Images are kept byte for byte if left out.
        allow_partial: Take what can be used, however few, and report what was left out.
    """
    if squeeze is not None and squeeze <= 0:
        raise UsageError(f"--squeeze must be above 0, found {squeeze}")
    selection = select_lines(find_dataset(name), folder, split, allow_partial=allow_partial)
    total = len(selection.lines)
    with shown_progress() as progress:

        def report(lines: int) -> None:
            progress("converting", lines, total)

        done = convert(selection, out, squeeze=squeeze, allow_partial=allow_partial, report=report)
    sys.stderr.write(_summary(selection, done))
    sys.stdout.write(f"{out}\n")


def _summary(selection: Selection, done: Converted) -> str:
    left_out = [*selection.refused, *done.damaged]
    count = "as published" if done.lines == selection.published else f"NOT the published {selection.published}"
    rows = [f"{selection.dataset.name}, split {selection.split}: {done.lines} lines, {count}"]
    if selection.empty:
        rows.append(f"without a transcription, as when the split was published: {len(selection.empty)}")
    if left_out:
        rows.append(f"left out: {len(left_out)}")
        rows += [f"  {sentence}" for sentence in left_out[:10]]
    rows.append(f"licence: {selection.dataset.licence}")
    return "\n".join(rows) + "\n"
