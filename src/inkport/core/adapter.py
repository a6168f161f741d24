"""What an imported network takes and returns, turned into what the rest of inkport knows, and back.

Everything around a session works on prepared images float32 (n, c, h, w) and logits float32 (n, t, k) with the blank
first. A session itself runs its network as it is. In between stands this: plain array work, never timed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.spec import Axes, Dtype, Layout, RecogniserSpec, Scores


Array = npt.NDArray[np.float32]
SMALLEST = np.finfo(np.float32).tiny
"""Probabilities below this count as this, so that their logarithms are finite."""
TO_NTC = {Axes.NTC: (0, 1, 2), Axes.TNC: (1, 0, 2), Axes.NCT: (0, 2, 1)}
"""How axes are put in order."""


def input_shape(spec: RecogniserSpec, lines: int, width: int) -> tuple[int, ...]:
    """Return the shape of what the network takes for so many lines of a width."""
    pre = spec.preprocess
    sizes = {"n": lines, "c": pre.planes, "h": pre.height, "w": width}
    return tuple(sizes[axis] for axis in (Layout.NCHW if spec.native is None else spec.native.layout))


def output_shape(spec: RecogniserSpec, lines: int, width: int) -> tuple[int, ...]:
    """Return the shape of what the network returns for so many lines of a width."""
    sizes = {"n": lines, "t": spec.frames(width), "c": spec.charset.size}
    return tuple(sizes[axis] for axis in (Axes.NTC if spec.native is None else spec.native.axes))


def width_of(given: npt.NDArray[Any], spec: RecogniserSpec) -> int:
    """Return the width of what the network takes."""
    return int(given.shape[(Layout.NCHW if spec.native is None else spec.native.layout).index("w")])


def joined(parts: Sequence[Array], spec: RecogniserSpec) -> Array:
    """Put what the network returned for some lines each together, along its own axis of lines."""
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts, axis=line_axis(spec))


def line_axis(spec: RecogniserSpec) -> int:
    """Return the axis of the lines in what the network returns."""
    return (Axes.NTC if spec.native is None else spec.native.axes).index("n")


def plain_name(name: str) -> str:
    """Return what a tensor of a graph is called in formats that have only letters, digits and underscores in names."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    return f"_{plain}" if plain[0].isdigit() else plain


def feed(images: Array, spec: RecogniserSpec) -> list[npt.NDArray[Any]]:
    """Return what the network takes for prepared images, run by run.

    Args:
        images: float32 (n, c, h, w).
        spec: The recogniser.

    Returns:
        One array, ``images`` itself for our own networks; several where the file fixes the number of lines at once.
        The last one is filled up with copies of its last line.
    """
    native = spec.native
    if native is None:
        return [images]
    given: npt.NDArray[Any] = images
    if native.dtype is Dtype.UINT8:
        given = np.rint(given).clip(0, 255).astype(np.uint8)
    if native.layout is Layout.NHWC:
        given = np.ascontiguousarray(given.transpose(0, 2, 3, 1))
    size = native.batch or len(given)
    parts = [given[start : start + size] for start in range(0, len(given), size)]
    return [np.concatenate([part, *[part[-1:]] * (size - len(part))]) if len(part) < size else part for part in parts]


def logits_of(found: Sequence[Any], spec: RecogniserSpec, lines: int) -> Array:
    """Return the logits of what the network returned.

    Args:
        found: The result of each run on the arrays of ``feed``.
        spec: The recogniser.
        lines: How many images there were.

    Returns:
        float32 (n, t, k); what is no array of three axes, or has too few classes, comes back as it is, for whoever
        checks it.
    """
    native = spec.native
    # A broken session may return anything.
    if native is None or any(not isinstance(part, np.ndarray) or part.ndim != 3 for part in found):
        broken: Array = found[0]
        return broken
    scores: Array = np.concatenate([part.transpose(TO_NTC[native.axes]) for part in found])
    if native.batch:
        scores = scores[:lines]
    if scores.shape[2] <= native.blank:
        return scores
    if native.scores is Scores.PROBABILITIES:
        scores = np.log(np.maximum(scores, np.float32(SMALLEST)))
    if native.blank:
        order = [native.blank, *(label for label in range(scores.shape[2]) if label != native.blank)]
        scores = scores[:, :, order]
    logits: Array = np.ascontiguousarray(scores)
    return logits
