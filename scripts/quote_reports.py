"""Write the tables that documents quote from docs/results anew, after reports were made again.

    python scripts/quote_reports.py                                      # all tables but README's
    python scripts/quote_reports.py --readme SAMPLES.txt TEST.txt        # README's too: what `inkport verify` printed

A table's rows are found by what they begin with; a row that is not there once is an error, and nothing is written
then. Sentences that quote figures are for people to read again; tests/architecture/test_docs_figures.py finds some of
those that were forgotten.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from proven_margins import table as proven_margins


ROOT = Path(__file__).parents[1]
LANGUAGES = {"de": "German", "en": "English", "es": "Spanish", "fr": "French", "it": "Italian", "vi": "Vietnamese"}
Rows = list[tuple[str, ...]]


def main(readme: list[Path]) -> None:
    """Write every document whose tables changed, and name it."""
    texts = {ROOT / name: text for name, text in quoted()}
    if readme:
        texts[ROOT / "README.md"] = in_readme((ROOT / "README.md").read_text(encoding="utf-8"), readme)
    for path, text in texts.items():
        if text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


def quoted() -> Iterator[tuple[str, str]]:
    """Yield each document's name and its text with the tables of the reports."""
    yield _with("docs/models/convtext-tiny.md", card(report("verify-test")), 3)
    yield _with("docs/models/convtext-small.md", card(report("verify-small")), 3)
    name, text = _with("docs/lm.md", language_model(report("lm")), 3)
    yield name, replace(text, on_runtimes(report("verify-lm")), 1)
    yield _with("docs/synth.md", held_out_fonts(report("synth-languages")), 3)
    yield _with("docs/margins.md", margins(report("margins")), 1)
    yield _with("docs/export.md", int8_settings(report("int8-settings")), 1)
    name, text = _with("docs/networks.md", ports("baseline-crnn", "baseline-htr-vt"), 2)
    yield name, replace(text, ports("ports-small", "ports-base"), 2)
    reading = (ROOT / "docs/results/reading.md").read_text(encoding="utf-8")
    before, rest = reading.split("| target | proof |", 1)
    yield "docs/results/reading.md", before + proven_margins(report("verify-test")) + rest[rest.index("\n\n") + 1 :]


def report(name: str) -> dict[str, Any]:
    """Return a committed report."""
    found: dict[str, Any] = json.loads((ROOT / f"docs/results/{name}.json").read_text(encoding="utf-8"))
    return found


def card(data: dict[str, Any]) -> Rows:
    """Return the rates per data set of a model card."""
    targets = {target["name"]: target["parity"] for target in data["targets"]}
    fp32, int8 = targets["torch fp32"], targets["onnxruntime int8"]
    rows = []
    for one, other in zip([*fp32["datasets"], fp32], [*int8["datasets"], int8], strict=True):
        name = (one["dataset"], _writers(one)) if "dataset" in one else ("all", "")
        change = f"{100 * other['delta']:+.2f} ({_signed(other['interval'])})"
        rates = (f"{100 * one['cer']:.2f}", f"{100 * other['cer']:.2f}", change, f"{100 * one['wer_htr']:.1f}")
        rows.append((*name, str(one["lines"]), *rates))
    return rows


def language_model(data: dict[str, Any]) -> Rows:
    """Return what the language model gains per data set."""
    return [
        (
            row["dataset"] or "all",
            _writers(row) if row["dataset"] else "",
            str(row["lines"]),
            f"{100 * row['cer_greedy']:.2f}",
            f"{100 * row['cer_beam']:.2f}",
            _signed(row["interval"]),
        )
        for row in data["gain"]
    ]


def on_runtimes(data: dict[str, Any]) -> Rows:
    """Return what the language model makes of each target's logits; a target that did not run has no figures."""
    rows: Rows = []
    for target in data["targets"]:
        read = target["parity"]
        if read is None:
            rows.append((target["name"], *"----"))
            continue
        change = f"{100 * read['delta']:+.2f} ({_signed(read['interval'])})"
        counts = (str(read["lines"]), f"{100 * read['cer']:.2f}", change, str(read["flipped_lines"]))
        rows.append((target["name"], *counts))
    return rows


def held_out_fonts(data: dict[str, Any]) -> Rows:
    """Return the rates per language on held-out fonts, with how many of the 60 lines were left out."""
    fp32, int8 = (target["parity"]["datasets"] for target in data["targets"])
    return [
        (
            LANGUAGES[one["dataset"].split("-")[1]],
            str(one["lines"]),
            str(60 - one["lines"]),
            f"{100 * one['cer']:.2f}",
            f"{100 * other['cer']:.2f}",
            f"{100 * one['wer_htr']:.1f}",
        )
        for one, other in zip(fp32, int8, strict=True)
    ]


def margins(data: dict[str, Any]) -> Rows:
    """Return predicted and observed flips."""
    rows = []
    for target in data["targets"]:
        told = target["forecast"]
        low, high = told["interval"]
        counts = (str(told["observed"]), str(told["fragile_flips"]))
        rows.append((target["name"], f"{told['expected']:.1f}", f"{low:.0f} to {high:.0f}", *counts))
    return rows


def int8_settings(data: dict[str, Any]) -> Rows:
    """Return the experiment on the settings of int8."""
    return [
        (
            row["setting"],
            f"{row['relative_error']:.4f}",
            str(row["changed_lines"]),
            f"{100 * row['cer']:.2f}",
            f"{row['bytes'] / 1e6:.2f}",
        )
        for row in data["rows"]
    ]


def ports(*names: str) -> Rows:
    """Return how the ports of these reports read, each network's after the other's."""
    rows = []
    for data in map(report, names):
        network = f"{data['model']['name']} {data['model']['version']}"
        for target in data["targets"]:
            read = target["parity"]
            rates = (f"{100 * read['cer']:.2f}", f"{100 * read['delta']:+.2f} ({_signed(read['interval'])})")
            cells = (str(read["lines"]), *rates, str(read["flipped_lines"]))
            rows.append((network, target["name"], *cells))
    return rows


def replace(text: str, rows: Iterable[tuple[str, ...]], keys: int) -> str:
    """Return a text with table rows in the place of those that begin with the same cells.

    Args:
        text: Of the document.
        rows: All rows of a table, cell by cell.
        keys: How many cells tell a row from others.

    Raises:
        SystemExit: If the text does not have such a row once, or if its table has others too.
    """
    lines, places = text.split("\n"), []
    for row in rows:
        head = f"| {' | '.join(row[:keys])} |"
        found = [index for index, line in enumerate(lines) if line.startswith(head)]
        if len(found) != 1:
            raise SystemExit(f"{len(found)} rows begin with {head!r}, there should be one: write it by hand first")
        lines[found[0]] = f"| {' | '.join(row)} |"
        places += found
    first = next(place for place in range(min(places), -1, -1) if lines[place].startswith("|--")) + 1
    last = next(place for place in range(first, len(lines)) if not lines[place].startswith("|"))
    if sorted(places) != list(range(first, last)):
        raise SystemExit(f"lines {first + 1} to {last} are a table with rows that the report lacks: take them out")
    return "\n".join(lines)


def in_readme(text: str, printed: list[Path]) -> str:
    """Return README with what verify printed on the samples and on the test lines, shortened."""
    blocks = re.findall(r"```\n(convtext-tiny.*?)\n```", text, flags=re.DOTALL)
    for block, path, datasets in zip(blocks, printed, (True, False), strict=True):
        text = text.replace(block, shortened(path.read_text(encoding="utf-8"), datasets=datasets))
    return text


def shortened(printed: str, *, datasets: bool) -> str:
    """Return verify's text without reasons and unavailable rows, and without the data sets unless wanted.

    Commands that make printed before it are left out too.
    """
    kept: list[str] = []
    text = re.split(r"^(?=convtext-tiny \d)", printed, maxsplit=1, flags=re.MULTILINE)[-1]
    for part in text.rstrip("\n").split("\n\n"):
        first = part.partition("\n")[0]
        if first.startswith("target ") and " outcome " in first:
            rows = part.split("\n")
            there = [row for row in rows if " unavailable " not in row]
            left = len(rows) - len(there)
            more = f"({left} more rows are unavailable here; the run prints each with its reason and its fix)"
            kept.append("\n".join([*there, more] if left else there))
        elif not kept or first.startswith("delta:") or (datasets and first.startswith("data set")):
            kept.append(part)
    return "\n\n".join(kept)


def _with(name: str, rows: Rows, keys: int) -> tuple[str, str]:
    return name, replace((ROOT / name).read_text(encoding="utf-8"), rows, keys)


def _writers(row: dict[str, Any]) -> str:
    return "seen" if row["seen_writer"] else "unseen"


def _signed(interval: list[float]) -> str:
    low, high = interval
    return f"{100 * low:+.2f} to {100 * high:+.2f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readme", nargs=2, type=Path, default=[], metavar=("SAMPLES.txt", "TEST.txt"))
    main(parser.parse_args().readme)
