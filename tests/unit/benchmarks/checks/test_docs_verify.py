"""docs/verify.md names every outcome, option, budget and promised field."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

from inkport.benchmarks.measure import RESAMPLES
from inkport.benchmarks.measure.equivalence import Verdict
from inkport.benchmarks.report.rows import NOT_RUN
from inkport.benchmarks.run.latency import BLOCK
from inkport.benchmarks.run.record import Outcome
from inkport.benchmarks.run.request import VerifyOptions
from inkport.cli import options_of
from inkport.commands._device import DeviceOptions
from inkport.core.runtime import Evidence
from inkport.core.target import Budget, load_targets


@pytest.fixture(scope="module")
def text() -> str:
    return (Path(__file__).parents[4] / "docs" / "verify.md").read_text(encoding="utf-8")


def test_outcomes(text):
    table = re.findall(r"^\| `([a-z-]+)` \|", text.split("## Outcomes")[1].split("##")[0], flags=re.MULTILINE)
    assert [*table[-1:], *table[:-1]] == [str(outcome) for outcome in Outcome]


def test_evidence(text):
    table = re.findall(r"^\| `([a-z ]+)` \|", text.split("## What a row proves")[1].split("##")[0], flags=re.MULTILINE)
    assert table == [*map(str, Evidence), NOT_RUN]


def test_verdicts(text):
    table = re.findall(r"^\| `([A-Z]+)` \|", text.split("## Verdicts")[1].split("##")[0], flags=re.MULTILINE)
    assert table == [*map(str, Verdict)]


def test_options(text):
    table = set(re.findall(r"^\| `(--[a-z-]+)` \|", text, flags=re.MULTILINE))
    # Those of other machines have a page of their own.
    elsewhere = {f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(DeviceOptions)}
    assert table == set(options_of("verify")) - elsewhere


def test_budgets(text):
    table = set(re.findall(r"^\| `(\w+)` \|", text.split("## Targets")[1].split("##")[0], flags=re.MULTILINE))
    assert table == {field.name for field in dataclasses.fields(Budget)}


def test_example_is_a_targets_file(text, tmp_path):
    example = inspect.cleandoc(text.split("## Targets")[1].split("| budget")[0])
    (tmp_path / "targets.toml").write_text(example, encoding="utf-8")
    (target,) = load_targets(tmp_path / "targets.toml")
    assert (target.name, target.budget.flipped_lines, target.budget.p90_ms) == ("phone int8", 20, 40.0)
    assert (target.lines, target.required, target.options) == (500, False, {"threads": "2"})


def test_figures(text):
    assert f"{RESAMPLES:,} times" in text
    assert f"every {BLOCK} lines" in text
    assert f"| {VerifyOptions().latency_lines} |" in text
