"""Measures a line finder on pages whose truth is known: lines, texts, directions and processor time, in one run.

usage: python scripts/measure_finder.py PAGES.parquet... [--finder FOLDER] [--model MODEL] [--margin SHARE...]
       [--turned] [--out REPORT.json]

Every page is found and read, and read from its true lines by the same reader. Page CER is reported with the interval of
its difference by document, lines are matched as docs/pages.md says, and times are processor seconds of one thread.
With --out, the report is also written as Markdown beside it.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import inkport
from inkport.benchmarks.measure.estimate import estimate
from inkport.benchmarks.measure.line_matches import match_lines
from inkport.benchmarks.measure.page_scores import PageScore, score_page, sum_scores
from inkport.benchmarks.measure.units import numbered
from inkport.core.errors import UsageError
from inkport.pages.crop import Margins
from inkport.pages.finder_files import shipped_finder
from inkport.pages.finding import TURNED, LineFinder, turned_back
from inkport.pages.found import page_of
from inkport.pages.inputs import PageImage
from inkport.pages.page import Page
from inkport.pages.page_sets import TruePage, read_page_set
from inkport.pages.read import read_page
from inkport.pages.strips import MARGINS


SURE = 0.75
"""Mean confidence below which lines are left out, in the last row: what the field's detectors were tried with."""


@dataclass
class Row:
    """What one page gave."""

    true: TruePage
    """The page."""
    scores: dict[str, PageScore]
    """By way of reading."""
    matched: int
    """True lines that were found."""
    lines: int
    """True lines."""
    found: int
    """Found lines."""
    find_s: float
    """Processor time of finding, in seconds."""
    whole_s: float
    """Processor time of finding and reading, in seconds."""
    upright: dict[int, bool] = field(default_factory=dict)
    """By how the page was turned, whether that was seen."""


def texts_of(page: Page, least: float = 0.0) -> list[str]:
    """Return the texts of lines that were read at least so surely."""
    return [line.text for line in page.lines if line.confidence is not None and line.confidence >= least]


def measure(
    true: TruePage, finder: LineFinder, reader: inkport.Recogniser, margins: dict[str, Margins], *, turned: bool
) -> Row:
    """Find and read a page, and read it from its true lines."""
    with Image.open(io.BytesIO(true.image)) as image:
        picture = PageImage(id="page", source=Path(true.page.image or "page"), number=1, picture=image.convert("L"))
    begin = time.process_time()
    page = page_of(finder.find(picture.gray()), picture)
    find_s = time.process_time() - begin
    wanted = [line.text for line in true.page.lines]
    known = read_page(picture, true.page, reader).page
    scores = {"true lines": score_page(wanted, texts_of(known))}
    whole_s = 0.0
    for name, margin in margins.items():
        begin = time.process_time()
        read = read_page(picture, page, reader, margins=margin).page
        whole_s = time.process_time() - begin
        scores[name] = score_page(wanted, texts_of(read))
        scores[f"{name}, sure"] = score_page(wanted, texts_of(read, SURE))
    baselines = [np.array(line.baseline) for line in true.page.lines if len(line.baseline) > 1]
    matches = match_lines(baselines, [np.array(line.polygon) for line in page.lines])
    row = Row(true, scores, len(matches.pairs), matches.true, matches.found, find_s, find_s + whole_s)
    for angle in TURNED if turned else ():
        # Turning by 360 - angle back is turning by the angle.
        seen = finder.find(turned_back(picture.gray(), -angle % 360)).turned
        row.upright[angle] = seen == angle
    return row


def report_of(rows: list[Row]) -> dict[str, Any]:
    """Return the figures of all pages, and of each data set."""
    names = list(rows[0].scores)
    documents = numbered([row.true.document for row in rows], kind="document")
    found: dict[str, Any] = {**_figures(rows), "documents": documents.count}
    first = names[0]
    found["against_true_lines"] = {}
    for name in names[1:]:
        change = [row.scores[name].edits - row.scores[first].edits for row in rows]
        result = estimate(change, [row.scores[first].symbols for row in rows], documents)
        interval = result.interval()
        found["against_true_lines"][name] = {
            "points": round(100 * result.rate, 2),
            "interval": None if interval is None else [round(100 * end, 2) for end in interval],
        }
    if rows[0].upright:
        found["turned_pages_seen"] = {str(angle): sum(row.upright[angle] for row in rows) for angle in rows[0].upright}
    sets = list(dict.fromkeys(row.true.dataset for row in rows))
    found["sets"] = {name: _figures([row for row in rows if row.true.dataset == name]) for name in sets}
    return found


def _figures(rows: list[Row]) -> dict[str, Any]:
    matched, lines, strips = (sum(getattr(row, name) for row in rows) for name in ("matched", "lines", "found"))
    sums = {name: sum_scores(row.scores[name] for row in rows) for name in rows[0].scores}
    return {
        "pages": len(rows),
        "lines": lines,
        "recall": round(matched / lines, 4),
        "precision": round(matched / max(strips, 1), 4),
        "page_cer_percent": {name: round(100 * total.cer, 2) for name, total in sums.items()},
        "order_free_cer_percent": {name: round(100 * total.order_free_cer, 2) for name, total in sums.items()},
        "word_f1": {name: round(total.word_f1, 4) for name, total in sums.items()},
        "find_cpu_s": round(sum(row.find_s for row in rows) / len(rows), 3),
        "whole_cpu_s": round(sum(row.whole_s for row in rows) / len(rows), 3),
    }


def markdown(report: dict[str, Any]) -> str:
    """Return a report as a table by data set."""
    ways = list(report["all"]["page_cer_percent"])
    head = ["pages of", "pages", "recall", "precision", *(f"page CER: {way}" for way in ways), "CPU s, find", "whole"]
    rows = [head, ["---", *["--:"] * (len(head) - 1)]]
    for name, part in [*report["all"]["sets"].items(), ("all", report["all"])]:
        rates = [f"{part['page_cer_percent'][way]:.2f} %" for way in ways]
        counts = [str(part["pages"]), f"{part['recall']:.3f}", f"{part['precision']:.3f}"]
        rows.append([name, *counts, *rates, f"{part['find_cpu_s']:.3f}", f"{part['whole_cpu_s']:.3f}"])
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def main() -> int:
    """Measure all pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path, help="page sets")
    parser.add_argument("--finder", type=Path, help="a finder's folder; the shipped one if left out")
    parser.add_argument("--model", default="convtext-tiny", help="what inkport.load takes")
    parser.add_argument("--margin", type=float, action="append", help="share of a line's height around found lines")
    parser.add_argument("--turned", action="store_true", help="also turn every page by 0, 90, 180 and 270 degrees")
    parser.add_argument("--out", type=Path, help="where the report is written")
    options = parser.parse_args()
    folder = options.finder or shipped_finder()
    if folder is None:
        raise UsageError("this build of inkport has no finder", remedy="name one with --finder")
    margins = {f"found {share:+.0%}": Margins(above=share, below=share, ends=0.08) for share in options.margin or ()}
    margins = margins or {"found": MARGINS}
    finder = LineFinder(folder)
    rows: list[Row] = []
    with inkport.load(options.model) as reader:
        for path in options.sets:
            pages = read_page_set(path)
            rows += [measure(true, finder, reader, margins, turned=options.turned) for true in pages]
        model = reader.digest
    info = replace(finder.info, origin={})
    report = {"finder": {"digest": info.digest, "precision": info.precision}, "model": model, "all": report_of(rows)}
    text = json.dumps(report, indent=1) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
        options.out.with_suffix(".md").write_text(markdown(report), encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
