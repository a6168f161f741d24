"""The campaign's report: figures of the run that made it, and nothing else."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from campaign.watch import Tally
from inkport import __version__


PARTS = ("images", "structured", "kills", "hostile", "leaks", "home")
"""The parts of a campaign, in the order in which they run."""
LEAST = {"images": 30_000, "structured": 15_000, "kills": 150, "hostile": 33, "leaks": 10_000}
"""What a whole campaign tries at least."""
PEAK_KB = 1 << 20
"""Largest resident size of a fuzzed process, in KiB."""
ROWS = {
    "images": "damaged images",
    "structured": "damaged structured files",
    "kills": "kills at random moments",
    "hostile": "hostile runtimes",
    "leaks": "reads with one session",
    "home": "commands with an empty home and no network",
}


def fuzzed(tally: Tally) -> dict[str, Any]:
    """Describe what a fuzzer found."""
    kinds = sorted({*tally.accepted, *tally.refused, *(fault["kind"] for fault in tally.faults)})
    failed = Counter(fault["kind"] for fault in tally.faults)
    places: dict[str, dict[str, Any]] = {}
    for fault in tally.faults:
        place = places.setdefault(fault["where"], {"count": 0, "first": f"{fault['kind']} {fault['index']}", **fault})
        place["count"] += 1
    hangs = sum(fault["error"].startswith("took longer") for fault in tally.faults)
    return {
        "tried": tally.inputs,
        "accepted": tally.accepted.total(),
        "refused": tally.refused.total(),
        "foreign": len(tally.faults) - hangs,
        "hangs": hangs,
        "peak_mib": tally.peak_kb >> 10,
        "peak_at": tally.peak_at,
        "slowest_s": round(tally.slowest_s, 2),
        "slowest_at": tally.slowest_at,
        "kinds": {kind: [tally.accepted[kind], tally.refused[kind], failed[kind]] for kind in kinds},
        "faults": list(places.values()),
    }


def faults_of(part: str, found: Mapping[str, Any], least: Mapping[str, int]) -> list[str]:
    """Return why a part did not hold; empty if it did."""
    faults = (
        [f"{fault['count']} x {fault['where']}, first {fault['first']}" for fault in found["faults"]]
        if (part in {"images", "structured"})
        else list(found["faults"])
    )
    if found.get("peak_mib", 0) >= PEAK_KB >> 10:
        faults.append(f"the fuzzed process took {found['peak_mib']} MiB at {found['peak_at']}")
    if found["tried"] < least.get(part, 0):
        faults.append(f"{found['tried']} tried, {least[part]} wanted")
    return faults


def write(path: Path, parts: Mapping[str, Any], *, seed: int, code: str, least: Mapping[str, int]) -> bool:
    """Write ``path`` (JSON) and the table beside it; return whether everything held.

    Args:
        path: The JSON file.
        parts: What came of each part, by name.
        seed: Of the campaign.
        code: Digest of the code that was tried.
        least: What had to be tried.
    """
    held = {part: not faults_of(part, found, least) for part, found in parts.items()}
    document = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "inkport": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "seed": seed,
        "code": code,
        "held": held,
        "parts": dict(parts),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(markdown(document, least), encoding="utf-8")
    return all(held.values())


def markdown(document: Mapping[str, Any], least: Mapping[str, int]) -> str:
    """Return the report as a page."""
    rows = [
        f"| {ROWS[part]} | {found['tried']} | {_faulty(part, found)} | {_detail(part, found)} |"
        for part, found in document["parts"].items()
    ]
    failed = [
        f"- {ROWS[part]}: {fault}"
        for part, found in document["parts"].items()
        for fault in faults_of(part, found, least)
    ]
    absent = [ROWS[part] for part in PARTS if part not in document["parts"]]
    return "\n".join(
        [
            "# Campaign",
            "",
            _made(document),
            "",
            "| part | tried | faults | |",
            "|---|---|---|---|",
            *rows,
            "",
            *(["Not run: " + ", ".join(absent) + ".", ""] if absent else []),
            *(["What did not hold:", "", *failed] if failed else ["Everything that was run held."]),
            "",
            *_kinds(document["parts"]),
        ]
    )


def _made(document: Mapping[str, Any]) -> str:
    where = f"Python {document['python']}, {document['system']}, seed {document['seed']}, code {document['code'][:12]}"
    return (
        f"Made by `make campaign` on {document['made']}, inkport {document['inkport']}, {where}. "
        "What each part tries, and what holds it: [faults](../faults.md)."
    )


def _faulty(part: str, found: Mapping[str, Any]) -> int:
    return found["foreign"] + found["hangs"] if part in {"images", "structured"} else len(found["faults"])


def _detail(part: str, found: Mapping[str, Any]) -> str:
    if part in {"images", "structured"}:
        return (
            f"{found['accepted']} read, {found['refused']} refused with a reason, {found['foreign']} other exceptions "
            f"or deaths, {found['hangs']} hangs; slowest {found['slowest_s']} s, peak {found['peak_mib']} MiB"
        )
    if part == "kills":
        return ", ".join(f"{name} {count}" for name, count in found["by_command"].items())
    if part == "leaks":
        others = f"file descriptors {found['descriptors']:+}, threads {found['threads']:+}"
        return f"memory {found['growth_kb']:+} KiB, {others}"
    return ", ".join(found["commands"]) if part == "home" else "each in a process of its own"


def _kinds(parts: Mapping[str, Any]) -> Sequence[str]:
    if "structured" not in parts:
        return []
    rows = [f"| {kind} | {a} | {r} | {f} |" for kind, (a, r, f) in parts["structured"]["kinds"].items()]
    return ["## Structured files by kind", "", "| kind | read | refused | faults |", "|---|---|---|---|", *rows, ""]
