"""Hostile runtimes: each gets the outcome that it deserves, and its neighbours in the table are what they are alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from campaign.datasets import parquet_bytes
from campaign.toys import line_set, onnx_artifact
from campaign.watch import environment


MODULE = "campaign.hostile_runtimes"
ROW = (
    '[[target]]\nname = "{name}"\nruntime = "{runtime}"\nprecision = "fp32"\nbudget = {{ cer_margin = 0.3 }}\n'
    "options = {{ {options} }}\n"
)
OPTIONS: Mapping[str, str] = {
    "Hangs": 'timeout_s = "4"',
    "OpenHangs": 'timeout_s = "4"',
    "CloseHangs": 'timeout_s = "4"',
    "FillsMemory": 'memory_mib = "1024"',
}
"""Options of the rows that need one."""
FINE = frozenset({"pass", "inconclusive"})
RUN = frozenset({"run-failed"})
LOAD = frozenset({"load-failed"})
ABSENT = frozenset({"unavailable"})

REVERSED = "ReturnsReversed"

EXPECTED: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("ProbeRaises", "ProbeExits", "ProbeReturnsNothing", "NoRuntime"), ABSENT),
    **dict.fromkeys(("ProbeLies", "OpenRaises", "OpenExits", "OpenReturnsNothing"), LOAD | RUN),
    **dict.fromkeys(("NamesNoFormats", "FormatsAreNone"), LOAD | ABSENT | {"export-failed"}),
    **dict.fromkeys(("RunRaises", "RunExits", "RunRaisesBase", "RunFillsMemory", "RunRecurses"), RUN),
    **dict.fromkeys(("RunSegfaults", "RunLeaves", "RunInterrupts", "FillsMemory", "Hangs"), RUN),
    **dict.fromkeys(("CloseRaises", "CloseExits", "CloseHangs"), RUN),
    **dict.fromkeys(("OpenSegfaults", "OpenHangs"), LOAD),
    **dict.fromkeys(("Probabilities", "FirstLineOnly", "FirstLineRepeated"), RUN),
    **dict.fromkeys(("ReturnsNone", "ReturnsList", "ReturnsDouble", "ReturnsShort", "ReturnsFlat", "ReturnsNan"), RUN),
    **dict.fromkeys(("ReturnsInfinite", "ReturnsHuge", "ReturnsObjects"), RUN),
    **dict.fromkeys(("WritesIntoInput", "WritesThroughAddress"), RUN),
    # Whether other nonsense is worse nonsense is for the verdict; that its lines flip is not.
    REVERSED: FINE | {"text-differs"},
    **dict.fromkeys(("ReturnsReadOnly", "ReturnsOneBuffer"), FINE),
    **dict.fromkeys(("Chatters", "ChangesSettings", "ChangesFolder", "ClosesStdout", "StartsThreads"), FINE),
    **dict.fromkeys(("Leaks", "Sleeps", "KeepsInput"), FINE),
}
"""Outcomes that are right, by class of ``hostile_runtimes``."""
IMPORTS = {
    "import-raises": ("hostile_raises:X", 'raise RuntimeError("no library")\n'),
    "import-exits": ("hostile_exits:X", "raise SystemExit(0)\n"),
    "import-nothing": ("hostile_nowhere:X", ""),
}
"""Adapters that do not load: the entry point's value, and the module's content; none where there is no module."""


@dataclass
class Hostile:
    """What came of them."""

    runtimes: int = 0
    """How many were tried."""
    faults: list[str] = field(default_factory=list)
    """What was wrong, a sentence each."""


def run_hostile(
    folder: Path, names: Iterable[str] = (), *, together: bool = False, progress: Callable[[str], None] = lambda _: None
) -> Hostile:
    """Verify hostile runtimes between honest ones, each in a process of its own.

    Args:
        folder: An empty folder to work in.
        names: Which ones; all by default.
        together: Whether they share one process instead.
        progress: Told of each.
    """
    prepare(folder)
    chosen = tuple(names) or (*EXPECTED, *IMPORTS)
    found = Hostile()
    for group in [chosen] if together else [(name,) for name in chosen]:
        found.runtimes += len(group)
        found.faults += verify(folder, group)
        progress(f"{found.runtimes} hostile runtimes, {len(found.faults)} faults, {group[-1]}")
    return found


def prepare(folder: Path) -> None:
    """Write the package, a model, and lines into an empty folder."""
    plugins(folder / "plugins")
    onnx_artifact(folder / "model")
    (folder / "lines.parquet").write_bytes(parquet_bytes(line_set()))


def plugins(folder: Path) -> None:
    """Write the package that registers them."""
    folder.mkdir()
    rows = [f"{name} = {MODULE}:{name}" for name in ("Honest", *EXPECTED)]
    for name, (value, content) in IMPORTS.items():
        rows.append(f"{name} = {value}")
        if content:
            (folder / f"{value.partition(':')[0]}.py").write_text(content, encoding="utf-8")
    # A name that another package has, too.
    rows.append(f"litert = {MODULE}:Honest")
    info = folder / "hostile-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[inkport.runtimes]\n" + "\n".join(rows) + "\n", encoding="utf-8")


def verify(folder: Path, group: Iterable[str]) -> list[str]:
    """Run ``inkport verify --json`` on a group between two honest rows, and return what is wrong."""
    rows = ["onnxruntime", *group, "Honest"]
    out = folder / "out"
    done = run_inkport(folder, "verify", rows, "--latency-lines", 2, "--json")
    label = ", ".join(group) if len(rows) == 3 else "together"
    try:
        report = json.loads((out / "report.json").read_bytes())
        (out / "report.json").unlink()
    except OSError:
        said = done.stderr.decode(errors="replace").strip()[-300:]
        return [f"{label}: no report; code {done.returncode}: {said}"]
    faults = [] if _is_json(done.stdout) else [f"{label}: stdout is not the JSON of --json: {done.stdout[:80]!r}"]
    if done.returncode != report["exit_code"]:
        faults.append(f"{label}: code {done.returncode}, the report says {report['exit_code']}")
    for name, row in zip(rows, report["targets"], strict=True):
        if row["outcome"] not in _right(name):
            faults.append(
                f"{name}: {row['outcome']} ({row['reason'][:150]}), expected {' or '.join(sorted(_right(name)))}"
            )
        elif name in {"onnxruntime", "Honest"} and row["parity"]["flipped_lines"]:
            faults.append(f"{label}: its neighbour {name} has {row['parity']['flipped_lines']} lines flipped")
        elif name == REVERSED and not row["parity"]["flipped_lines"]:
            faults.append(f"{name}: no line flipped")
    return faults


def run_inkport(
    folder: Path, command: str, rows: Iterable[str], *arguments: object
) -> subprocess.CompletedProcess[bytes]:
    """Run a command of inkport on the toy with these runtimes as its targets.

    Args:
        folder: What ``prepare`` has filled; the command's folder is ``out`` in it.
        command: ``verify`` or ``bench``.
        rows: Names of runtimes, one target each.
        arguments: What else the command is given.
    """
    table = folder / "targets.toml"
    wanted = [ROW.format(name=f"{n} {row}", runtime=row, options=OPTIONS.get(row, "")) for n, row in enumerate(rows)]
    table.write_text("".join(wanted), encoding="utf-8")
    variables = environment()
    variables["PYTHONPATH"] = os.pathsep.join((str(folder / "plugins"), variables["PYTHONPATH"]))
    where = ["--targets", table, "--lines", folder / "lines.parquet", "--out", folder / "out"]
    return subprocess.run(
        [sys.executable, "-P", "-m", "inkport", command, *map(str, (folder / "model", *where, *arguments))],
        env=variables,
        capture_output=True,
        check=False,
        timeout=300,
        cwd=folder,
    )


def _right(name: str) -> frozenset[str]:
    if name in {"onnxruntime", "Honest"}:
        # One of the two is what the others are compared with.
        return FINE | {"reference"}
    return ABSENT if name in IMPORTS else EXPECTED[name]


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True
