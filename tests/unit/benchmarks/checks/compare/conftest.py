"""Documents as ``inkport verify`` writes them, on sixty lines of two data sets and six writers."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[5]
LINES = 60
SYMBOLS = [20 + index % 7 for index in range(LINES)]
BASE = [index % 4 for index in range(LINES)]
DIGEST = "ab" * 32


def target(name="port", *, edits=BASE, outcome="pass", reason="", required=True, p50=10.0, flips=(), margin=0.005):
    read = [(e, s) for e, s in zip(edits, SYMBOLS, strict=True) if e is not None]
    points = [{"width_px": 100.0 * w, "time_ms": p50 * w / 5 * (1 + 0.01 * (w % 3)), "n": 8} for w in range(1, 10)]
    latency = {"p50_ms": p50, "p50_interval_ms": [p50 * 0.9, p50 * 1.2], "curve": {"points": points}}
    return {
        "name": name,
        "runtime": "fake",
        "runtime_version": "1",
        "device": "cpu",
        "precision": "fp32",
        "outcome": outcome,
        "reason": reason,
        "required": required,
        "budget": {"cer_margin": margin, "flipped_lines": None, "p90_ms": None},
        "artifact": {"sha256": DIGEST, "bytes": 4_700_000, "calibration_sha256": None},
        "parity": {
            "lines": len(read),
            "cer": sum(e for e, _ in read) / sum(s for _, s in read),
            "flips": [{"id": name, "reading": reading} for name, reading in flips],
        },
        "latency": latency if p50 else None,
        "line_edits": list(edits),
    }


def absent(name="port", outcome="unavailable", **settings):
    row = target(name, outcome=outcome, reason="It is gone.", **settings)
    return {**row, "parity": None, "latency": None, "line_edits": None, "artifact": None}


def document(*targets):
    return copy.deepcopy({
        "schema": 1,
        "created": "2026-01-01T00:00:00+00:00",
        "model": {"name": "m", "version": "1", "artifact": {"sha256": DIGEST}},
        "data": {"sha256": "cd" * 32, "lines": LINES},
        "reference": {
            "runtime": "torch",
            "runtime_version": "2",
            "device": "cpu",
            "precision": "fp32",
            "artifact": {"sha256": DIGEST},
        },
        "options": {"latency_lines": 200},
        "environment": {
            "cpu": "c",
            "cores": 2,
            "isa": ["avx2"],
            "machine": "x86_64",
            "threads": 1,
            "governor": None,
        },
        "noise": {"floor": 0.02, "moments": [{"load_ms": 5.0}, {"load_ms": 5.1}]},
        "per_line": {
            "groups": [{"dataset": "left", "seen_writer": False}, {"dataset": "right", "seen_writer": False}],
            "group": [index // 40 for index in range(LINES)],
            "writer": [index // 10 for index in range(LINES)],
            "symbols": SYMBOLS,
        },
        "targets": list(targets),
    })  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """Write a document; returns its path."""

    def to_file(name, content) -> Path:
        path = tmp_path / f"{name}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return to_file


@pytest.fixture
def make():
    """What documents are made of."""
    return {"document": document, "target": target, "absent": absent, "base": BASE, "symbols": SYMBOLS}
