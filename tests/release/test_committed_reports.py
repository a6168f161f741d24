"""What documents quote is what the committed reports say, and these fit their schema."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest


ROOT = Path(__file__).parents[2]
REPORTS = (
    "baseline-crnn",
    "baseline-htr-vt",
    "ports-base",
    "ports-small",
    "synth-languages",
    "synth-multilingual",
    "verify-lm",
    "verify-samples",
    "verify-small",
    "verify-test",
    "verify-val",
)
"""Committed reports of `inkport verify`."""


def test_documents_quote_the_committed_reports():
    command = [sys.executable, ROOT / "scripts/quote_reports.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", REPORTS)
def test_summaries_fit_the_schema_of_reports_and_list_no_lines(name):
    schema = json.loads((files("inkport.benchmarks") / "report.schema.json").read_text(encoding="utf-8"))
    text = (ROOT / f"docs/results/{name}.json").read_text(encoding="utf-8")
    jsonschema.validate(json.loads(text), schema)
    assert not [key for key in ("flips", "line_edits", "per_line") if f'"{key}": [' in text or f'"{key}": {{' in text]
    assert "Left out of this summary" in (ROOT / f"docs/results/{name}.md").read_text(encoding="utf-8")
