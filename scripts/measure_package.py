"""Measures what a stranger gets: the wheel, the installation, the time to a text and to a proof, and the command line.

    python scripts/measure_package.py [--commit HEAD] [--before COMMIT] [--out docs/results/package]

Clones a commit of this repository, builds its wheel, installs that with ONNX Runtime alone into an environment of its
own, and reads and verifies in an empty folder; then runs `make demo` in the clone, if it has one without torch. Times
are CPU seconds of the processes and their children, so that other work on the machine counts little; what pip has in
its cache is not downloaded again. Without --before, the figures before are those that the report has. Exit code 1 if a
limit is exceeded or nothing was proven. Packages come from the index that pip uses.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command_line import BEFORE

from inkport.core.files import write_atomically


ROOT = Path(__file__).parents[1]
LINE = "benchmarks/samples/rendered-en-000000.png"
SIZE, SECONDS = "{:.1f} MB", "{:.1f} s"
WHAT: dict[str, tuple[str, str, float | None]] = {
    "wheel_mb": ("wheel", SIZE, 16),
    "installed_mb": ("installed with ONNX Runtime, the environment included", SIZE, None),
    "first_text_s": ("from the wheel to the first text, CPU", SECONDS, 30),
    "parity_table_s": ("from the wheel to a parity table without torch, CPU", SECONDS, 180),
    "verify_exit_code": ("exit code of `inkport verify`", "{}", 0),
    "proven": ("targets that it proved", "{}", None),
    "demo_installed_mb": ("installed by `make demo`", SIZE, 600),
    "demo_s": ("`make demo` when all is installed, CPU", SECONDS, 60),
    "commands": ("commands", "{}", None),
    "groups": ("their groups", "{}", None),
    "taken": ("options, counted for each command", "{}", None),
    "visible": ("options that helps show", "{}", 320),
}
"""Each figure: what it is, how it is printed, and the most that it may be."""


@dataclass(frozen=True)
class Run:
    """A process that has ended."""

    code: int
    out: str
    err: str
    cpu_s: float
    """CPU time of the process and its children, in seconds."""


def run(*command: str | Path, cwd: Path, check: bool = True) -> Run:
    """Run a command without what this environment adds to the paths of Python.

    Raises:
        SystemExit: If it fails, unless ``check`` is False.
    """
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if check and done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(done.returncode, done.stdout, done.stderr, spent)


def megabytes(path: Path) -> float:
    """Return the size of a file, or of what a folder holds, in MB of 1,000,000 bytes."""
    files = [path] if path.is_file() else [found for found in path.rglob("*") if not found.is_symlink()]
    return sum(found.stat().st_size for found in files if found.is_file()) / 1e6


def measure(commit: str, folder: Path) -> dict[str, Any]:
    """Return the figures of a commit; what it does not have is left out."""
    clone, empty = folder / "clone", folder / "empty"
    empty.mkdir(parents=True)
    run("git", "clone", "--quiet", "--no-checkout", ROOT, clone, cwd=folder)
    run("git", "checkout", "--quiet", "--detach", commit, cwd=clone)
    # The interpreter that environments are made of: one made by a virtual environment is found in that.
    python = str(Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}"))
    run(python, "-m", "venv", folder / "venv", cwd=folder)
    programs = folder / "venv" / "bin"
    run(programs / "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, clone, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    install = run(programs / "pip", "install", "--quiet", f"{wheel}[ort]", cwd=folder)
    installed = megabytes(folder / "venv")
    read = run(programs / "inkport", "read", clone / LINE, cwd=empty)
    verify = run(programs / "inkport", "verify", "--out", "out", cwd=empty, check=False)
    figures = {
        "commit": run("git", "rev-parse", "HEAD", cwd=clone).out.strip(),
        "wheel_mb": megabytes(wheel),
        "installed_mb": installed,
        "text": read.out.strip(),
        "first_text_s": install.cpu_s + read.cpu_s,
        "verify_exit_code": verify.code,
    }
    if verify.code:
        figures["verify_says"] = verify.err.replace(str(folder), "").strip()
    else:
        report = json.loads((empty / "out" / "report.json").read_text(encoding="utf-8"))
        figures["proven"] = sum(target["outcome"] == "pass" for target in report["targets"])
        figures["parity_table_s"] = install.cpu_s + verify.cpu_s
    return figures | command_line(clone, programs / "python") | demo(clone, python)


def command_line(clone: Path, python: Path) -> dict[str, Any]:
    """Return the counts of the command line; of a commit that cannot count it, those that were written down then."""
    script = clone / "scripts" / "command_line.py"
    return json.loads(run(python, script, cwd=clone).out) if script.is_file() else dict(BEFORE)


def demo(clone: Path, python: str) -> dict[str, Any]:
    """Return what `make demo` takes, the second time; nothing where it would install torch."""
    if "demo-all" not in (clone / "Makefile").read_text(encoding="utf-8"):
        return {}
    run("make", "demo", f"PYTHON={python}", cwd=clone)
    again = run("make", "demo", f"PYTHON={python}", cwd=clone)
    return {"demo_installed_mb": megabytes(clone / ".venv"), "demo_s": again.cpu_s}


def table(report: dict[str, Any]) -> str:
    """Return the report as a Markdown table."""
    rows = ["| what | before | now | at most |\n| --- | --: | --: | --: |\n"]
    for key, (what, form, most) in WHAT.items():
        cells = [form.format(figures[key]) if key in figures else "-" for figures in (report["before"], report["now"])]
        limit = "" if most is None else form.format(most)
        rows.append(f"| {' | '.join((what, *cells, limit))} |\n")
    return "".join(rows)


def page(report: dict[str, Any]) -> str:
    """Return the Markdown that lies beside the report."""
    before, now = report["before"], report["now"]
    return (
        "# What a stranger gets\n\n"
        f"`scripts/measure_package.py`; it says how. Before: commit {before['commit'][:7]}, now: {now['commit'][:7]}; "
        f"{now['python']} on {now['machine']}.\n\n{table(report)}\n"
        f"Before, `inkport verify` of the installed wheel said:\n\n```text\n{before['verify_says']}\n```\n"
    )


def main() -> int:
    """Measure, and write the report where one is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--commit", default="HEAD", help="what is measured")
    parser.add_argument("--before", help="the commit that it is compared with")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/results/package", help="NAME of NAME.json and NAME.md")
    arguments = parser.parse_args()
    path = arguments.out.with_suffix(".json")
    machine = {"python": f"Python {platform.python_version()}", "machine": f"{platform.system()} {platform.machine()}"}
    with tempfile.TemporaryDirectory() as folder:
        if arguments.before:
            before = measure(arguments.before, Path(folder, "before")) | machine
        else:
            before = json.loads(path.read_text(encoding="utf-8"))["before"]
        report = {"before": before, "now": measure(arguments.commit, Path(folder, "now")) | machine}
    write_atomically(path, json.dumps(report, indent=1).encode() + b"\n")
    write_atomically(arguments.out.with_suffix(".md"), page(report).encode())
    sys.stdout.write(table(report))
    now = report["now"]
    limits = {key: most for key, (_, _, most) in WHAT.items() if most is not None}
    return int(not now.get("proven") or any(now.get(key, math.inf) > most for key, most in limits.items()))


if __name__ == "__main__":
    sys.exit(main())
