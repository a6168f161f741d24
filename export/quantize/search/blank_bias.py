"""Giving the blank back what quantizing took from it: an offset on its logit, chosen by the CER on validation lines.

Quantizing shifts logits a little, and where the blank's shifts against the symbols', symbols vanish or appear by the
hundred. One number undoes that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure.edits import Edits, sum_edits
from inkport.benchmarks.measure.parity import score
from inkport.core.artifact import Artifact, load_artifact
from inkport.core.charset import BLANK, Charset, normalise_text
from inkport.core.config import to_plain
from inkport.core.ctc import greedy
from inkport.core.errors import ExportError, LineDataError
from inkport.export.graph import onnx_forward, portable_bytes
from inkport.export.quantize.search.meter import Meter
from inkport.export.record import derived_artifact
from inkport.lines.line import Line
from inkport.runtimes.onnx_graph import load_onnx


STAGE = "head_bias_onnx_from_onnx"
PASSING = ("Transpose", "Reshape", "Identity", "Squeeze", "Unsqueeze", "Cast")
"""Operators that move logits about and leave their values as they are."""


def head_bias_onnx_from_onnx(
    source: Artifact, out: Path, *, label: int, offset: float, record: Mapping[str, Any] | None = None
) -> Artifact:
    """Add ``offset`` to the logit of ``label`` at every frame.

    Args:
        source: An ONNX artifact of any precision whose head's bias is fp32.
        out: The artifact's directory; replaced if it is there.
        label: Index of the label; 0 is the blank.
        offset: What is added.
        record: What else the artifact's provenance shall say.

    Raises:
        ExportError: If the graph does not end in the addition of a bias in fp32, or there is no such label.
    """
    from onnx import numpy_helper

    path = source.file(".onnx")
    model = load_onnx(path)
    tensor = _bias(model.graph, source.spec.output.name, source.spec.charset.size)
    if tensor is None:
        raise ExportError(
            f"{STAGE}: {path}: the logits are not the sum of products and one fp32 bias per label",
            remedy="leave the head in fp32, or correct the weights before they are exported",
        )
    values = numpy_helper.to_array(tensor).copy()
    if not 0 <= label < values.size:
        raise ExportError(f"{STAGE}: there is no label {label}, the head has {values.size}")
    values.reshape(-1)[label] += np.float32(offset)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    data = portable_bytes(model)
    onnx_forward(data, source.spec)
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="onnx",
        precision=source.precision,
        tools=("onnx",),
        options={**source.provenance.options, "head_bias": {"label": label, "offset": offset, **(record or {})}},
        calibration=source.provenance.calibration,
    ) as folder:
        (folder / "model.onnx").write_bytes(data)
    return load_artifact(out)


def _bias(graph: Any, output: str, labels: int) -> Any | None:
    """Return the tensor that is added to the products of the head and to nothing else, or None."""
    makers = {name: node for node in graph.node for name in node.output}
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    node = makers.get(output)
    while node is not None and node.op_type in PASSING:
        node = makers.get(node.input[0])
    names = () if node is None or node.op_type not in {"Add", "Gemm", "Conv"} else tuple(node.input)
    if node is not None and node.op_type != "Add":
        names = names[2:]
    found = [tensors[name] for name in names if name in tensors]
    if len(found) != 1 or found[0].data_type != 1 or int(np.prod(found[0].dims)) != labels:
        return None
    users = sum(found[0].name in other.input for other in graph.node)
    return found[0] if users == 1 else None


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
