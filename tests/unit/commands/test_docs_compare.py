"""docs/compare.md names every option."""

from __future__ import annotations

import re
from pathlib import Path

from inkport.benchmarks.checks.compare.judge import ORDER, Tolerance
from inkport.cli import options_of


DOCS = Path(__file__).parents[3] / "docs"


def test_every_option_of_compare_is_documented():
    text = (DOCS / "compare.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(--[a-z-]+)` \|", text, flags=re.MULTILINE)) == set(options_of("compare"))
    assert f"| {Tolerance().max_slower} |" in text
    assert ", ".join(f"`{outcome}`" for outcome in ORDER) in text
