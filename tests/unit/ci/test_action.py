"""The action is well formed, and lets nobody put code into a step. It cannot be run here as the service runs it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[3]
NAME = re.compile(r"[a-z][a-z-]*")
PINNED = re.compile(r"[\w.-]+/[\w.-]+@(v\d+(\.\d+)*|[0-9a-f]{40})")
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")


def steps(action):
    return action["runs"]["steps"]


def test_the_action_has_what_an_action_has(action):
    assert set(action) == {"name", "description", "inputs", "runs"}
    # The marketplace's limit.
    assert len(action["description"]) <= 125
    assert set(action["runs"]) == {"using", "steps"}
    assert action["runs"]["using"] == "composite"
    for name, given in action["inputs"].items():
        assert NAME.fullmatch(name)
        assert set(given) == {"description", "default"}
        assert given["description"].endswith(".")
        assert isinstance(given["default"], str), f"{name}: what is no text becomes one in an unforeseen way"


def test_every_step_is_a_script_or_a_pinned_action(action):
    for step in steps(action):
        if "uses" in step:
            assert set(step) <= {"name", "if", "uses", "with"}
            assert PINNED.fullmatch(step["uses"])
        else:
            assert set(step) <= {"name", "if", "shell", "env", "run"}
            assert step["shell"] == "bash"


def test_no_input_is_pasted_into_a_script(action):
    assert [step["name"] for step in steps(action) if "${{" in step.get("run", "")] == []


def test_every_input_is_used_and_every_expression_is_known(action):
    # The default of the token is an expression, too.
    places = [
        *(str(given["default"]) for given in action["inputs"].values()),
        *(value for step in steps(action) for value in (*step.get("env", {}).values(), *step.get("with", {}).values())),
    ]
    found = {expression for place in places for expression in EXPRESSION.findall(str(place))}
    assert found == {f"inputs.{name}" for name in action["inputs"]} | {"github.action_path", "github.token"}


def test_after_verify_every_step_runs_whatever_came_before(action):
    names = [step["name"] for step in steps(action)]
    after = steps(action)[names.index("Verify") + 1 :]
    assert len(after) == 3
    assert all(step["if"] == "${{ !cancelled() }}" for step in after)


def test_a_step_hands_its_script_the_variables_that_it_reads(action, scripts):
    ran = set()
    for step in steps(action):
        if match := re.search(r"ci/(\w+\.sh)", step.get("run", "")):
            reads = set(re.findall(r"\bINKPORT_[A-Z_]+", scripts[match[1]]))
            assert reads == {name for name in step["env"] if name.startswith("INKPORT_")}, step["name"]
            ran.add(match[1])
    assert ran | {"prove.sh"} == set(scripts)


def shellcheck():
    beside = Path(sys.executable).parent / "shellcheck"
    return str(beside) if beside.is_file() else shutil.which("shellcheck")


def test_shellcheck_finds_nothing(action, scripts, tmp_path):
    if not (program := shellcheck()):
        pytest.skip("shellcheck is not installed")
    inline = []
    for index, step in enumerate(step for step in steps(action) if "run" in step):
        inline.append(tmp_path / f"{index}.sh")
        given = "".join(f': "${{{name}:=}}"\n' for name in step["env"])
        inline[-1].write_text(f"#!/usr/bin/env bash\n{given}{step['run']}\n")
    files = [*inline, *(ROOT / "ci" / name for name in scripts)]
    done = subprocess.run(
        [program, "--severity=style", *map(str, files)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_shellcheck_would_find_something(tmp_path):
    if not (program := shellcheck()):
        pytest.skip("shellcheck is not installed")
    (tmp_path / "wrong.sh").write_text("#!/usr/bin/env bash\nrm $1/x\n")
    assert subprocess.run([program, tmp_path / "wrong.sh"], capture_output=True, check=False, timeout=60).returncode


def test_every_script_is_one_and_stops_at_its_first_error(scripts):
    for name, text in scripts.items():
        assert text.startswith("#!/usr/bin/env bash\n# "), name
        assert re.search(r"^set -e?uo pipefail$", text, re.MULTILINE), name
        assert (ROOT / "ci" / name).stat().st_mode & 0o111, f"{name} is not executable"
        assert subprocess.run(["bash", "-n", ROOT / "ci" / name], check=False, timeout=30).returncode == 0
