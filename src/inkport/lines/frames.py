"""Whether a height and a stride leave enough frames for the texts, measured on lines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from inkport.core.charset import normalise_text
from inkport.core.ctc import frames_needed
from inkport.core.errors import LineDataError
from inkport.core.preprocess import PreprocessSpec
from inkport.lines.audit import sized_lines
from inkport.lines.line import Line
from inkport.lines.problem import Finding


@dataclass(frozen=True, kw_only=True)
class FrameShare:
    """What one height and stride mean for a line set."""

    height: int
    """Input height, in pixels."""
    stride: int
    """Input columns per frame."""
    mean_frames: float
    """Mean frames per line, padding left out."""
    too_few: float
    """Share of lines, 0..1, with fewer frames than CTC needs."""
    tight: float
    """Share of lines, 0..1, with fewer than one and a half times the frames that CTC needs."""
    lines: int
    """Lines measured."""


def frame_shares(
    lines: Iterable[Line],
    *,
    heights: Sequence[int],
    strides: Sequence[int],
    skip: Collection[str] = (),
    findings: list[Finding] | None = None,
) -> list[FrameShare]:
    """Measure every combination of ``heights`` and ``strides``, in that order; padding frames do not count.

    Args:
        lines: The line set.
        heights: Candidate input heights, in pixels.
        strides: Candidate strides, in input columns per frame.
        skip: Problems whose lines are left out; only bad images can be found.
        findings: Gets the lines that are left out.

    Raises:
        LineDataError: If there is no line, or an image is damaged and this is not in ``skip``.
    """
    sizes, needs = [], []
    for line, size in sized_lines(lines, [] if findings is None else findings, skip=skip):
        sizes.append(size)
        needs.append(frames_needed([ord(symbol) for symbol in normalise_text(line.text)]))
    if not sizes:
        raise LineDataError("no lines to measure")
    needed = np.array(needs)
    shares = []
    for height in heights:
        spec = PreprocessSpec(height=height)
        widths = np.array([spec.content_width(*size) for size in sizes])
        for stride in strides:
            frames = -(-widths // stride)
            shares.append(
                FrameShare(
                    height=height,
                    stride=stride,
                    mean_frames=float(frames.mean()),
                    too_few=float((frames < needed).mean()),
                    tight=float((frames < 1.5 * needed).mean()),
                    lines=len(sizes),
                )
            )
    return shares
