"""Looks the packages of this environment up in the advisories of PyPI, and those of the browser's in npm's.

usage: python scripts/audit_pins.py [--pip-audit PROGRAM] [--npm PROGRAM]

pip-audit belongs in an environment of its own, because it brings packages along: `python3 -m venv .venv/audit &&
.venv/audit/bin/pip install pip-audit==2.10.1`, then `--pip-audit .venv/audit/bin/pip-audit`.

Exit code 0: all were looked up and none has a known vulnerability; 1: some have, each is named; 3: not run, or not for
all, and why. Where the advisories cannot be reached, pip-audit leaves packages out and ends with "No known
vulnerabilities found": here that is no success.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any


WEB = Path(__file__).parents[1] / "runtimes" / "web"
"""Where the packages of Node and the browser are pinned."""
OWN = "inkport"
"""The distribution that is ours."""
TIMEOUT_S = 600
"""How long one program may take."""
NAMED = 5
"""Packages that a sentence names."""


def main() -> int:
    """Look everything up, print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pip-audit", default="pip-audit", help="the program; that on PATH if left out")
    parser.add_argument("--npm", default="npm", help="the program; that on PATH if left out")
    options = parser.parse_args()
    found, missed = [], []
    for look in (audit_python(options.pip_audit), audit_node(options.npm)):
        for vulnerable, sentence in look:
            (found if vulnerable else missed).append(sentence)
    for sentence in found:
        sys.stdout.write(f"vulnerable: {sentence}\n")
    for sentence in missed:
        sys.stdout.write(f"not run: {sentence}\n")
    if not found and not missed:
        sys.stdout.write("all packages were looked up; none has a known vulnerability\n")
    return 1 if found else 3 if missed else 0


def audit_python(program: str) -> Iterator[tuple[bool, str]]:
    """Yield a sentence per vulnerable package, and one on those that were not looked up."""
    pins = sorted({f"{d.name}=={public(d.version)}" for d in distributions() if d.name and d.name != OWN})
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text("\n".join(pins) + "\n", encoding="utf-8")
        command = [program, "--requirement", str(listed), "--no-deps", "--disable-pip", "--format", "json"]
        answer = ask(command)
    if isinstance(answer, str):
        yield False, f"the {len(pins)} Python packages: {answer}"
        return
    looked_up = [package for package in answer.get("dependencies", ()) if "skip_reason" not in package]
    for package in looked_up:
        for advisory in package["vulns"]:
            fixed = ", ".join(advisory["fix_versions"]) or "no version yet"
            yield True, f"{package['name']} {package['version']}: {advisory['id']}, fixed in {fixed}"
    names = {package["name"].lower().replace("_", "-") for package in looked_up}
    missed = [pin for pin in pins if pin.partition("==")[0].lower().replace("_", "-") not in names]
    if missed:
        shown = ", ".join(missed[:NAMED]) + (", ..." if len(missed) > NAMED else "")
        yield False, f"{len(missed)} of {len(pins)} Python packages, whose advisories could not be reached: {shown}"


def audit_node(program: str) -> Iterator[tuple[bool, str]]:
    """Yield a sentence per vulnerable npm package, or one on why none was looked up."""
    answer = ask([program, "audit", "--json", "--package-lock-only", "--prefix", str(WEB)])
    if not isinstance(answer, str) and "vulnerabilities" not in answer:
        answer = str(answer.get("message") or answer.get("error") or "npm gave no answer")
    if isinstance(answer, str):
        yield False, f"the npm packages of {WEB.name}: {answer}"
        return
    for name, package in answer["vulnerabilities"].items():
        yield True, f"{name} {package['range']} (npm): {package['severity']}"


def ask(command: list[str]) -> dict[str, Any] | str:
    """Run a program and return the JSON object that it prints, whatever its exit code, or why there is none."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        found = json.loads(done.stdout)
    except OSError as error:
        return f"{command[0]} does not start ({error.strerror})"
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end within {TIMEOUT_S} s"
    except ValueError:
        return (done.stderr.strip().splitlines() or [f"{command[0]} printed no JSON"])[-1]
    return found if isinstance(found, dict) else f"{command[0]} printed no JSON object"


def public(version: str) -> str:
    """Return a version as PyPI knows it: without the local part that names a build."""
    return version.partition("+")[0]


if __name__ == "__main__":
    sys.exit(main())
