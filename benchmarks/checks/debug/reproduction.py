"""A divergence as a folder: the operator alone, what went in, what was to come out, and a script that runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import numpy as np

from inkport.benchmarks.checks.debug.judge import Fault, Finding
from inkport.core.children import run_tied
from inkport.core.files import new_directory
from inkport.core.runtime import Traced
from inkport.core.telemetry import MODULES, VARIABLES


TIMEOUT_S = 300
"""Longest that a reproduction may take, in seconds; importing an engine on a busy machine is most of it."""

SCRIPT = '''\
"""Runs one operator alone and prints how far it is off. Exit code: 1 while it is, 0 when it is not any more."""

import os
import sys
from pathlib import Path

import numpy as np

# Engines report to their makers when they are imported, unless they are told not to before.
os.environ.update({variables!r})
sys.modules.update(dict.fromkeys({modules!r}))


{run}

def main():
    folder = Path(__file__).resolve().parent
    with np.load(folder / "inputs.npz") as file:
        inputs = dict(file)
    with np.load(folder / "expected.npz") as file:
        expected, allowed, by_rms = file["expected"], file["allowed"], bool(file["by_rms"])
    try:
        found = np.asarray(run(folder, inputs))
    except Exception as error:
        print(f"it does not run: {{error}}")
        return 1
    if found.ndim == 2 and found.shape == expected.shape[::-1] != expected.shape:
        found = found.T
    if found.shape != expected.shape:
        print(f"shape {{found.shape}}, expected {{expected.shape}}")
        return 1
    difference = np.abs(found.astype(np.float64) - expected)
    rms = np.sqrt(np.mean(difference**2)) if difference.size else 0.0
    ratio = np.max((rms if by_rms else difference) / np.maximum(allowed, 1e-300), initial=0)
    largest = difference.max(initial=0)
    print(f"largest difference {{largest:.6g}}, rms {{rms:.6g}}: {{ratio:.4g}} times what precision explains")
    return int(not ratio <= 1)


if __name__ == "__main__":
    sys.exit(main())
'''

README = """\
{kind} {operator}, as {side} computes it ({value})

model    cut out of {side}; reproduce.py shows how it is run
inputs.npz     what {side} put into it, by name
expected.npz   what these inputs give: the operator of the graph, in float64; "allowed" is what precision explains,
               of each number or, where "by_rms" is true, of their root mean square

    python reproduce.py

prints the difference and ends with 1 while there is one.
"""


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """A divergence on disk."""

    folder: Path
    """Where it is."""
    shows: bool
    """Whether its script showed the difference."""


def write_reproduction(finding: Finding, session: Traced, folder: Path) -> Reproduction:
    """Write a divergence into a folder of its own and run it. A kill leaves the whole folder or none.

    Where the operator alone is right, the quantizers before it are put in too: engines compute both as one.

    Args:
        finding: The divergence.
        session: The session of its target, whose last trace it is from.
        folder: Where the folder goes; it is named after the tensor.
    """
    path = folder / (re.sub(r"[^A-Za-z0-9_.-]+", "-", finding.tensor).strip("-.") or "operator")
    larger = tuple(dict.fromkeys(finding.side.before_quantisers(name) for name in finding.inputs))
    for inputs in dict.fromkeys((finding.inputs, larger)):
        _write(finding, session, path, inputs)
        if _shows(path):
            return Reproduction(folder=path, shows=True)
    return Reproduction(folder=path, shows=False)


def _write(finding: Finding, session: Traced, path: Path, inputs: tuple[str, ...]) -> None:
    values = {item.name: np.asarray(item.value) for item in finding.side.trace}
    with new_directory(path) as draft:
        value = finding.tensor if finding.fault is Fault.FAILED else finding.value
        run = session.isolate(value, inputs, draft)
        np.savez(draft / "inputs.npz", **{name: values[name] for name in inputs})  # type: ignore[arg-type]
        by_rms = finding.fault is Fault.QUANTISER
        np.savez(draft / "expected.npz", expected=finding.expected, allowed=finding.bounds, by_rms=np.bool_(by_rms))
        (draft / "reproduce.py").write_text(_script(run), encoding="utf-8")
        text = README.format(
            kind=finding.operator.kind, operator=finding.operator.name, side=finding.side.label, value=value
        )
        (draft / "README.txt").write_text(text, encoding="utf-8")


def _script(run: str) -> str:
    return SCRIPT.format(run=dedent(run), variables=dict(VARIABLES), modules=MODULES)


def _shows(path: Path) -> bool:
    """Run the script as a user would; an engine that hangs on it does not show the difference."""
    try:
        run = run_tied([sys.executable, str(path / "reproduce.py")], timeout_s=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return False
    # An error of the script itself also ends with 1, but prints nothing.
    return run.returncode == 1 and bool(run.stdout)
