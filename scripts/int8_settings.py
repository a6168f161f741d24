"""What each int8 setting costs: the experiment behind the defaults of ``int8_onnx_from_onnx``.

    python scripts/int8_settings.py MODEL --calibration data/lines/train-*.parquet --lines data/lines/val-*.parquet

MODEL is an ONNX fp32 artifact. Each setting is exported, reads the lines with ONNX Runtime, and is compared with fp32.
Writes a JSON report and prints it as a Markdown table; docs/results/README.md quotes it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.ctc import greedy
from inkport.core.files import write_atomically
from inkport.core.metrics import cer
from inkport.core.registry import open_session
from inkport.export.quantize.calibration import choose_calibration
from inkport.export.quantize.onnx_int8 import Int8Options, Part, int8_onnx_from_onnx
from inkport.export.quantize.ranges import Ranges
from inkport.lines.audit import Audit, audit_for
from inkport.lines.line import digest_lines
from inkport.lines.source import read_lines


KEPT = Int8Options().keep_fp32


def without(part: Part) -> Int8Options:
    """Return the default settings with one more part in int8."""
    return Int8Options(keep_fp32=tuple(p for p in KEPT if p != part))


SETTINGS = {
    "default": Int8Options(),
    "percentile 99.99": Int8Options(ranges=Ranges.PERCENTILE, percentile=99.99),
    "min-max": Int8Options(ranges=Ranges.MIN_MAX),
    "entropy": Int8Options(ranges=Ranges.ENTROPY),
    "symmetric activations": Int8Options(symmetric=True),
    "one scale per weight": Int8Options(per_channel=False),
    **{f"{part} in int8 too": without(part) for part in KEPT},
    "everything in int8": Int8Options(keep_fp32=()),
}


@dataclass(frozen=True)
class Reading:
    """What one artifact made of all lines."""

    logits: list[np.ndarray]
    texts: list[str]


@dataclass(frozen=True)
class Row:
    """One setting."""

    setting: str
    relative_error: float
    changed_lines: int
    cer: float
    bytes: int


def read(artifact: Artifact, audit: Audit) -> Reading:
    """Read every line by itself."""
    with open_session(artifact, runtime="onnxruntime") as session:
        logits = [session.run(image)[0] for image in audit.inputs]
    return Reading(logits, [greedy(rows, artifact.spec.charset).text for rows in logits])


def compare(setting: str, artifact: Artifact, audit: Audit, reference: Reading) -> Row:
    """Measure one artifact against the fp32 reading."""
    reading = read(artifact, audit)
    pairs = list(zip(reading.logits, reference.logits, strict=True))
    squared = sum(float(((a - b) ** 2).sum()) for a, b in pairs)
    norm = sum(float((b**2).sum()) for _, b in pairs)
    return Row(
        setting=setting,
        relative_error=(squared / norm) ** 0.5,
        changed_lines=sum(a != b for a, b in zip(reading.texts, reference.texts, strict=True)),
        cer=cer((line.text for line in audit.lines), reading.texts).rate,
        bytes=artifact.bytes,
    )


def markdown(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    head = ["| setting | relative error of logits | changed lines | CER, % | MB |", "|---|---|---|---|---|"]
    body = [
        f"| {r.setting} | {r.relative_error:.4f} | {r.changed_lines} | {100 * r.cer:.2f} | {r.bytes / 1e6:.2f} |"
        for r in rows
    ]
    return "\n".join(head + body) + "\n"


def main() -> None:
    """Run the experiment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--calibration", type=Path, nargs="+", required=True)
    parser.add_argument("--lines", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/results/int8-settings.json"))
    arguments = parser.parse_args()
    model = load_artifact(arguments.model)
    spec = model.spec
    audit = audit_for(read_lines(arguments.lines), spec)
    calibration = choose_calibration(read_lines(arguments.calibration), spec.preprocess)
    reference = read(model, audit)
    rows = [compare("fp32", model, audit, reference)]
    with TemporaryDirectory() as folder:
        for setting, options in SETTINGS.items():
            artifact = int8_onnx_from_onnx(model, Path(folder) / "int8", calibration=calibration, options=options)
            rows.append(compare(setting, artifact, audit, reference))
            sys.stderr.write(f"{rows[-1]}\n")
    report = {
        "schema": 1,
        "model": {"sha256": model.digest, "root": model.root},
        "calibration": asdict(calibration.record),
        "data": {"sha256": digest_lines(audit.lines), "lines": len(audit.lines)},
        "rows": [asdict(row) for row in rows],
    }
    write_atomically(arguments.out, json.dumps(report, indent=1) + "\n")
    sys.stdout.write(markdown(rows))


if __name__ == "__main__":
    main()
