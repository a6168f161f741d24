"""What resampling in integers changes: docs/results/triangle-v2.md is its output.

    python scripts/triangle_v2.py --calibration data/lines/train-*.parquet --lines data/lines/test-*.parquet

Each model reads every line prepared by triangle-v1 and by triangle-v2 with weights of 11 and of 15 bits, in fp32 and
in int8 with ONNX Runtime. An int8 model is calibrated on lines prepared as those that it reads. triangle-v1 is the
reference of the same precision, and the judge is that of `inkport verify`, with the hand as the unit. Times are those
of the same run: the least of several of each line, taking turns, from the decoded bytes to the network's input.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure.equivalence import Verdict
from inkport.benchmarks.measure.parity import Parity, Reading, Score, compare, score, to_json_text
from inkport.commands._model import resolve_model
from inkport.core.artifact import Artifact
from inkport.core.config import to_plain
from inkport.core.files import write_atomically
from inkport.core.preprocess import (
    TRIANGLE_V1,
    TRIANGLE_V2,
    PreprocessSpec,
    normalise,
    prepare,
    prepare_bytes,
    to_bytes,
)
from inkport.core.recogniser import Recogniser
from inkport.core.registry import open_session
from inkport.core.runtime import SessionOptions
from inkport.core.scratch import scratch
from inkport.core.spec import RecogniserSpec
from inkport.core.tables import Table, markdown_table
from inkport.core.target import Precision
from inkport.core.triangle import SHIFT, resample_bytes
from inkport.export.plan import build
from inkport.export.quantize.calibration import CalibrationSet, choose_calibration
from inkport.export.quantize.onnx_int8 import int8_onnx_from_onnx
from inkport.lines.audit import audit_for
from inkport.lines.line import Line, digest_lines
from inkport.lines.source import read_lines


Floats = npt.NDArray[np.float32]
Prepare = Callable[[Line], Floats]

SHIFTS = (11, 15)
"""Bits of a weight that are compared: those that fp16 holds, and the most that float32 sums exactly."""
MARGIN = 0.005
"""CER difference up to which the two count as equivalent."""
LARGEST_SHIFT = 0.002
"""Largest difference on a set of ten hands or more."""
MANY_HANDS = 10
"""Hands from which on a set is judged by ``LARGEST_SHIFT``."""
TIMED_LINES = 200
"""Lines that are timed."""
ROUNDS = 7
"""How often each is timed."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model, precision and number of bits against triangle-v1."""

    model: str
    """Name and version."""
    precision: Precision
    """Number format."""
    shift: int
    """Bits of a weight."""
    parity: Parity
    """What it changes."""

    @property
    def faults(self) -> list[str]:
        """What it was to show and does not."""
        name, judged = f"{self.model} {self.precision}, {self.shift} bits", self.parity.equivalence
        known = ", though proven to be no more than the margin worse" if judged.non_inferior else ""
        wrong = [f"{name}: {judged.verdict}{known}"] * (judged.verdict is not Verdict.EQUIVALENT)
        return wrong + [
            f"{name}: {100 * found.delta:+.2f} points on {found.dataset}"
            for found in self.parity.datasets
            if _has_many_hands(found) and abs(found.delta) > LARGEST_SHIFT
        ]


def _has_many_hands(found: Score) -> bool:
    return found.interval_unit != "line" and found.clusters >= MANY_HANDS


def preparing(spec: PreprocessSpec, shift: int | None) -> Prepare:
    """Return what prepares a line: triangle-v2 with so many bits, triangle-v1 for None."""
    if shift is None:
        return lambda line: prepare(line.pixels(), replace(spec, resampling=TRIANGLE_V1))
    if shift == SHIFT:
        return lambda line: normalise(prepare_bytes(line.pixels(), spec), spec)

    def prepared(line: Line) -> Floats:
        pixels = to_bytes(line.pixels())
        content = spec.content_width(*pixels.shape)
        canvas = np.full((1, 1, spec.height, spec.padded_width(*pixels.shape)), spec.background_level, np.uint8)
        canvas[0, 0, :, :content] = resample_bytes(pixels, spec.height, content, shift=shift)
        return normalise(canvas, spec)

    return prepared


def read_all(artifact: Artifact, lines: Sequence[Line], how: Prepare) -> Reading:
    """Read lines one by one with ONNX Runtime in one thread."""
    with open_session(artifact, runtime="onnxruntime", device="cpu", options=SessionOptions(threads=1)) as session:
        recogniser = Recogniser(artifact.spec, session)
        return score(lines, [recogniser.read_prepared([how(line)])[0] for line in lines])


def compare_model(name: str, sources: Sequence[Path], calibration: Sequence[Path]) -> tuple[list[Row], list[Line]]:
    """Read all lines with a model in every way."""
    model = resolve_model(name)
    lines = audit_for(read_lines(sources), model.spec).lines
    chosen = choose_calibration(read_lines(calibration), model.spec.preprocess)
    by_id = {line.id: line for line in read_lines(calibration) if line.id in set(chosen.record.ids)}
    learned = [by_id[id_] for id_ in chosen.record.ids]
    rows: list[Row] = []
    with scratch("triangle") as folder:
        fp32 = build(model, format="onnx", precision=Precision.FP32, work=folder)
        readings: dict[Precision, dict[int | None, Reading]] = {Precision.FP32: {}, Precision.INT8: {}}
        for shift in (None, *SHIFTS):
            how = preparing(model.spec.preprocess, shift)
            inputs = CalibrationSet(inputs=tuple(how(line) for line in learned), record=chosen.record)
            int8 = int8_onnx_from_onnx(fp32, folder / f"int8-{shift}", calibration=inputs)
            for artifact in (fp32, int8):
                readings[artifact.precision][shift] = read_all(artifact, lines, how)
                sys.stderr.write(f"{name} {artifact.precision}: read with {shift or TRIANGLE_V1}\n")
    for precision, found in readings.items():
        rows += [
            Row(
                model=f"{model.spec.name} {model.spec.version}",
                precision=precision,
                shift=shift,
                parity=compare(lines, found[None], found[shift], margin=MARGIN),
            )
            for shift in SHIFTS
        ]
    return rows, lines


def time_preparing(lines: Sequence[Line], spec: RecogniserSpec) -> dict[str, float]:
    """Return the mean time per line of each way, in milliseconds."""
    old, new = replace(spec.preprocess, resampling=TRIANGLE_V1), replace(spec.preprocess, resampling=TRIANGLE_V2)
    # What came before made floats of the pixels first, wherever they went.
    ways: dict[str, Callable[[npt.NDArray[Any]], object]] = {
        TRIANGLE_V1: lambda pixels: prepare(pixels.astype(np.float32) / np.float32(255), old),
        TRIANGLE_V2: lambda pixels: prepare(pixels, new),
    }
    chosen = [line.pixels() for line in lines[:: max(1, len(lines) // TIMED_LINES)]]
    best = np.full((len(ways), len(chosen)), np.inf)
    for _ in range(ROUNDS):
        for column, pixels in enumerate(chosen):
            for row, way in enumerate(ways.values()):
                start = time.perf_counter_ns()
                way(pixels)
                best[row, column] = min(best[row, column], time.perf_counter_ns() - start)
    return {name: float(times.mean()) / 1e6 for name, times in zip(ways, best, strict=True)}


def report(rows: Sequence[Row], times: dict[str, float], lines: int) -> str:
    """Return the report as Markdown."""
    faults = [fault for row in rows if row.shift == SHIFT for fault in row.faults]
    shown = (
        f"All that {SHIFT} bits are to show holds: EQUIVALENT within {100 * MARGIN:g} points on all lines, and at most "
        f"{100 * LARGEST_SHIFT:g} points on every set of {MANY_HANDS} hands or more."
    )
    old, new = times[TRIANGLE_V1], times[TRIANGLE_V2]
    parts = [
        "# Resampling in integers",
        (
            f"`scripts/triangle_v2.py`; it says what is compared. {lines} lines; CER in per cent, differences from "
            "triangle-v1 of the same precision in points, in brackets their 95 % intervals for other hands. Shipped: "
            f"weights of {SHIFT} bits."
        ),
        "Not shown: " + "; ".join(faults) + "." if faults else shown,
        markdown_table(Table(HEAD, tuple(line for row in rows for line in _lines(row)), 3)),
        "## Preparing",
        (
            "A line from its decoded bytes to the network's input, numpy, one thread: "
            f"{TRIANGLE_V1} {old:.3f} ms, {TRIANGLE_V2} {new:.3f} ms, that is {new / old:.2f} times as long."
        ),
    ]
    return "\n\n".join(parts) + "\n"


HEAD = ("model", "bits", "set", "hands", "lines", "CER v1", "CER v2", "difference", "flipped", "verdict")


def _lines(row: Row) -> list[tuple[str, ...]]:
    names = ["all", *(found.dataset for found in row.parity.datasets)]
    return [
        (
            f"{row.model} {row.precision}",
            str(row.shift),
            name,
            str(found.clusters) if found.interval_unit != "line" else "?",
            str(found.lines),
            f"{100 * found.cer_reference:.2f}",
            f"{100 * found.cer:.2f}",
            f"{100 * found.delta:+.2f}"
            + (f" ({100 * found.interval[0]:+.2f} to {100 * found.interval[1]:+.2f})" if found.interval else ""),
            str(found.flipped_lines),
            str(found.equivalence.verdict) if name == "all" or _has_many_hands(found) else "",
        )
        for name, found in zip(names, (row.parity, *row.parity.datasets), strict=True)
    ]


def main() -> int:
    """Measure, write the report, and return 1 if it does not show what it was to show."""
    parser = argparse.ArgumentParser(description="What resampling in integers changes.")
    parser.add_argument("--models", nargs="+", default=["convtext-tiny", "convtext-small"])
    parser.add_argument("--lines", type=Path, nargs="+", required=True, help="test lines")
    parser.add_argument("--calibration", type=Path, nargs="+", required=True, help="training lines")
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="folder of triangle-v2.json and .md")
    asked = parser.parse_args()
    rows: list[Row] = []
    lines: list[Line] = []
    for name in asked.models:
        found, lines = compare_model(name, asked.lines, asked.calibration)
        rows += found
    times = time_preparing(lines, resolve_model(asked.models[0]).spec)
    text = report(rows, times, len(lines))
    sys.stdout.write(text)
    document = {
        "schema": 1,
        "data": {"sha256": digest_lines(lines), "lines": len(lines)},
        "rows": [to_plain(replace(row, parity=replace(row.parity, flips=(), worst_writer=None))) for row in rows],
        "prepare_ms": times,
    }
    write_atomically(asked.out / "triangle-v2.json", to_json_text(document) + "\n")
    write_atomically(asked.out / "triangle-v2.md", text)
    return int(any(row.faults for row in rows if row.shift == SHIFT))


if __name__ == "__main__":
    sys.exit(main())
