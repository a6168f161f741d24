"""Training for real, in subprocesses that are killed, on six rendered lines."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest


pytest.importorskip("torch", reason="training needs torch")

RECIPE = """
model = "convtext-tiny"
validate_every = 4
checkpoint_every = 2
[data]
train = ["{lines}"]
val = ["{val}"]
[optim]
steps = {steps}
batch = 4
optimiser = "{optimiser}"
"""
OPTIONS = """
sam = 0.05
[network]
stem = 8
channels = [16, 16, 16]
dim = 24
heads = 2
hidden = 32
depth = 1
[consistency]
[tcm]
[augment]
join = 0.5
"""


@pytest.fixture
def recipe(tmp_path, lines_folder, other_lines):
    val = tmp_path / "val"
    val.mkdir()
    for suffix in (".png", ".gt.txt"):
        (val / f"v{suffix}").write_bytes((other_lines / f"line0{suffix}").read_bytes())

    def write(steps: int, optimiser: str = "adamw", extra: str = "") -> Path:
        path = tmp_path / "recipe.toml"
        text = RECIPE.format(lines=lines_folder, val=val, steps=steps, optimiser=optimiser)
        path.write_text(text + extra, encoding="utf-8")
        return path

    return write


def command(recipe: Path, out: Path) -> list[str]:
    return ["-m", "inkport", "train", "run", str(recipe), "--out", str(out), "--threads", "1"]


def train(recipe: Path, out: Path, processes: int = 1) -> subprocess.CompletedProcess[str]:
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    whole = [sys.executable, *(torchrun if processes > 1 else []), *command(recipe, out)]
    return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=300)


def start(recipe: Path, out: Path, processes: int) -> list[subprocess.Popen[bytes]]:
    """Start what torchrun would start; its own workers outlive it when it is killed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    meeting = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [
        subprocess.Popen(
            [sys.executable, *command(recipe, out)],
            env=os.environ | meeting | {"RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for rank in range(processes)
    ]


def steps_done(checkpoint: Path) -> int:
    """Read the step in one open file: safetensors opens it twice, and a training may replace it in between."""
    with checkpoint.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return json.loads(header["__metadata__"]["inkport-checkpoint"])["step"]


def kill_after(recipe: Path, out: Path, step: int, processes: int = 1) -> None:
    workers = start(recipe, out, processes)
    checkpoint = out / "checkpoint.safetensors"
    deadline = time.monotonic() + 240
    try:
        while not (checkpoint.exists() and steps_done(checkpoint) >= step):
            assert all(worker.poll() is None for worker in workers), "training ended before it could be killed"
            assert time.monotonic() < deadline, "training made no checkpoint"
            time.sleep(0.01)
    finally:
        for worker in workers:
            worker.kill()
        codes = [worker.wait() for worker in workers]
    assert codes == [-signal.SIGKILL] * processes


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(("adamw", 1, ""), id="adamw"),
        pytest.param(("muon", 1, ""), id="muon", marks=pytest.mark.slow),
        pytest.param(("muon", 2, OPTIONS), id="two-processes-with-all-options", marks=pytest.mark.slow),
    ],
)
def test_killed_and_resumed_gives_the_weights_of_an_uninterrupted_run(recipe, tmp_path, case, read_events):
    optimiser, processes, extra = case
    path = recipe(24, optimiser, extra)
    whole = train(path, tmp_path / "whole", processes)
    assert whole.returncode == 0, whole.stderr
    kill_after(path, tmp_path / "killed", step=4, processes=processes)
    assert steps_done(tmp_path / "killed" / "checkpoint.safetensors") < 24
    resumed = train(path, tmp_path / "killed", processes)
    assert resumed.returncode == 0, resumed.stderr
    assert "continuing after step" in resumed.stderr
    for name in ("last.safetensors", "best.safetensors", "checkpoint.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes(), name
    logs = [
        [json.loads(row) for row in (tmp_path / run / "log.jsonl").read_text().splitlines()]
        for run in ("whole", "killed")
    ]
    assert [entry["val_cer"] for entry in logs[0] if "val_cer" in entry] == [
        entry["val_cer"] for entry in logs[1] if "val_cer" in entry
    ]
    assert [entry["step"] for entry in logs[0]] == [entry["step"] for entry in logs[1]]
    shown = read_events(tmp_path / "killed" / "tensorboard")
    assert [step for step, _ in shown["loss"]] == [entry["step"] for entry in logs[1] if "loss" in entry]
    assert shown["val_cer/all"] == [
        (entry["step"], pytest.approx(entry["val_cer"]["all"], abs=1e-5)) for entry in logs[1] if "val_cer" in entry
    ]


def test_a_checkpoint_of_another_recipe_is_refused_and_kept(recipe, tmp_path):
    assert train(recipe(2), tmp_path / "run").returncode == 0
    before = (tmp_path / "run" / "checkpoint.safetensors").read_bytes()
    result = train(recipe(3), tmp_path / "run")
    assert result.returncode == 2
    assert "belongs to another recipe" in result.stderr
    assert "Traceback" not in result.stderr
    assert (tmp_path / "run" / "checkpoint.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("setup", "message"),
    [
        ("empty text", "empty-text"),
        ("damaged image", "bad-image"),
        ("shared line", "1 line is in both train and val"),
    ],
)
def test_bad_lines_are_refused_with_their_ids(recipe, tmp_path, lines_folder, setup, message):
    path = recipe(2)
    bad = tmp_path / "bad"
    bad.mkdir()
    for suffix in (".png", ".gt.txt"):
        (bad / f"good{suffix}").write_bytes((lines_folder / f"line2{suffix}").read_bytes())
    (bad / "x.png").write_bytes((lines_folder / "line0.png").read_bytes()[: 90 if setup == "damaged image" else None])
    (bad / "x.gt.txt").write_text("" if setup == "empty text" else "abc", encoding="utf-8")
    if setup == "shared line":
        for suffix in (".png", ".gt.txt"):
            (bad / f"x{suffix}").write_bytes((tmp_path / "val" / f"v{suffix}").read_bytes())
    path.write_text(path.read_text().replace(str(lines_folder), str(bad)), encoding="utf-8")
    result = train(path, tmp_path / "run")
    assert result.returncode == 2
    assert message in result.stderr
    assert "x.png" in result.stderr
    assert setup != "shared line" or "v.png" in result.stderr
    assert "Traceback" not in result.stderr
