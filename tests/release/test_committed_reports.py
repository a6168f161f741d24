"""What documents quote is what the committed reports say, and `inkport compare` reads these."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from inkport.benchmarks.checks.compare.document import read_report


ROOT = Path(__file__).parents[2]
REPORTS = (
    "baseline-crnn",
    "baseline-htr-vt",
    "ports-base",
    "ports-small",
    "ppocr",
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
def test_summaries_list_no_lines_and_are_reports_but_for_these(name, tmp_path):
    text = (ROOT / f"docs/results/{name}.json").read_text(encoding="utf-8")
    document = json.loads(text)
    for target in document["targets"]:
        if target["parity"]:
            target["parity"]["flips"] = []
    (tmp_path / "whole.json").write_text(json.dumps(document), encoding="utf-8")
    assert read_report(tmp_path / "whole.json").rows.keys() == {target["name"] for target in document["targets"]}
    assert not [key for key in ("flips", "line_edits", "per_line") if f'"{key}": [' in text or f'"{key}": {{' in text]
    assert "Left out of this summary" in (ROOT / f"docs/results/{name}.md").read_text(encoding="utf-8")
