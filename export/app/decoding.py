"""Greedy CTC decoding as ONNX operators, as ``core.ctc`` defines it: logits to code points, confidences and frames."""

from __future__ import annotations

from inkport.core.charset import BLANK, Charset
from inkport.export.app.emitter import INT32, INT64, Emitter
from inkport.export.app.interface import CODE_POINTS, CONFIDENCES, FRAMES


LAST = (1 << 31) - 1
"""End of a slice that goes on to the last value."""


def emit_decoding(emit: Emitter, logits: str, charset: Charset, *, taken: str) -> None:
    """Add the outputs ``CODE_POINTS``, ``CONFIDENCES`` and ``FRAMES``.

    Args:
        emit: Where to.
        logits: float32 (1, t, k).
        charset: The recogniser's charset, of symbols of one code point.
        taken: bool without axes; if false, there are no symbols.
    """
    scores = emit.op("Squeeze", logits, emit.constant([0], INT64))
    peaks = _reduced(emit, "ReduceMax", scores)
    path = _path(emit, scores, peaks, charset.size)
    first, last = _runs(emit, path, taken)
    labels = emit.op("Gather", path, first)
    symbols = emit.constant([0, *map(ord, charset.symbols)], INT32)
    emit.op("Gather", symbols, labels, output=CODE_POINTS)
    emit.op("Concat", emit.expand(first, 1), emit.expand(last, 1), axis=1, output=FRAMES)
    # The best label's exponential is 1, so its probability is one by the sum of all.
    sums = emit.op("ReduceSum", emit.op("Exp", emit.op("Sub", scores, peaks)), emit.constant([1], INT64), keepdims=0)
    frames = emit.expand(_places(emit, path), 0)
    before = emit.op("Less", frames, emit.expand(first, 1))
    after = emit.op("Greater", frames, emit.expand(last, 1))
    others = emit.op("Or", before, after)
    best = emit.op("Where", others, emit.number(0.0), emit.expand(emit.op("Reciprocal", sums), 0))
    emit.op("Squeeze", _reduced(emit, "ReduceMax", best), emit.constant([1], INT64), output=CONFIDENCES)


def _path(emit: Emitter, scores: str, peaks: str, classes: int) -> str:
    """Return the best label of each frame, the first of equals, int32 (t).

    ``ArgMax`` leaves to some engines which of equals it is.
    """
    labels = emit.constant(list(range(classes)), INT32)
    best = emit.op("Where", emit.op("Equal", scores, peaks), labels, emit.integer(classes))
    return emit.op("Squeeze", _reduced(emit, "ReduceMin", best), emit.constant([1], INT64))


def _runs(emit: Emitter, path: str, taken: str) -> tuple[str, str]:
    """Return first and last frame of each run of equal labels that are no blanks, int32 (s) each."""
    none = emit.constant([-1], INT32)
    every = emit.op("Concat", none, path, none, axis=0)
    change = emit.op("Not", emit.op("Equal", _cut(emit, every, 0, -1), _cut(emit, every, 1, LAST)))
    symbol = emit.op("And", emit.op("Not", emit.op("Equal", path, emit.integer(BLANK))), taken)
    starts, ends = _cut(emit, change, 0, -1), _cut(emit, change, 1, LAST)
    return _marked(emit, emit.op("And", starts, symbol)), _marked(emit, emit.op("And", ends, symbol))


def _marked(emit: Emitter, marks: str) -> str:
    places = emit.op("Squeeze", emit.op("NonZero", marks), emit.constant([0], INT64))
    return emit.cast(places, INT32)


def _places(emit: Emitter, path: str) -> str:
    frames = emit.op("Gather", emit.op("Shape", path), emit.constant(0, INT64))
    return emit.count(emit.cast(frames, INT32))


def _cut(emit: Emitter, values: str, start: int, end: int) -> str:
    return emit.op("Slice", values, emit.constant([start], INT64), emit.constant([end], INT64))


def _reduced(emit: Emitter, kind: str, values: str) -> str:
    """Return a reduction along the second axis, which stays."""
    return emit.op(kind, values, emit.constant([1], INT64), keepdims=1)
