"""The workflow in docs/ci.md is one, and the command line takes what it passes; docs/compare.md names every option."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from inkport.benchmarks.checks.compare.judge import ORDER, Tolerance
from inkport.cli import app, options_of


DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def steps():
    text = (DOCS / "ci.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```yaml\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    workflow = yaml.safe_load(block)
    # YAML 1.1 takes the key `on` for true.
    assert workflow[True] == ["pull_request"]
    return workflow["jobs"]["port"]["steps"]


def commands(steps):
    words = [shlex.split(step["run"]) for step in steps if "run" in step]
    return [line for line in words if line[0] == "inkport"]


def test_the_command_line_takes_the_workflows_commands(steps):
    found = commands(steps)
    assert [line[1] for line in found] == ["verify", "compare"]
    for line in found:
        function, bound, *_ = app.parse_args(line[1:], exit_on_error=False)
        assert function.__name__ == line[1]
        assert bound.arguments


def test_what_one_step_writes_the_next_one_reads(steps):
    verify, compare_ = commands(steps)
    out = verify[verify.index("--out") + 1]
    assert compare_[3] == f"{out}/report.json"
    assert Path(compare_[compare_.index("--junit") + 1]).match(steps[-1]["with"]["report_paths"])
    assert Path(compare_[3]).match(steps[-2]["with"]["path"])


def test_a_failure_keeps_its_report(steps):
    after = steps[[step.get("name") for step in steps].index("Verify") + 1 :]
    assert all(step["if"] == "${{ !cancelled() }}" for step in after)


def test_every_option_of_compare_is_documented():
    text = (DOCS / "compare.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(--[a-z-]+)` \|", text, flags=re.MULTILINE)) == set(options_of("compare"))
    assert f"| {Tolerance().max_slower} |" in text
    assert ", ".join(f"`{outcome}`" for outcome in ORDER) in text
