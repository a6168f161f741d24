"""``inkport data frames``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from inkport.benchmarks.run.progress import shown_progress, tracked
from inkport.commands._options import Json, Skip, say_skipped
from inkport.commands._request import problems_of
from inkport.core.errors import UsageError
from inkport.core.tables import Table, markdown_table
from inkport.lines.frames import FrameShare, frame_shares
from inkport.lines.problem import Finding
from inkport.lines.source import read_lines


def frames(
    lines: list[Path],
    /,
    *,
    heights: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (32, 40, 48, 56, 64),
    strides: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (2, 4, 8),
    skip: Skip = "",
    json_: Json = False,
) -> None:
    """Measure, per candidate height and stride, which share of the lines CTC could not read at all.

    CTC needs a frame per symbol and one more between equal neighbours. Lines with fewer have no path;
    lines with fewer than one and a half times as many are tight.

    Args:
        lines: Line sets: Parquet files, TSV manifests, folders.
        heights: Candidate input heights, in pixels.
        strides: Candidate strides, in input columns per frame.
        skip: Problems whose lines are left out; only bad-image can be found here.
        json_: Print JSON instead of a Markdown table.
    """
    if min(*heights, *strides) < 1:
        raise UsageError("heights and strides must be at least 1")
    findings: list[Finding] = []
    with shown_progress() as progress:
        read = tracked(read_lines(lines), "reading lines", progress)
        shares = frame_shares(read, heights=heights, strides=strides, skip=problems_of(skip), findings=findings)
    say_skipped(findings)
    sys.stdout.write(_as_json(shares) if json_ else _as_markdown(shares))


def _as_json(shares: list[FrameShare]) -> str:
    from inkport.core.config import to_plain

    return json.dumps(to_plain(shares), indent=1) + "\n"


def _as_markdown(shares: list[FrameShare]) -> str:
    rows = [
        (str(s.height), str(s.stride), f"{s.mean_frames:.0f}", f"{s.too_few:.3%}", f"{s.tight:.2%}", str(s.lines))
        for s in shares
    ]
    head = ("height", "stride", "mean frames", "too few", "tight", "lines")
    return markdown_table(Table(head, tuple(rows), 0)) + "\n"
