"""Print what a report proves: the smallest margin at which each target is EQUIVALENT, and what may be shipped at which.

python scripts/proven_margins.py docs/results/verify-test.json
"""

from __future__ import annotations

import json
import sys
from math import ceil, inf
from pathlib import Path
from typing import Any


HEAD = (
    "target",
    "proof",
    "lines",
    "flips %",
    "harmful / repaired",
    "proven, all lines",
    "proven, unseen",
    "speed",
    "MB",
)
"""Columns of the table; margins are in points of CER."""
STEPS = (0.1, 0.2, 0.3, 0.5)
"""Margins in points of CER by which targets are grouped; the last is the default budget."""


def proven(report: dict[str, Any]) -> str:
    """Return a row per target that read lines, as a Markdown table."""
    rows = [_row(target) for target in report["targets"] if target["parity"]]
    return "".join(f"| {' | '.join(line)} |\n" for line in [HEAD, ("---",) * len(HEAD), *rows])


def classes(report: dict[str, Any]) -> str:
    """Return which targets are proven within which margin, as a Markdown list; those that did not pass come last."""
    read = [target for target in report["targets"] if target["parity"]]
    passed = [target for target in read if target["outcome"] == "pass"]
    groups = {"No line differs": [t["name"] for t in passed if not t["parity"]["flipped_lines"]]}
    left = [target for target in passed if target["parity"]["flipped_lines"]]
    for step in STEPS:
        groups[f"Proven within {step:g} points"] = [_proof(t, report) for t in left if _points(t["parity"]) <= step]
        left = [target for target in left if _points(target["parity"]) > step]
    groups["Passed at a margin of its own"] = [_proof(target, report) for target in left]
    groups["Did not pass"] = [f"{_proof(t, report)}: {t['outcome']}" for t in read if t["outcome"] != "pass"]
    return "".join(f"- **{name}**: {'; '.join(targets)}.\n" for name, targets in groups.items() if targets)


def _proof(target: dict[str, Any], report: dict[str, Any]) -> str:
    lines = target["parity"]["lines"]
    told = [_told(target["parity"])]
    told += [f"{lines} lines"] if lines < report["data"]["lines"] else []
    told += [target["evidence"]] if target["evidence"] != "measured" else []
    return f"{target['name']} ({', '.join(told)})"


def _row(target: dict[str, Any]) -> tuple[str, ...]:
    parity, latency = target["parity"], target["latency"]
    unseen = max((row for row in parity["datasets"] if not row["seen_writer"]), key=_margin)
    return (
        target["name"],
        target["evidence"],
        str(parity["lines"]),
        f"{100 * parity['flipped_lines'] / parity['lines']:.1f}",
        f"{parity['effects']['harmful']} / {parity['effects']['repaired']}",
        _told(parity),
        f"{_told(unseen)} ({unseen['dataset']}, {unseen['lines']})",
        "-" if latency is None or latency["speed_up"] is None else f"{latency['speed_up']:.2f}x",
        f"{target['artifact']['bytes'] / 1e6:.1f}",
    )


def _margin(score: dict[str, Any]) -> float:
    """Return the smallest margin for which both one-sided tests succeed: the interval must lie inside it.

    Infinity where there is none: too few writers prove nothing.
    """
    interval = score["equivalence"]["interval"]
    return inf if interval is None else max(abs(limit) for limit in interval)


def _points(score: dict[str, Any]) -> float:
    """Return the proven margin in points, rounded up to hundredths; infinity where there is none."""
    margin = _margin(score)
    return inf if margin == inf else ceil(1e4 * margin) / 100


def _told(score: dict[str, Any]) -> str:
    points = _points(score)
    return "-" if points == inf else f"{points:.2f}"


if __name__ == "__main__":
    document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.stdout.write(f"{proven(document)}\n{classes(document)}")
