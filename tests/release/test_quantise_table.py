"""The table in docs/quantization.md is the one that its report makes."""

from __future__ import annotations

from pathlib import Path

from inkport.export.quantize.search.scan_report import load_report, render_scan


DOCS = Path(__file__).parents[2] / "docs"
MOST = 12
"""Operators that the page shows."""


def test_the_table_is_that_of_the_report():
    report = load_report(DOCS / "results" / "quantise.json")
    table = render_scan(report.scan, len(report.identity.validation.ids), most=MOST)
    assert table in (DOCS / "quantization.md").read_text(encoding="utf-8")
