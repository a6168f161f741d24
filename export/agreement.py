"""Whether an exported recogniser computes what its source does, on lines where there are any, else on other images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import feed
from inkport.core.errors import ExportError
from inkport.core.spec import RecogniserSpec
from inkport.runtimes.logits import sample_images


Array = npt.NDArray[np.float32]
Forward = Callable[[npt.NDArray[Any]], Array]
"""Maps what a network takes to what it returns, both with its own axes and types (``inkport.core.adapter``)."""

TOLERANCE = 1e-4
"""Largest difference of two fp32 logits, as a share of the largest logit (of 1 if that is smaller).

Sums in another order differ by about 5e-6 here; a wrong weight, axis or padding by more than 1e-2.
"""
LINE_TOLERANCE = 1e-3
"""The same on lines, where a network is undecided in places and the order of sums shows more."""
COMPARED_LINES = 8
"""How many lines two networks are compared on."""
FP16 = 2.0**-11
"""Half the distance of 1 to the next number of fp16."""
FP16_HEADROOM = 8.0
"""How many times further fp16 may move the logits than rounding the image alone does.

It rounds the result of every operator. As largest differences on lines the ratio is 0.4 for convtext-tiny and 4.3 for
PP-OCRv6_rec_small.
"""


def require_agreement(
    stage: str,
    spec: RecogniserSpec,
    expected: Forward,
    found: Forward,
    *,
    tolerance: float = TOLERANCE,
    widths: Sequence[int] = (),
    lines: Sequence[Array] = (),
) -> None:
    """Compare two forwards on noise, over batch sizes and widths that include the narrowest, and on lines.

    Args:
        stage: Name of the exporter, for the error.
        spec: The recogniser.
        expected: The source.
        found: What was exported.
        tolerance: Largest difference of two logits, as a share of the largest logit (of 1 if that is smaller).
        widths: Widths to compare at, for formats that treat some apart; drawn below 512 px if left out.
        lines: Prepared lines; the first ``COMPARED_LINES`` count.

    Raises:
        ExportError: If a shape differs, or a logit differs by more than ``tolerance``.
    """
    read = max(tolerance, LINE_TOLERANCE)
    compared = [(images, tolerance) for images in _noise(spec, widths)]
    compared += [(images, read) for images in lines[:COMPARED_LINES]]
    for images, allowed in compared:
        for part in feed(images, spec):
            want, got = _both(stage, expected, found, part)
            worst = float(np.abs(want - got).max()) / max(1.0, float(np.abs(want).max()))
            # Written so that NaN fails too.
            if not worst <= allowed:
                raise _differs(stage, f"images {images.shape}", worst, allowed, of="the largest")


def require_half(stage: str, spec: RecogniserSpec, expected: Forward, found: Forward, lines: Sequence[Array]) -> None:
    """Compare a network in fp32 with one in fp16, on lines and by what fp16 changes in this network on these lines.

    The measure is the source itself: how far its logits move, as a root mean square, if nothing but the image is
    rounded as fp16 rounds. How much that is differs by a factor of 50 between networks, and between lines and noise.

    Args:
        stage: Name of the exporter, for the error.
        spec: The recogniser.
        expected: The source.
        found: What was exported.
        lines: Prepared lines; drawn strokes if there are none.

    Raises:
        ExportError: If a shape differs, or the logits move further than ``FP16_HEADROOM`` times that.
    """
    signs = np.random.default_rng(0)
    moved = allowed = size = 0.0
    for images in lines[:COMPARED_LINES] or _strokes(spec):
        rounding = np.float32(1) + np.float32(FP16) * signs.choice([-1.0, 1.0], images.shape).astype(np.float32)
        for part, rounded in zip(feed(images, spec), feed(images * rounding, spec), strict=True):
            want, got = _both(stage, expected, found, part)
            moved += _squares(want - got)
            allowed += _squares(want - expected(rounded))
            size += _squares(want)
    # Bytes do not notice such rounding, nor does a network that only moves values; fp16's own unit is always allowed.
    limit = FP16_HEADROOM * float(np.sqrt(max(allowed, FP16**2 * size)))
    if not np.sqrt(moved) <= limit:
        scale = float(np.sqrt(size)) or 1.0
        raise _differs(stage, "lines", float(np.sqrt(moved)) / scale, limit / scale, of="their root mean square")


def _squares(values: Array) -> float:
    return float(np.square(values, dtype=np.float64).sum())


def _both(stage: str, expected: Forward, found: Forward, part: npt.NDArray[Any]) -> tuple[Array, Array]:
    want, got = expected(part), found(part)
    if want.shape != got.shape:
        raise ExportError(f"{stage}: logits have shape {got.shape}, the source gives {want.shape}")
    return want, got


def _differs(stage: str, images: str, by: float, allowed: float, *, of: str) -> ExportError:
    return ExportError(
        f"{stage}: logits of {images} differ from the source by {by:.1e} of {of}, at most {allowed:.0e} is allowed",
        remedy="the converter changed the network: try the versions that pyproject.toml pins",
    )


def _noise(spec: RecogniserSpec, widths: Sequence[int]) -> list[Array]:
    rng = np.random.default_rng(0)
    pre = spec.preprocess
    steps = (pre.min_width // pre.width_multiple, max(min(pre.max_width, 512), pre.min_width) // pre.width_multiple)
    multiples = rng.integers(steps[0], steps[1], 3, endpoint=steps[0] == steps[1])
    widths = widths or (pre.min_width, *(int(m) * pre.width_multiple for m in multiples))
    shapes = [(batch, pre.planes, pre.height, width) for batch, width in zip(cycle((1, 1, 2, 3)), widths, strict=False)]
    return [pre.normalise(rng.random(shape, dtype=np.float32)) for shape in shapes]


def _strokes(spec: RecogniserSpec) -> list[Array]:
    pre = spec.preprocess
    widths = {min(pre.max_width, pre.min_width + step * pre.width_multiple) for step in (0, 5, 20)}
    return [sample_images(pre, width, lines=1, seed=width) for width in sorted(widths)]
