"""Measures the shape of the code: size, repeated ideas, the floors of ``benchmarks/``, and the walk of the lines.

usage: python scripts/structure.py [--walk]

Prints one JSON object. ``--walk`` also runs one ``inkport verify`` on a few sample lines under a profiler, and counts
the modules whose functions receive the line set or what holds it, and the calls into a higher floor on the way.
Needs grimp, which comes with import-linter in the group ``lint``.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import FrameType


try:
    import grimp
    import numpy as np

    from inkport.cli import app
except ModuleNotFoundError as missing:
    sys.exit(
        f"this python has no module {missing.name}: install what the script needs with "
        "`python -m pip install --editable . --group lint` (pip 25.1 or newer; grimp comes with import-linter), or use "
        "the environment that `make test` makes: `.venv/bin/python scripts/structure.py`"
    )


ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "model", "train", "export", "runtimes", "benchmarks", "quantise", "compress")
"""Folders of the package; those that no longer exist count nothing."""
NAMES = ("Request", "Row", "Stage", "TargetRun")
"""Class names that say too little when several classes share them."""
WALK_LINES = 8
"""Sample lines that the walk reads: it counts functions, not time."""
DERIVED = {"Line", "Audit", "Reading", "Transcription", "Edits", "Parity"}
"""Names of the classes that are lines, or are derived from them line by line."""
Graph = Mapping[str, set[str]]


def tracked(*patterns: str) -> list[Path]:
    """Return the files that git tracks under the package's folders and whose names match."""
    names = subprocess.run(["git", "ls-files", *FOLDERS], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607
    return [ROOT / name for name in names.splitlines() if any(Path(name).match(pattern) for pattern in patterns)]


def size() -> dict[str, object]:
    """Count files, lines, hand-written schemas, and names that occur more than once."""
    sources = {path: path.read_text(encoding="utf-8") for path in tracked("*.py")}
    trees = {path: ast.parse(text) for path, text in sources.items()}
    classes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    functions = [node.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    schemas = tracked("*.schema.json")
    return {
        "python_files": len(sources),
        "python_lines": sum(text.count("\n") for text in sources.values()),
        "schema_files": len(schemas),
        "schema_lines": sum(path.read_text(encoding="utf-8").count("\n") for path in schemas),
        "SCHEMA_constants": sum(text.count("\nSCHEMA = ") for text in sources.values()),
        "to_json": functions.count("to_json"),
        "classes_with_p50": sum(_has_field(node, "p50_ms") for node in classes),
        **{f"class_{name}": sum(node.name == name for node in classes) for name in NAMES},
        "files_run.py": sum(path.name == "run.py" for path in sources),
        "files_report.py": sum(path.name == "report.py" for path in sources),
    }


def _has_field(node: ast.ClassDef, name: str) -> bool:
    return any(isinstance(item, ast.AnnAssign) and getattr(item.target, "id", "") == name for item in node.body)


def floors(folder: str, graph: grimp.ImportGraph) -> dict[str, int]:
    """Measure how the files and folders directly in ``folder`` import one another."""
    rooms: dict[str, set[str]] = defaultdict(set)
    prefix = f"inkport.{folder}."
    for module in graph.modules:
        if module.startswith(prefix):
            room = module.removeprefix(prefix).split(".")[0]
            for other in graph.find_modules_directly_imported_by(module):
                if other.startswith(prefix) and (to := other.removeprefix(prefix).split(".")[0]) != room:
                    rooms[room].add(to)
    levels, circles = levels_of(rooms)
    back = sum(levels[to] >= levels[room] for room, tos in rooms.items() for to in tos)
    return {"layers": max(levels.values(), default=0), "arrows_inside_circles": back, "circles": circles}


def levels_of(graph: Graph) -> tuple[dict[str, int], int]:
    """Return each node's level, 1 at the bottom, nodes of one circle alike, and the number of circles."""
    nodes = set(graph) | {to for tos in graph.values() for to in tos}
    reach = {node: _reachable(graph, node) for node in nodes}
    ring = {node: frozenset({n for n in reach[node] if node in reach[n]} | {node}) for node in nodes}

    @cache
    def level(members: frozenset[str]) -> int:
        below = {ring[to] for node in members for to in graph.get(node, ()) if to not in members}
        return 1 + max(map(level, below), default=0)

    return {node: level(ring[node]) for node in nodes}, len({r for r in ring.values() if len(r) > 1})


def _reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph.get(start, ()))
    while waiting:
        if (node := waiting.pop()) not in found:
            found.add(node)
            waiting.extend(graph.get(node, ()))
    return found


class Walk:
    """A profiler that notes which functions of inkport receive the line set."""

    def __init__(self, levels: Mapping[str, int]) -> None:
        self.levels = levels
        self.modules: set[str] = set()
        self.upward: set[tuple[str, str]] = set()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Note a call; the profiler of ``sys.setprofile``."""
        if event != "call" or not (module := _module(frame)) or frame.f_code.co_name.startswith("<"):
            return
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount]
        if not any(holds_lines(frame.f_locals.get(name)) for name in names):
            return
        self.modules.add(module)
        caller = next((m for f in _callers(frame) if (m := _module(f))), None)
        if caller and self.levels.get(module, 0) > self.levels.get(caller, 0):
            self.upward.add((caller, module))


def _callers(frame: FrameType) -> Iterator[FrameType]:
    above = frame.f_back
    while above:
        yield above
        above = above.f_back


def _module(frame: FrameType) -> str:
    name = str(frame.f_globals.get("__name__", ""))
    return name if name.startswith("inkport.") and not name.startswith("inkport.commands") else ""


def holds_lines(value: object, depth: int = 2) -> bool:
    """Return whether a value is the line set, what was made of its lines or read on them, or holds one of these."""
    if type(value).__name__ in DERIVED:
        return True
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return len(value) == WALK_LINES and (type(value[0]).__name__ in DERIVED or isinstance(value[0], np.ndarray))
    if depth and is_dataclass(value) and not isinstance(value, type):
        return any(holds_lines(getattr(value, f.name, None), depth - 1) for f in fields(value))
    return False


def walk(graph: grimp.ImportGraph) -> dict[str, object]:
    """Run one small verification under the profiler."""
    levels, _ = levels_of({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})
    tracer = Walk(levels)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        rows = (ROOT / "benchmarks/samples/lines.tsv").read_text(encoding="utf-8").splitlines()[: WALK_LINES + 1]
        samples = ROOT / "benchmarks/samples"
        absolute = [rows[0], *(row.replace("\t", f"\t{samples}/", 1) for row in rows[1:])]
        (work / "lines.tsv").write_text("\n".join(absolute) + "\n", encoding="utf-8")
        (work / "t.toml").write_text('[[target]]\nname = "ort"\nruntime = "onnxruntime"\nprecision = "int8"\n')
        command = ["verify", "--lines", str(work / "lines.tsv"), "--targets", str(work / "t.toml")]
        sys.setprofile(tracer)
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                app([*command, "--latency-lines", "2", "--out", str(work / "out")], exit_on_error=False)
        except SystemExit:
            pass
        finally:
            sys.setprofile(None)
    return {
        "modules_imported_by_verify": imported_by("inkport.commands.verify"),
        "modules_that_receive_the_lines": sorted(tracer.modules - {"inkport.cli"}),
        "calls_into_a_higher_floor": sorted(map(" -> ".join, tracer.upward)),
    }


def imported_by(module: str) -> int:
    """Return how many of inkport's modules a fresh interpreter has after importing one."""
    code = f"import sys, {module}; print(sum(name.startswith('inkport') for name in sys.modules))"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--walk", action="store_true", help="also run one small verification under a profiler")
    arguments = parser.parse_args()
    graph = grimp.build_graph("inkport", exclude_type_checking_imports=True)
    found: dict[str, object] = {
        "size": size(),
        "benchmarks": floors("benchmarks", graph),
        "export": floors("export", graph),
        "train": floors("train", graph),
    }
    if arguments.walk:
        found["walk"] = walk(graph)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
