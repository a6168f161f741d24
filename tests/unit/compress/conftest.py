"""Recipes on the toy, and members with figures of our choice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from inkport.benchmarks.measure.equivalence import Equivalence, Verdict
from inkport.compress.lines import LineIndex, LineSets
from inkport.compress.measure import Judged, Speed, Standing
from inkport.compress.members import MemberReport
from inkport.compress.stage import Context


RECIPE = """
start = "start.safetensors"
[lines]
train = ["train"]
val = ["val"]
[[stage]]
name = "onnx"
kind = "export"
from = "start"
format = "onnx"
precision = "fp32"
[[stage]]
name = "ov"
kind = "export"
from = "onnx"
format = "openvino"
precision = "fp32"
[[target]]
stage = "ov"
runtime = "openvino"
"""


@pytest.fixture
def write(tmp_path):
    """Write the recipe above with changes; returns its path."""

    def recipe(*changes: tuple[str, str]) -> Path:
        text = RECIPE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "recipe.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return recipe


@pytest.fixture
def line_set(tmp_path):
    """Make a folder of lines with these ids; an image shows the bytes of its id."""

    def make(name: str, *ids: str, text: str = "abc") -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for line in ids:
            Image.frombytes("L", (len(line), 1), line.encode()).save(folder / f"{line}.png")
            (folder / f"{line}.gt.txt").write_text(text, encoding="utf-8")
        return folder

    return make


@pytest.fixture
def context(tmp_path, line_set):
    """One training line and one to choose by."""
    lines = LineSets(train=(line_set("train", "t"),), val=(line_set("val", "v"),))
    said: list[str] = []
    made = Context(base=tmp_path, lines=lines, index=LineIndex(), exports=tmp_path / "exports", say=said.append)
    object.__setattr__(made, "said", said)
    return made


SPEED = Speed(
    p50_ms=1.0,
    p50_interval_ms=(None, None),
    p90_ms=2.0,
    p99_ms=3.0,
    n=3,
    speed_up=None,
    speed_up_interval=None,
    difference=None,
)


@pytest.fixture
def member():
    """Make a member with a time, a standing and a verdict of our choice."""

    def make(name, time_ms, standing=Standing.WITHIN, *, further=None, verdict=Verdict.EQUIVALENT, own=False):
        found = Equivalence(
            verdict=verdict,
            margin=0.003,
            largest_writer_loss=0.05,
            interval=(-0.001, 0.001),
            non_inferior=False,
            further_writers=further,
        )
        rates = {"cer": 0.1, "cer_reference": 0.1, "delta": 0.0, "interval": (-0.001, 0.001)}
        judged = Judged(lines=9, **rates, equivalence=found, flips=0, datasets={})
        return MemberReport(
            name=name,
            stage="s",
            runtime="onnxruntime",
            runtime_version="1",
            device="cpu",
            options={},
            precision=None,
            artifact=None,
            lineage=(),
            own_weights=own,
            failure=None,
            reason="",
            val=judged,
            test=None,
            standing=standing,
            standing_test=None,
            speed=None if time_ms is None else replace(SPEED, p50_ms=time_ms),
            peak_memory_mib=None,
            pareto=False,
            dominated_by=(),
        )

    return make
