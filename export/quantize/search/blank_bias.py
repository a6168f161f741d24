"""Giving the blank back what quantizing took from it: an offset on its logit, chosen by the CER on validation lines.

Quantizing shifts logits a little, and where the blank's shifts against the symbols', symbols vanish or appear by the
hundred. One number undoes that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure.edits import Edits, sum_edits
from inkport.benchmarks.measure.parity import score
from inkport.core.artifact import Artifact
from inkport.core.charset import BLANK, Charset, normalise_text
from inkport.core.config import to_plain
from inkport.core.ctc import greedy
from inkport.core.errors import LineDataError
from inkport.export.quantize.head_bias import head_bias_onnx_from_onnx
from inkport.export.quantize.search.meter import Meter
from inkport.lines.line import Line


REACH = 4.0
"""Largest offset that is tried, in logits, on both sides."""
STEPS = (0.5, 0.1, 0.02)
"""Distances of the offsets that are tried: over the whole reach, then around the best so far."""

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class BlankBias:
    """An offset on the blank's logit, and what it does on the lines that it was chosen on."""

    offset: float
    """What is added to the blank's logit; 0 if nothing lowers the CER."""
    cer_before: float
    """CER without it."""
    cer: float
    """CER with it."""
    edits_before: Edits
    """Edits by kind without it."""
    edits: Edits
    """Edits by kind with it."""
    cer_held_out: float
    """CER where every half of the lines is read with the offset chosen on the other half: what new lines can expect."""


def fit_blank_bias(logits: Sequence[Logits], lines: Sequence[Line], charset: Charset) -> BlankBias:
    """Choose the offset with the least CER, the smallest where several are as good.

    Args:
        logits: Of each line, float32 (t, k).
        lines: The lines.
        charset: The recogniser's charset.

    Raises:
        LineDataError: If there are fewer than two lines.
    """
    if len(lines) < 2:
        raise LineDataError(f"a blank bias is chosen on at least 2 lines, found {len(lines)}")
    symbols = [len(normalise_text(line.text)) for line in lines]
    tried: dict[float, tuple[Edits, ...]] = {}

    def edits_at(offset: float) -> tuple[Edits, ...]:
        if offset not in tried:
            tried[offset] = score(lines, [greedy(_moved(rows, offset), charset) for rows in logits]).edits
        return tried[offset]

    def choose(places: Sequence[int]) -> float:
        def errors(offset: float) -> int:
            edits = edits_at(offset)
            return sum(edits[place].total for place in places)

        best = 0.0
        for round_, step in enumerate(STEPS):
            around = REACH if round_ == 0 else STEPS[round_ - 1]
            count = round(around / step)
            offsets = {round(best + step * number, 6) for number in range(-count, count + 1)} | {0.0}
            best = min(offsets, key=lambda offset: (errors(offset), abs(offset), offset))
        return best

    every = range(len(lines))
    offset = choose(every)
    halves = [[place for place in every if place % 2 == side] for side in (0, 1)]
    held_out = sum(
        edits_at(choose(other))[place].total
        for half, other in zip(halves, reversed(halves), strict=True)
        for place in half
    )
    before, after = sum_edits(edits_at(0.0)), sum_edits(edits_at(offset))
    length = max(1, sum(symbols))
    return BlankBias(
        offset=offset,
        cer_before=before.total / length,
        cer=after.total / length,
        edits_before=before,
        edits=after,
        cer_held_out=held_out / length,
    )


def correct_blank_bias(source: Artifact, out: Path, *, meter: Meter) -> tuple[Artifact, BlankBias]:
    """Choose the offset on the meter's lines and fold it into the head's bias.

    Args:
        source: A quantized ONNX artifact of the meter's recogniser.
        out: The artifact's directory; replaced if it is there.
        meter: Holds the validation lines.

    Returns:
        The artifact, whose provenance records lines, offset, and errors before and after; and the same figures.

    Raises:
        ExportError: If the graph does not end in a bias (``head_bias_onnx_from_onnx``).
    """
    found = fit_blank_bias(meter.read(source), meter.audit.lines, source.spec.charset)
    record = {**to_plain(found), "validation": to_plain(meter.record)}
    artifact = head_bias_onnx_from_onnx(source, out, label=BLANK, offset=found.offset, record=record)
    return artifact, found


def _moved(rows: Logits, offset: float) -> Logits:
    moved = rows.copy()
    moved[:, BLANK] += np.float32(offset)
    return moved
