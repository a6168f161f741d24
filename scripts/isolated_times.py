"""Times of a built-in runtime in this process and in a plug-in's child: do they agree?

    python scripts/isolated_times.py [ARTIFACT...] [--rounds N] [--out docs/results/isolated-times]

Opens each artifact with the runtime that it is for, once here and once as if the adapter were a plug-in, and times
both on some shipped lines in turns, round after round. Of each line the fastest time counts, in which there is least of
what else the machine does. Writes JSON and a Markdown table; exit code 1 if a ratio is off by more than 2 %.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from inkport.benchmarks.measure.quantiles import quantile
from inkport.benchmarks.run.latency import choose_widths, measure
from inkport.core.artifact import Artifact, load_artifact
from inkport.core.files import write_atomically
from inkport.core.registry import choose_runtime, isolate, load_runtime
from inkport.core.runtime import SessionOptions
from inkport.lines.audit import audit_for
from inkport.lines.source import read_lines


BUNDLE = Path(str(files("inkport"))) / "bundle"
SHIPPED = ("convtext-tiny-int8", "convtext-small-int8", "convtext-tiny-openvino-int8")
SAMPLES = Path(str(files("inkport.benchmarks"))) / "samples" / "lines.tsv"
ALLOWED = 0.02
"""How far the ratio may lie from 1."""
LINES = 40
"""Lines that are timed, of all widths."""


@dataclass(frozen=True)
class Row:
    """One artifact, timed both ways."""

    artifact: str
    runtime: str
    lines: int
    rounds: int
    here_ms: float
    """Median over the lines of the fastest time here, in milliseconds."""
    child_ms: float
    """The same in the child, by its own clock."""
    ratio: float
    """Median over the lines of the fastest time in the child divided by the fastest here."""
    interval: tuple[float | None, float | None]
    """95 % interval of the ratio."""
    noise_floor: float
    """What single measurements of the same thing differ by on this machine (``inkport.benchmarks.run.noise``)."""


def compare(artifact: Artifact, rounds: int) -> Row:
    """Time an artifact both ways."""
    name = choose_runtime(artifact)
    audit = audit_for(read_lines([SAMPLES]), artifact.spec)
    inputs = [audit.inputs[index] for index in choose_widths(audit.widths, LINES, seed=0)]
    sessions = {
        "here": load_runtime(name).open(artifact, device="cpu", options=SessionOptions()),
        "child": isolate(name).open(artifact, device="cpu", options=SessionOptions()),
    }
    try:
        times = measure(sessions, inputs * rounds)
    finally:
        for session in sessions.values():
            session.close()
    for error in times.errors.values():
        raise error
    here, child = (np.array(times.ns[way]).reshape(rounds, -1).min(axis=0) / 1e6 for way in sessions)
    ratio = quantile((child / here).tolist(), 0.5)
    return Row(
        artifact=artifact.path.name,
        runtime=name,
        lines=len(inputs),
        rounds=rounds,
        here_ms=float(np.median(here)),
        child_ms=float(np.median(child)),
        ratio=ratio.value,
        interval=ratio.limits,
        noise_floor=times.noise.floor if times.noise else 0.0,
    )


def table(rows: list[Row]) -> str:
    """Return the rows as Markdown."""
    head = (
        "| artifact | runtime | lines | rounds | here (ms) | in a child (ms) | ratio | 95 % interval | noise floor |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(
        f"| {row.artifact} | {row.runtime} | {row.lines} | {row.rounds} | {row.here_ms:.2f} | {row.child_ms:.2f} "
        f"| {row.ratio:.3f} | {row.interval[0]:.3f} to {row.interval[1]:.3f} | {row.noise_floor:.1%} |\n"
        for row in rows
    )


def main() -> int:
    """Compare the artifacts named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("artifacts", nargs="*", type=Path, default=[BUNDLE / name for name in SHIPPED])
    parser.add_argument("--rounds", type=int, default=25, help="how often all lines are timed")
    parser.add_argument("--out", type=Path, help="where to write NAME.json and NAME.md")
    arguments = parser.parse_args()
    rows = [compare(load_artifact(path), arguments.rounds) for path in arguments.artifacts]
    if arguments.out:
        document = json.dumps({"allowed": ALLOWED, "rows": [asdict(row) for row in rows]}, indent=1)
        write_atomically(arguments.out.with_suffix(".json"), document.encode() + b"\n")
        write_atomically(arguments.out.with_suffix(".md"), table(rows).encode())
    sys.stdout.write(table(rows))
    return 0 if all(abs(row.ratio - 1) <= ALLOWED for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
