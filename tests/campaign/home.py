"""The home folder: commands that run with an empty one, and without a network, leave it empty and call nobody."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from campaign.kills import ALLOWED
from campaign.toys import line_set
from campaign.victims import VICTIMS, prepare


SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "left_behind.py"
"""Runs a command in a network namespace of its own; its exit code 3 says that this system gives none."""
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
    """Run every victim of the kill campaign, ``runtimes`` and ``read``.

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
        commands: dict[str, Sequence[object]] = {
            "runtimes": ["runtimes"],
            "read": ["read", place / "line.png", "--model", place / "model"],
        }
        commands |= {victim.name: victim.arguments(place) for victim in VICTIMS}
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
