"""Whether int8 reads better after quantization-aware training than after calibration alone.

    python scripts/qat_against_ptq.py --parent PARENT --qat QAT --calibration data/lines/train-*.parquet \
      --lines data/lines/val-*.parquet --out out/qat-val

PARENT and QAT are weights files, QAT made by a recipe with ``[qat]`` that starts from PARENT. Everything is compared
with PARENT in fp32 in ONNX Runtime. Writes ``report.json`` and prints it as a Markdown table; docs/qat.md describes it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from inkport.benchmarks.measure.parity import Reading, compare, score
from inkport.core.artifact import Artifact
from inkport.core.ctc import greedy
from inkport.core.errors import UsageError
from inkport.core.files import write_atomically
from inkport.core.recogniser import Recogniser
from inkport.core.registry import open_session
from inkport.core.target import Precision
from inkport.export.from_torch.network import safetensors_from_weights
from inkport.export.plan import build
from inkport.export.quantize.calibration import choose_calibration, has_learned_ranges
from inkport.lines.audit import Audit, audit_for
from inkport.lines.line import digest_lines
from inkport.lines.source import read_lines
from inkport.model.weights import load_weights
from inkport.train.qat import FakeQuantized
from inkport.train.recipe_sections import QatRecipe


def read(artifact: Artifact, audit: Audit) -> Reading:
    """Read every line by itself."""
    with open_session(artifact, runtime="onnxruntime") as session:
        return score(audit.lines, Recogniser(artifact.spec, session).read_prepared(audit.inputs))


@torch.inference_mode()
def read_as_trained(path: Path, audit: Audit) -> Reading:
    """Read every line with the network that training validated."""
    weights = load_weights(path)
    network = FakeQuantized(weights.network(), QatRecipe(), weights.spec.preprocess).eval()
    network.set_ranges(weights.provenance["qat"]["ranges"])
    logits = (network(torch.from_numpy(image)).numpy()[0] for image in audit.inputs)
    return score(audit.lines, [greedy(rows, weights.spec.charset) for rows in logits])


def row(name: str, audit: Audit, reference: Reading, target: Reading, margin: float) -> dict[str, Any]:
    """Compare a reading with the reference; texts stay out, because the lines may not be ours to show."""
    found = compare(audit.lines, reference, target, margin=margin)
    kept = ("lines", "cer", "cer_reference", "delta", "interval", "interval_unit", "clusters", "flipped_lines")
    sets = [{"dataset": s.dataset, **{k: getattr(s, k) for k in kept}} for s in found.datasets]
    return {
        "name": name,
        **{k: getattr(found, k) for k in kept},
        "equivalence": {**asdict(found.equivalence), "verdict": str(found.equivalence.verdict)},
        "datasets": sets,
    }


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as a table."""
    head = ["| | CER, % | delta | 95 % interval | verdict | changed lines |", "|---|---|---|---|---|---|"]
    body = [
        "| {} | {:.2f} | {:+.2f} | {:+.2f}..{:+.2f} | {} | {} |".format(
            r["name"],
            *(100 * v for v in (r["cer"], r["delta"], *r["interval"])),
            r["equivalence"]["verdict"],
            r["flipped_lines"],
        )
        for r in rows
    ]
    return "\n".join(head + body) + "\n"


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parent", type=Path, required=True)
    parser.add_argument("--qat", type=Path, required=True)
    parser.add_argument("--calibration", type=Path, nargs="+", required=True)
    parser.add_argument("--lines", type=Path, nargs="+", required=True)
    parser.add_argument("--margin", type=float, default=0.3, help="in points of CER")
    parser.add_argument("--out", type=Path, default=Path("out/qat"))
    given = parser.parse_args()
    sources = {
        name: safetensors_from_weights(path, given.out / name / "weights")
        for name, path in (("parent", given.parent), ("qat", given.qat))
    }
    spec = sources["parent"].spec
    if not has_learned_ranges(sources["qat"]) or sources["qat"].spec.charset != spec.charset:
        raise UsageError(f"{given.qat}: expected weights of a recipe with [qat], with the symbols of {given.parent}")
    audit = audit_for(read_lines(given.lines), spec)
    calibration = choose_calibration(read_lines(given.calibration), spec.preprocess)
    made = {
        (name, precision): build(
            source, format="onnx", precision=precision, work=given.out / name, calibration=calibration
        )
        for name, source in sources.items()
        for precision in (Precision.FP32, Precision.INT8)
    }
    readings = {key: read(artifact, audit) for key, artifact in made.items()}
    reference, margin = readings["parent", Precision.FP32], given.margin / 100
    rows = [row(f"{name} {precision}", audit, reference, r, margin) for (name, precision), r in readings.items()]
    trained = row(
        "qat int8 against training's own",
        audit,
        read_as_trained(given.qat, audit),
        readings["qat", Precision.INT8],
        margin,
    )
    report = {
        "schema": 1,
        "artifacts": {f"{n} {p}": {"sha256": a.digest, "root": a.root} for (n, p), a in made.items()},
        "calibration": asdict(calibration.record),
        "data": {"sha256": digest_lines(audit.lines), "lines": len(audit.lines)},
        "rows": [*rows, trained],
    }
    write_atomically(given.out / "report.json", json.dumps(report, indent=1) + "\n")
    sys.stdout.write(markdown([*rows, trained]))


if __name__ == "__main__":
    main()
