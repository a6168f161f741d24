"""The home folder: commands that run with an empty one, and without a network, leave it empty and call nobody."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import ImageFont

from campaign.kills import ALLOWED
from campaign.toys import line_set
from campaign.victims import VICTIMS, prepare


SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "left_behind.py"
"""Runs a command in a network namespace of its own; its exit code 3 says that this system gives none."""
OTHERS: Mapping[str, Callable[[Path], Sequence[object]]] = {
    "kit run": lambda at: ("kit", "run", at / "out/kit.zip", "--out", at / "out/result.zip"),
    "kit check": lambda at: ("kit", "check", at / "out/kit.zip", at / "out/result.zip"),
    "compare": lambda at: ("compare", at / "out/report.json", at / "out/report.json"),
    "diagnose operators": lambda at: (
        *("diagnose", "operators", "onnxruntime:fp32", "openvino:fp32", "--model", at / "model"),
        *("--lines", at / "val.parquet", "--out", at / "out/operators"),
    ),
    "diagnose flips": lambda at: (
        *("diagnose", "flips", at / "model", "--targets", at / "ort.toml", "--lines", at / "train.parquet"),
        *("--probes", 1, "--out", at / "out/flips"),
    ),
    "diagnose invariance": lambda at: (
        *("diagnose", "invariance", at / "model", "--targets", at / "ort.toml", "--lines", at / "val.parquet"),
        *("--out", at / "out/invariance"),
    ),
    "data frames": lambda at: ("data", "frames", at / "val.parquet"),
    "data widths": lambda at: ("data", "widths", at / "model", "--lines", at / "val.parquet"),
    "quantize apply": lambda at: (
        *("quantize", "apply", at / "model", "--calibration", at / "train.parquet", "--out", at / "out/int8"),
    ),
    "lm tune": lambda at: (
        *("lm", "tune", at / "model", "--lm", at / "out/lm.npz", "--lines", at / "val.parquet", "--beam", 2),
    ),
    "lm measure": lambda at: (
        *("lm", "measure", at / "model", "--lm", at / "out/lm.npz", "--lines", at / "train.parquet"),
        *("--out", at / "out/lm.json"),
    ),
    "train average": lambda at: (
        *("train", "average", *[at / "weights.safetensors"] * 2, "--shares", 0.5, 0.5),
        *("--out", at / "out/mean.safetensors"),
    ),
    "prune groups": lambda at: ("prune", "groups", at / "weights.safetensors"),
    "train adapt": lambda at: (
        *("train", "adapt", "--weights", at / "weights.safetensors", "--lines", at / "train.parquet"),
        *("--out", at / "out/adapted.safetensors"),
    ),
    "data synth": lambda at: (
        *("data", "synth", "--fonts", at / "fonts", "--text", at / "text.txt", "--count", 2, "--least", 2),
        *("--most", 8, "--out", at / "out/synth"),
    ),
}
"""Commands that are not killed, in an order in which each finds what those before it wrote."""
NO_NAMESPACES = 3


@dataclass
class Home:
    """What commands left behind."""

    commands: list[str] = field(default_factory=list)
    """What was run."""
    faults: list[str] = field(default_factory=list)
    """What was found, or how a command failed."""
    unavailable: str = ""
    """Why nothing could be run; empty if it could."""


def run_home(*, progress: Callable[[str], None] = lambda _: None) -> Home:
    """Run every victim of the kill campaign, ``runtimes``, ``read``, and the ``OTHERS``.

    Args:
        progress: Told of each.
    """
    found = Home()
    with tempfile.TemporaryDirectory(prefix="home-", ignore_cleanup_errors=True) as root:
        place = Path(root)
        prepare(place)
        image = line_set(1)[0].image
        assert isinstance(image, bytes)
        (place / "line.png").write_bytes(image)
        (place / "fonts").mkdir()
        (place / "fonts/plain.ttf").write_bytes(ImageFont.load_default(size=10).font_bytes)
        commands: dict[str, Sequence[object]] = {
            "runtimes": ["runtimes"],
            "read": ["read", place / "line.png", "--model", place / "model"],
        }
        commands |= {victim.name: victim.arguments(place) for victim in VICTIMS}
        commands |= {name: arguments(place) for name, arguments in OTHERS.items()}
        for name, arguments in commands.items():
            code, said = _run([sys.executable, "-P", "-m", "inkport", *map(str, arguments)])
            if code == NO_NAMESPACES:
                found.unavailable = said
                return found
            found.commands.append(name)
            found.faults += [f"{name}: {fault}" for fault in _faults(json.loads(said))]
            progress(f"{name}, {len(found.faults)} faults")
    return found


def _run(command: Sequence[str]) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--", *command], capture_output=True, text=True, check=False, timeout=600
    )
    return done.returncode, done.stderr.strip() if done.returncode == NO_NAMESPACES else done.stdout


def _faults(found: dict) -> list[str]:
    left = [name for name in (*found["home"], *found["tmp"]) if not name.startswith(ALLOWED)]
    calls = found["calls"] + found["calls_v6"]
    return [
        *([f"ended with code {found['rc']}: {found['said'][-300:]}"] if found["rc"] else []),
        *([f"left {', '.join(left[:5])}"] if left else []),
        *([f"called {calls} times"] if calls else []),
    ]
