"""Kills: SIGKILL at random moments; nothing half-written stays, a second run completes, and nothing is left over."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from campaign.victims import VICTIMS, Victim, prepare
from inkport.core.artifact import SIDECAR, load_artifact


COMPLETE_S = 300.0
"""Longest time of a run that is not killed, in seconds."""
ORPHAN_S = 10.0
"""How long children may outlive their parent, in seconds."""
ALLOWED = ("torchinductor_",)
"""Torch makes the folder of its compiler's cache when the compiler is imported, one per user, and leaves it empty."""
MARK = "INKPORT_CAMPAIGN_RUN"
"""Variable by which the processes of a run are found again, whoever is their parent."""


@dataclass
class Kills:
    """What came of the kills."""

    kills: int = 0
    """Runs that a kill ended."""
    early: int = 0
    """Runs that had ended before their kill."""
    by_command: dict[str, int] = field(default_factory=dict)
    """Kills by command."""
    faults: list[str] = field(default_factory=list)
    """What was wrong, a sentence each."""


def run_kills(
    count: int, *, seed: int, progress: Callable[[str], None] = lambda _: None, victims: Sequence[Victim] = VICTIMS
) -> Kills:
    """Kill ``count`` runs, the victims by turns.

    Args:
        count: How many.
        seed: Of the moments; what a process has done by then depends on the machine.
        progress: Told of each kill.
        victims: What is killed.
    """
    rng, found = np.random.default_rng([seed, 1]), Kills()
    with tempfile.TemporaryDirectory(prefix="kills-", ignore_cleanup_errors=True) as root:
        grounds = [Ground(victim, Path(root, str(index))) for index, victim in enumerate(victims)]
        for ground in grounds:
            found.faults += ground.begin()
        number = 0
        while found.kills < count and number < 2 * count:
            ground = grounds[number % len(grounds)]
            # Every other time what a whole run left is there before: it must not be lost either.
            ended_before, faults = ground.kill(float(rng.random()), fresh=number // len(grounds) % 2 == 0)
            number += 1
            found.early += ended_before
            if not ended_before:
                found.kills += 1
                name = ground.victim.name
                found.by_command[name] = found.by_command.get(name, 0) + 1
            found.faults += faults
            progress(f"{found.kills} of {count} kills, {len(found.faults)} faults, {ground.victim.name}")
    return found


class Ground:
    """Where one victim runs, with a temporary folder of its own.

    Args:
        victim: The command.
        folder: Where its files go; made here.
    """

    def __init__(self, victim: Victim, folder: Path) -> None:
        self.victim, self.folder, self.seconds = victim, folder, 0.0
        for name in ("", "tmp", "home"):
            (folder / name).mkdir()
        prepare(folder)

    def begin(self) -> list[str]:
        """Run it once as it is, to see how long it takes and what it leaves."""
        began = time.monotonic()
        faults = self._complete()
        self.seconds = time.monotonic() - began
        return [*faults, *self._left()]

    def kill(self, fraction: float, *, fresh: bool) -> tuple[bool, list[str]]:
        """Kill a run within its first nine tenths, and run it again; return whether it had ended, and what is wrong."""
        out = self.folder / "out"
        if fresh:
            shutil.rmtree(out, ignore_errors=True)
        mark = uuid.uuid4().hex
        process = self._start(mark)
        ended = True
        try:
            process.wait(timeout=0.9 * fraction * self.seconds)
        except subprocess.TimeoutExpired:
            ended = False
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        where = f"{self.victim.name}, killed after {fraction:.2f} of its time"
        faults = [*orphans(mark), *broken(out), *self._complete(), *broken(out), *self._left()]
        return ended, [f"{where}: {fault}" for fault in faults]

    def _start(self, mark: str) -> subprocess.Popen[bytes]:
        variables = os.environ | {MARK: mark, "TMPDIR": str(self.folder / "tmp"), "HOME": str(self.folder / "home")}
        command = [sys.executable, "-P", "-m", "inkport", *map(str, self.victim.arguments(self.folder))]
        log = (self.folder / "log").open("wb")
        with log:
            return subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _complete(self) -> list[str]:
        process = self._start(uuid.uuid4().hex)
        try:
            code = process.wait(timeout=COMPLETE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return [f"the next run did not end within {COMPLETE_S:g} s"]
        said = (self.folder / "log").read_text(encoding="utf-8", errors="replace")[-400:]
        return [f"the next run ended with code {code}: {said}"] if code else []

    def _left(self) -> list[str]:
        found = [*sorted((self.folder / "out").rglob(".*")), *sorted((self.folder / "tmp").iterdir())]
        return [f"left over: {path.relative_to(self.folder)}" for path in found if not path.name.startswith(ALLOWED)]


def broken(out: Path) -> list[str]:
    """Return what below a folder is not a whole file of its kind; drafts, named with a dot, are none yet."""
    return [f"{path.relative_to(out.parent)}: {fault}" for path in whole_files(out) if (fault := fault_of(path))]


def whole_files(out: Path) -> Iterator[Path]:
    """Yield the files below a folder that are no drafts."""
    for path in sorted(out.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(out).parts):
            yield path


def fault_of(path: Path) -> str:
    """Return what is wrong with a file; empty if nothing is."""
    try:
        if path.name == SIDECAR:
            load_artifact(path.parent)
        elif path.suffix == ".json":
            json.loads(path.read_bytes())
        elif path.suffix in {".zip", ".npz"}:
            with zipfile.ZipFile(path) as archive:
                return f"damaged member {bad}" if (bad := archive.testzip()) else ""
        elif path.suffix == ".safetensors":
            data = path.read_bytes()
            head = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            ends = [entry["data_offsets"][1] for name, entry in head.items() if name != "__metadata__"]
            return "" if len(data) == 8 + int.from_bytes(data[:8], "little") + max(ends) else "cut short"
        elif not path.stat().st_size and path.suffix in {".md", ".html", ".svg", ".xml"}:
            return "empty"
    except Exception as error:  # noqa: BLE001 - whatever it is, the file is not whole
        return repr(error)
    return ""


def orphans(mark: str) -> list[str]:
    """Return the processes of a run that are still there some seconds after it was killed; they are ended."""
    limit = time.monotonic() + ORPHAN_S
    while (left := list(marked(mark))) and time.monotonic() < limit:
        time.sleep(0.05)
    for pid, _ in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return [f"a child outlived it: {command}" for _, command in left]


def marked(mark: str) -> Iterator[tuple[int, str]]:
    """Yield the processes whose environment bears a mark."""
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and f"{MARK}={mark}".encode() in (folder / "environ").read_bytes():
                state = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if state != "Z":
                    yield int(folder.name), command[:200]
        except OSError:
            continue
