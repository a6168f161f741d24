"""Write the summary of a report of `inkport verify`, to be committed: without the figures of single lines.

    python scripts/summarise_report.py out/verify-test/report.json docs/results/verify-test.json

The Markdown of the same name beside it is summarised too. What is left out (the flipped lines with their texts, and the
edits of every line) is nine tenths of a report on thousands of lines. Counts, rates, intervals, verdicts and times are
kept, and a summary fits the same JSON Schema. `inkport compare` needs the whole report.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any


LEDGERS = frozenset({"flips", "line_edits", "per_line"})
"""Keys under which a report lists single lines."""
LEFT_OUT = "Left out of this summary; a run of `inkport verify` lists them."
"""Stands in the Markdown in place of the flipped lines."""


def summary(value: Any) -> Any:
    """Return a report, or a part of one, without its lists of lines."""
    if isinstance(value, dict):
        return {
            key: summary(part) for key, part in value.items() if key not in LEDGERS or not isinstance(part, dict | list)
        }
    return [summary(part) for part in value] if isinstance(value, list) else value


def page_summary(page: str) -> str:
    """Return a report's Markdown without its flipped lines.

    Raises:
        SystemExit: If it has no section of flipped lines, or several.
    """
    text, found = re.subn(r"(?ms)^(## Flipped lines\n\n).*?(?=^## |\Z)", rf"\g<1>{LEFT_OUT}\n\n", page)
    if found != 1:
        raise SystemExit(f"expected one section '## Flipped lines', found {found}")
    return text


def summarise(report: Path, out: Path) -> None:
    """Write the summaries of a report and of its Markdown."""
    document = json.loads(report.read_text(encoding="utf-8"))
    page = page_summary(report.with_suffix(".md").read_text(encoding="utf-8"))
    out.write_text(json.dumps(summary(document), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    out.with_suffix(".md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="report.json, with report.md beside it")
    parser.add_argument("out", type=Path, help="the .json to write; the .md is written beside it")
    arguments = parser.parse_args()
    summarise(arguments.report, arguments.out)
