"""A runner of actions, as small as ours is, and programs that stand in for those that a step calls."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml


ROOT = Path(__file__).parents[3]
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")
RECORD = """#!/usr/bin/env bash
printf '%s\\0' "$(basename "$0")" "$@" >>"$CALLS"; printf '\\n' >>"$CALLS"
"""
INKPORT = """
out=''; for word in "$@"; do [ "$previous" != --out ] || out=$word; previous=$word; done
mkdir -p "$out"
case $1 in
verify)
    [ "${FAKE_REPORT:-yes}" = no ] && exit 3
    printf '%s\\n\\n' '# inkport verify' '**well**' '## Targets' '| a | pass |' '## Reasons' long >"$out/report.md"
    echo '{}' >"$out/report.json" ;;
compare) printf '%s\\n\\n' '# inkport compare' '## Targets' '| a | slower |' '## More' long >"$out/compare.md" ;;
esac
code=FAKE_$1; exit "${!code:-0}"
"""
GH = """
[[ " $* " == *" --paginate "* ]] && printf '%s' "${FAKE_OLD:-}"
exit "${FAKE_gh:-0}"
"""


@pytest.fixture(scope="session")
def action():
    return yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


@pytest.fixture
def programs(tmp_path):
    """A folder of stand-ins for python, inkport and gh, each of which records its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, rest in (("python", ""), ("inkport", INKPORT), ("gh", GH)):
        (folder / name).write_text(RECORD + rest)
        (folder / name).chmod(0o755)
    return folder


class Run:
    """What came of the steps of an action."""

    def __init__(self, folder):
        self.folder, self.codes, self.output, self.used = folder, {}, "", []

    @property
    def calls(self):
        """Programs that were called, with their arguments."""
        path = self.folder / "calls"
        rows = path.read_text().split("\0\n") if path.exists() else []
        return [row.split("\0") for row in rows if row]

    @property
    def summary(self):
        path = self.folder / "summary.md"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def run_action(action, programs, tmp_path):
    """Returns what runs all steps in order, as the service does, in an empty folder."""

    def run(inputs=None, path=programs, **environment):
        given = {name: each["default"] for name, each in action["inputs"].items()} | (inputs or {})
        context = {f"inputs.{name}": value for name, value in given.items()}
        context |= {"github.action_path": str(ROOT), "github.token": "secret"}

        def value_of(text):
            return EXPRESSION.sub(lambda match: context[match[1]], EXPRESSION.sub(lambda m: context[m[1]], str(text)))

        ran = Run(tmp_path)
        base = {
            "PATH": f"{path}{os.pathsep}{os.environ['PATH']}",
            "CALLS": str(tmp_path / "calls"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
            "GITHUB_REPOSITORY": "ada/lines",
            "GITHUB_REF": "refs/pull/7/merge",
            **environment,
        }
        for step in action["runs"]["steps"]:
            if any(ran.codes.values()) and step.get("if") != "${{ !cancelled() }}":
                continue
            if "uses" in step:
                ran.used.append((step["uses"], {key: value_of(text) for key, text in step["with"].items()}))
                continue
            own = {key: value_of(text) for key, text in step.get("env", {}).items()}
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            done = subprocess.run(
                shell, cwd=tmp_path, env={**base, **own}, capture_output=True, text=True, check=False, timeout=300
            )
            ran.codes[step["name"]] = done.returncode
            ran.output += done.stdout + done.stderr
        return ran

    return run


@pytest.fixture(scope="session")
def scripts():
    """The scripts of the steps, by name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "ci").glob("*.sh"))}


@pytest.fixture
def baseline(tmp_path):
    (tmp_path / "baseline.json").write_text(json.dumps({}))
    return "baseline.json"
