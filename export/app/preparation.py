"""The preparation of ``inkport.core.preprocess`` as ONNX operators: from pixels of any size to the network's input.

Whole numbers stay below 2^31, so that int32 holds what the definition has in 64 bits: of images up to n = 2^15 px and
networks of 8 to 2^14 px (``require_app_spec``) the largest are places, 2 n m <= 2^30, and the dividends of weights,
2^(S+1) N + T <= 2^28 + 2^28, since T = 2 n^2 / m is at most 2^31 / 8. No content is so narrow that it were more: its
width is that of the image times the network's height by the image's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.core.preprocess import MIN_SIDE_PX, PreprocessSpec, normalise
from inkport.core.triangle import MOST_SAMPLES, SHIFT
from inkport.export.app.emitter import FLOAT, INT32, INT64, UINT8, Emitter
from inkport.export.app.interface import FAULT, IMAGE, NOT_AN_IMAGE, TENSOR, TOO_LARGE, TOO_SMALL


LUMA = (19595, 38470, 7471)
"""Shares of red, green and blue in gray, in units of 2^-16, as ``inkport.core.image`` has them from Pillow."""
_COARSE = round(2**23 / 255) / 2**23
INVERSE = (_COARSE, 1 / 255 - _COARSE)
"""1 / 255 as 16 bits and the rest."""


@dataclass(frozen=True)
class Sizes:
    """Sides of an image and of what becomes of it: tensors without axes, int32."""

    height: str
    """Rows of the image."""
    width: str
    """Its columns."""
    content: str
    """Columns that it fills at the network's height."""
    padded: str
    """Columns of the network's input."""


def emit_preparation(emit: Emitter, spec: PreprocessSpec, *, output: str) -> str:
    """Add what makes the network's input of ``IMAGE``, and the outputs ``TENSOR`` and ``FAULT``.

    Args:
        emit: Where to.
        spec: The recogniser's preprocessing, as ``require_app_spec`` lets pass.
        output: Name of the network's input.

    Returns:
        The name of a tensor without axes, bool: whether the recogniser takes the image.
    """
    sizes, taken = _sizes(emit, spec)
    gray = _gray(emit)
    rows = emit_resampling(emit, gray, sizes.height, emit.integer(spec.height))
    # Columns first: what a pixel is made of then lies side by side in memory, (content, height).
    columns = emit_resampling(emit, emit.op("Transpose", rows, perm=[1, 0]), sizes.width, sizes.content)
    padding = emit.cast(emit.expand(emit.op("Sub", sizes.padded, sizes.content), 0), INT64)
    pads = emit.op("Concat", emit.constant([0, 0, 0], INT64), padding, axis=0)
    background = emit.number(spec.background_level)
    canvas = emit.op("Pad", emit.op("Transpose", columns, perm=[1, 0]), pads, background)
    levels = emit.expand(canvas, 0, 1)
    emit.cast(levels, UINT8, output=TENSOR)
    _normalise(emit, levels, spec, output=output)
    return taken


def emit_resampling(emit: Emitter, image: str, source: str, target: str) -> str:
    """Add ``triangle-v2`` along the first axis of an image (``inkport.core.triangle``).

    Of each result only the rows that contribute are gathered: with matrices of all weights, zeros included, the
    preparation takes many times as long (docs/results/onnx-app.md).

    Args:
        emit: Where to.
        image: float32 (n, w), bytes.
        source: n, int32 without axes.
        target: m, how many rows it becomes, likewise.

    Returns:
        float32 (m, w), bytes.
    """
    rows, weights = _taps(emit, source, target)
    gathered = emit.op("Gather", image, rows, axis=0)
    shares = emit.op("Mul", emit.cast(weights, FLOAT), emit.number(2.0**-SHIFT))
    # Sums of whole numbers below 2^24, in units of 2^-S: exact in any order.
    sums = emit.op("MatMul", emit.expand(shares, 1), gathered)
    levels = emit.op("Floor", emit.op("Add", emit.op("Squeeze", sums, emit.constant([1], INT64)), emit.number(0.5)))
    return emit.op("Min", levels, emit.number(255.0))


def _normalise(emit: Emitter, levels: str, spec: PreprocessSpec, *, output: str) -> None:
    """Add what ``normalise`` makes of bytes, to the last bit.

    Not by a division: engines multiply with the rounded inverse instead. The inverse of 255 in two parts, of which the
    first has 16 bits so that its product with a byte is exact, gives the quotients themselves, each rounded once. With
    another mean or deviation it is a table of 256 values, which takes longer.
    """
    values = normalise(np.arange(256, dtype=np.uint8), spec)
    if np.array_equal(values, _scaled(np.arange(256, dtype=np.float32))):
        coarse, fine = (emit.op("Mul", levels, emit.number(part)) for part in INVERSE)
        emit.op("Add", coarse, fine, output=output)
    else:
        emit.op("Gather", emit.constant(values, FLOAT), emit.cast(levels, INT32), output=output)


def _scaled(levels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    coarse, fine = (levels * np.float32(part) for part in INVERSE)
    scaled: npt.NDArray[np.float32] = coarse + fine
    return scaled


def _taps(emit: Emitter, source: str, target: str) -> tuple[str, str]:
    """Return which rows make each row and with what weights, int32 (m, taps), as ``integer_taps`` does."""
    one, two = emit.integer(1), emit.integer(2)
    double = emit.op("Mul", two, target)
    reach = emit.op("Mul", two, emit.op("Max", source, target))
    # (2 j + 1) n, and the first row within reach of it.
    centres = emit.op("Mul", emit.op("Add", emit.op("Mul", two, emit.count(target)), one), source)
    begin = emit.op("Sub", centres, emit.op("Add", reach, target))
    first = emit.op("Add", emit.quotient(begin, double), one)
    taps = emit.count(emit.quotient(emit.op("Sub", emit.op("Add", reach, target), one), target))
    # (2 i + 1) m - (2 j + 1) n: the large numbers cancel for the first row, what is added stays below 2^18.
    place = emit.op("Mul", emit.op("Add", emit.op("Mul", two, first), one), target)
    start = emit.expand(emit.op("Sub", place, centres), 1)
    distance = emit.op("Abs", emit.op("Add", start, emit.op("Mul", double, taps)))
    rows = emit.op("Add", emit.expand(first, 1), taps)
    inside = emit.op("Max", emit.integer(0), emit.op("Min", rows, emit.op("Sub", source, one)))
    present = emit.cast(emit.op("Equal", rows, inside), INT32)
    near = emit.op("Mul", emit.op("Max", emit.integer(0), emit.op("Sub", reach, distance)), present)
    total = emit.op("ReduceSum", near, emit.constant([1], INT64), keepdims=1)
    scaled = emit.op("Add", emit.op("Mul", near, emit.integer(2 << SHIFT)), total)
    return inside, emit.quotient(scaled, emit.op("Mul", two, total))


def _gray(emit: Emitter) -> str:
    """Return the image's gray, float32 (h, w), bytes; of channels that are neither 1 nor 3 it is the first."""
    channels = emit.op("Gather", emit.cast(emit.op("Shape", IMAGE), INT32), emit.integer(2))
    coloured = emit.cast(emit.op("Equal", channels, emit.integer(3)), INT32)
    # The shares of one channel, and of three: no number of channels is an error here, for OpenVINO 2026.4 with one
    # thread keeps an operator's error to itself and returns what it read before (FAULT is for these).
    shares = emit.constant([[1.0], [0.0], [0.0], *([share / 65536] for share in LUMA)], FLOAT)
    rows = emit.op("Min", emit.count(channels), emit.integer(2))
    chosen = emit.op("Add", rows, emit.op("Mul", coloured, emit.integer(3)))
    # Exact: 255 * 2^16 is below 2^24.
    mixed = emit.op("MatMul", emit.cast(IMAGE, FLOAT), emit.op("Gather", shares, chosen, axis=0))
    # Without the last axis, or ONNX Runtime adds numbers one by one, which takes longer than all else here.
    levels = emit.op("Squeeze", mixed, emit.constant([2], INT64))
    return emit.op("Floor", emit.op("Add", levels, emit.number(0.5)))


def _sizes(emit: Emitter, spec: PreprocessSpec) -> tuple[Sizes, str]:
    """Return the sides, and whether they are ones that the recogniser takes; add the output ``FAULT``."""
    shape = emit.cast(emit.op("Shape", IMAGE), INT32)
    # An image without pixels has sides of 1 here, so that nothing is divided by 0.
    one = emit.integer(1)
    height, width = (emit.op("Max", emit.op("Gather", shape, emit.integer(axis)), one) for axis in (0, 1))
    doubled = emit.op("Mul", width, emit.integer(2 * spec.height))
    content = emit.quotient(emit.op("Add", doubled, height), emit.op("Mul", emit.integer(2), height))
    content = emit.op("Max", content, one)
    needed = emit.op(
        "Add", emit.op("Max", content, emit.integer(spec.min_width)), emit.integer(spec.width_multiple - 1)
    )
    multiples = emit.quotient(needed, emit.integer(spec.width_multiple))
    padded = emit.op("Mul", multiples, emit.integer(spec.width_multiple))
    fault = _fault(emit, (height, width, content), padded, spec)
    # What is refused is squeezed, so that no picture takes more than the widest line does.
    limit = emit.integer(spec.max_width)
    sizes = Sizes(height, width, emit.op("Min", content, limit), emit.op("Min", padded, limit))
    return sizes, emit.op("Equal", fault, emit.integer(0))


def _fault(emit: Emitter, sides: tuple[str, str, str], padded: str, spec: PreprocessSpec) -> str:
    """Return why the recogniser does not take the image, int32 without axes, and add it as ``FAULT``.

    Args:
        emit: Where to.
        sides: Rows and columns of the image, and columns of the content.
        padded: Columns of the network's input.
        spec: The recogniser's preprocessing.
    """
    height, width, _ = sides
    wide = emit.op("Greater", padded, emit.integer(spec.max_width))
    large = emit.op("Or", wide, emit.op("Greater", emit.op("Max", height, width), emit.integer(MOST_SAMPLES)))
    small = emit.op("Less", emit.op("Min", *sides), emit.integer(MIN_SIDE_PX))
    channels = emit.op("Gather", emit.cast(emit.op("Shape", IMAGE), INT32), emit.integer(2))
    known = emit.op("Or", *(emit.op("Equal", channels, emit.integer(count)) for count in (1, 3)))
    fault = emit.op("Where", large, emit.integer(TOO_LARGE), emit.integer(0))
    fault = emit.op("Where", small, emit.integer(TOO_SMALL), fault)
    fault = emit.op("Where", known, fault, emit.integer(NOT_AN_IMAGE))
    emit.op("Unsqueeze", fault, emit.constant([0], INT64), output=FAULT)
    return fault
