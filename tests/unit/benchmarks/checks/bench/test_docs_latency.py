"""docs/latency.md names every option and scenario, and the figures in it are the code's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inkport.benchmarks.measure.width_cost import POINTS
from inkport.benchmarks.run.loadgen import P99_QUERIES
from inkport.benchmarks.run.scenarios import BATCH, GROWTH, LINES, Scenario, StopRule
from inkport.cli import options_of


@pytest.fixture(scope="module")
def text() -> str:
    return (Path(__file__).parents[5] / "docs" / "latency.md").read_text(encoding="utf-8")


def options(*words):
    return {name.removeprefix("--") for name in options_of(*words)}


def test_options(text):
    table = "".join(re.findall(r"^\| (`--.*?) \|", text, flags=re.MULTILINE))
    assert set(re.findall(r"--([a-z-]+)", table)) == options("bench")
    usage = next(line for line in text.splitlines() if line.startswith("    inkport data widths"))
    assert set(re.findall(r"--([a-z-]+)", usage)) == options("data", "widths")


def test_scenarios(text):
    table = re.findall(r"^\| `([a-z-]+)` \| ", text.split("## Scenarios")[1].split("##")[0], flags=re.MULTILINE)
    assert table == [*map(str, Scenario)]


def test_figures(text):
    flat = " ".join(text.split())
    assert f"{LINES[Scenario.MULTI_STREAM]} lines at once" in flat
    assert f"{LINES[Scenario.OFFLINE]} lines at once" in flat
    assert f"a batch of up to {BATCH}" in flat
    assert f"looks at {StopRule.least_queries} queries first" in flat
    assert f"there are {GROWTH} times as many" in flat
    assert f"| {StopRule.most_s:g}, {StopRule.most_queries:,} |" in text
    assert f"at most {POINTS} points" in flat
    assert f"needs {P99_QUERIES} queries" in flat
