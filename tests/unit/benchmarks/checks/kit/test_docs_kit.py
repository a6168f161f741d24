"""docs/kit.md names every field, option, state and limit, as they are."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from inkport.benchmarks.checks.kit.make import KitOptions
from inkport.benchmarks.run.kit import archive, manifest, open as opening
from inkport.benchmarks.run.kit.judge import State
from inkport.benchmarks.run.kit.manifest import KitStage
from inkport.cli import options_of
from inkport.core.runtime import Evidence


@pytest.fixture(scope="module")
def text():
    return (Path(__file__).parents[5] / "docs" / "kit.md").read_text(encoding="utf-8")


def section(text, heading):
    return text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize(
    ("heading", "classes"),
    [
        (
            "What is in a kit",
            ["Manifest", "KitArtifact", "KitTarget", "KitLine", "GoldenFiles", "Tolerances", "FileInfo"],
        ),
        ("What is in a result", ["ResultDocument", "LineResult", "RunnerInfo"]),
    ],
)
def test_every_field_is_named(text, heading, classes):
    part = section(text, heading)
    for name in classes:
        cls = getattr(manifest, name, None) or getattr(opening, name)
        for field in dataclasses.fields(cls):
            assert re.search(rf"`{field.name}(\[\])?`", part), f"{name}.{field.name}"
    assert f"| `schema` | {manifest.FORMAT_VERSION} |" in part


def test_every_option_is_named_with_its_default(text):
    for heading, name in (("Make", "make"), ("Run", "run")):
        part = section(text, heading)
        for option in options_of("kit", name):
            assert f"`{option}`" in part, option
    assert f"| {KitOptions.lines} |" in section(text, "Make")
    assert f"| {KitOptions.golden} |" in section(text, "Make")


def test_stages_states_and_evidence(text):
    part = section(text, "Check")
    assert (
        re.findall(r"^\| `(gray|tensor|logits|text)` \|", part, re.MULTILINE) == [str(stage) for stage in KitStage][1:]
    )
    assert set(re.findall(r"^\| `([a-z ]+)` \| ", part, re.MULTILINE)) >= set(map(str, State))
    for evidence in Evidence:
        assert f"`{evidence}`" in section(text, "What is in a result")


def test_limits(text):
    assert f"{archive.MEMBERS:,} members" in text
    assert f"{archive.TOTAL_BYTES >> 30} GiB" in text
