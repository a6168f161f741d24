"""Commands that write files, small enough to be run some hundred times: what the kill campaign kills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from campaign.datasets import parquet_bytes
from campaign.toys import TEXTS, line_set, onnx_artifact, save_toy_weights


TARGET = '[[target]]\nname = "{name}"\nruntime = "{runtime}"\nprecision = "fp32"\nbudget = {{ cer_margin = 9.0 }}\n'
RECIPE = """
model = "convtext-tiny"
validate_every = 6
checkpoint_every = 2
data = {{ train = ["train.parquet"], val = ["val.parquet"] }}
optim = {{ steps = 24, batch = 4 }}
network = {{ stem = 8, channels = [16, 16, 16], dim = 24, heads = 2, hidden = 32, depth = 1 }}
"""
COMPRESS = """
start = "model"
lines = { train = ["train.parquet"], val = ["val.parquet"] }
measure = { latency_lines = 2, memory = false }
[[stage]]
name = "half"
kind = "export"
from = "start"
format = "onnx"
precision = "fp16"
[[stage]]
name = "engine"
kind = "export"
from = "start"
format = "openvino"
precision = "fp32"
[[target]]
stage = "half"
runtime = "onnxruntime"
[[target]]
stage = "engine"
runtime = "openvino"
"""


@dataclass(frozen=True, kw_only=True)
class Victim:
    """A command that is killed."""

    name: str
    """Its name in the report."""
    arguments: Callable[[Path], Sequence[object]]
    """Its command line, for a folder that ``prepare`` has filled; whatever it writes goes below ``out``."""


def prepare(folder: Path) -> None:
    """Write what all victims read."""
    onnx_artifact(folder / "model")
    save_toy_weights(folder / "weights.safetensors")
    lines = line_set()
    (folder / "train.parquet").write_bytes(parquet_bytes(lines[:4]))
    (folder / "val.parquet").write_bytes(parquet_bytes(lines[4:]))
    rows = [TARGET.format(name=name, runtime=name) for name in ("onnxruntime", "openvino")]
    (folder / "targets.toml").write_text("".join(rows), encoding="utf-8")
    (folder / "ort.toml").write_text(rows[0], encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE.format(), encoding="utf-8")
    (folder / "compress.toml").write_text(COMPRESS, encoding="utf-8")
    (folder / "text.txt").write_text("\n".join(TEXTS * 200) + "\n", encoding="utf-8")


VICTIMS = (
    Victim(
        name="verify",
        arguments=lambda at: (
            *("verify", at / "model", "--targets", at / "targets.toml", "--lines", at / "val.parquet"),
            *("--out", at / "out", "--latency-lines", 2),
        ),
    ),
    Victim(
        name="export",
        arguments=lambda at: (
            *("export", at / "model", "--to", "onnx-fp16", "openvino-fp32", "--out", at / "out"),
        ),
    ),
    Victim(
        name="bench",
        arguments=lambda at: (
            *("bench", at / "model", "--targets", at / "ort.toml", "--lines", at / "val.parquet", "--out", at / "out"),
            *("--most-queries", 64, "--precision", 9, "--no-peaks", "--fresh", 1),
        ),
    ),
    Victim(
        name="kit make",
        arguments=lambda at: (
            *("kit", "make", at / "model", "--targets", at / "ort.toml", "--lines", at / "train.parquet"),
            *("--most-lines", 4, "--golden", 2, "--out", at / "out/kit.zip"),
        ),
    ),
    Victim(
        name="lm build",
        arguments=lambda at: (
            *("lm", "build", at / "model", "--text", at / "text.txt", "--order", 4, "--out", at / "out/lm.npz"),
        ),
    ),
    Victim(
        name="compress",
        arguments=lambda at: ("compress", at / "compress.toml", "--out", at / "out"),
    ),
    Victim(
        name="train",
        arguments=lambda at: ("train", "run", at / "recipe.toml", "--out", at / "out", "--threads", 1),
    ),
)  # fmt: skip
"""All of them; ``read`` writes no file, and what it prints a kill may cut short like any program's output."""
