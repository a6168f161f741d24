"""Print what a report proves: the smallest margin at which each target is EQUIVALENT.

    python scripts/proven_margins.py docs/results/verify-test.json

The table of docs/results/reading.md is what this prints.
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


def rows(report: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return a row per target that read lines."""
    return [_row(target) for target in report["targets"] if target["parity"]]


def _row(target: dict[str, Any]) -> tuple[str, ...]:
    parity, latency = target["parity"], target["latency"]
    unseen = max((row for row in parity["datasets"] if not row["seen_writer"]), key=_margin)
    return (
        target["name"],
        target["evidence"],
        str(parity["lines"]),
        f"{100 * parity['flipped_lines'] / parity['lines']:.1f}",
        f"{parity['effects']['harmful']} / {parity['effects']['repaired']}",
        _points(parity),
        f"{_points(unseen)} ({unseen['dataset']}, {unseen['lines']})",
        "-" if latency is None or latency["speed_up"] is None else f"{latency['speed_up']:.2f}x",
        f"{target['artifact']['bytes'] / 1e6:.1f}",
    )


def _margin(score: dict[str, Any]) -> float:
    """Return the smallest margin for which both one-sided tests succeed: the interval must lie inside it.

    Infinity where there is none: too few writers prove nothing.
    """
    interval = score["equivalence"]["interval"]
    return inf if interval is None else max(abs(limit) for limit in interval)


def _points(score: dict[str, Any]) -> str:
    margin = _margin(score)
    return "-" if margin == inf else f"{ceil(1e4 * margin) / 100:.2f}"


def table(report: dict[str, Any]) -> str:
    """Return the rows as Markdown."""
    lines = [HEAD, ("---",) * len(HEAD), *rows(report)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
