"""Runs the fuzzed process: notices when it dies, stands still or fills the memory, and goes on after that input."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


TICK_S = 0.25
PARENT = Path(__file__).resolve().parents[1]
"""What must be on the path for ``campaign`` to be imported."""
Plan = Sequence[tuple[str, int, int]]
"""Kind, first number, how many."""


@dataclass
class Tally:
    """What came of inputs."""

    accepted: Counter[str] = field(default_factory=Counter)
    """Inputs that were read, by kind."""
    refused: Counter[str] = field(default_factory=Counter)
    """Inputs that were refused by an ``InkportError``, by kind."""
    faults: list[dict] = field(default_factory=list)
    """All others: kind, index and what happened; ``where`` tells one fault from another."""
    peak_kb: int = 0
    """Largest resident size of a fuzzed process, in KiB."""
    peak_at: str = ""
    """The input after which it was seen."""
    slowest_s: float = 0.0
    """Longest time between two events, in seconds."""
    slowest_at: str = ""
    """The input that took it."""

    @property
    def inputs(self) -> int:
        """How many inputs were tried."""
        return self.accepted.total() + self.refused.total() + len(self.faults)

    def add(self, other: Tally) -> None:
        """Take in what another process found."""
        self.accepted += other.accepted
        self.refused += other.refused
        self.faults += other.faults
        if other.peak_kb > self.peak_kb:
            self.peak_kb, self.peak_at = other.peak_kb, other.peak_at
        if other.slowest_s > self.slowest_s:
            self.slowest_s, self.slowest_at = other.slowest_s, other.slowest_at


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a single input may take."""

    hang_s: float
    """Longest time, in seconds."""
    kill_kb: int = 1536 * 1024
    """Resident size at which the process is ended, in KiB; above what is judged, so that the excess shows."""


class Watch:
    """Works through inputs in child processes.

    Args:
        seeds: Folder of the whole files.
        out: Where inputs that failed are kept.
        seed: Of the campaign.
        limits: What an input may take.
        progress: Told a sentence now and then.
    """

    def __init__(
        self, seeds: Path, out: Path, *, seed: int, limits: Limits, progress: Callable[[str], None] = lambda _: None
    ) -> None:
        self.seeds, self.out, self.seed, self.limits, self.progress = seeds, out, seed, limits, progress

    def run(self, plan: Plan) -> Tally:
        """Work through ``plan``; an input that ends its process is counted, and the next process goes on after it."""
        tally, rest = Tally(), list(plan)
        while rest:
            last = self._process(rest, tally)
            rest = [] if last is None else after(rest, *last)
        return tally

    def _process(self, plan: Plan, tally: Tally) -> tuple[str, int] | None:
        """Run one process; return the input in which it ended, or None if it came to its end."""
        with tempfile.TemporaryDirectory(prefix="campaign-", ignore_cleanup_errors=True) as work:
            reading, writing = os.pipe()
            request = {"plan": list(plan), "seed": self.seed, "seeds": str(self.seeds), "work": work}
            request |= {"out": str(self.out), "events": writing}
            command = [sys.executable, "-P", "-m", "campaign.worker", json.dumps(request)]
            with Path(work, "log").open("wb") as log:
                process = subprocess.Popen(
                    command,
                    env=environment(),
                    pass_fds=[writing],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            os.close(writing)
            try:
                return self._follow(process, reading, tally, Path(work))
            finally:
                os.close(reading)
                if process.poll() is None:
                    os.killpg(process.pid, 9)
                process.wait()

    def _follow(self, process: subprocess.Popen, reading: int, tally: Tally, work: Path) -> tuple[str, int] | None:
        current: tuple[str, int] | None = None
        buffer, since = b"", time.monotonic()
        while True:
            if select.select([reading], [], [], TICK_S)[0]:
                data = os.read(reading, 1 << 16)
                if not data:
                    break
                *rows, buffer = (buffer + data).split(b"\n")
                for row in rows:
                    now = time.monotonic()
                    current = self._event(row.decode(), tally, now - since)
                    since = now
            # Imports before the first input may take as long as they like.
            elif current and (ended := self._exceeded(process.pid, time.monotonic() - since)):
                return self._ended(process, current, ended, tally, work)
        code = process.wait()
        if code == 0 and current is None:
            return None
        if current is None:
            raise RuntimeError(Path(work, "log").read_text(encoding="utf-8", errors="replace")[-3000:])
        return self._ended(process, current, f"died with code {code}", tally, work)

    def _event(self, row: str, tally: Tally, elapsed: float) -> tuple[str, int] | None:
        event, kind, index, *more = row.split(" ", 4)
        if event == "B":
            return kind, int(index)
        name = f"{kind} {index}"
        if elapsed > tally.slowest_s:
            tally.slowest_s, tally.slowest_at = elapsed, name
        if int(more[0]) > tally.peak_kb:
            tally.peak_kb, tally.peak_at = int(more[0]), name
        if event == "F":
            tally.faults.append({"kind": kind, "index": int(index), **json.loads(more[1])})
        else:
            (tally.accepted if event == "E" else tally.refused)[kind] += 1
        if tally.inputs % 1000 == 0:
            self.progress(f"{tally.inputs} inputs, {len(tally.faults)} faults, at {name}")
        return None

    def _exceeded(self, pid: int, elapsed: float) -> str:
        if elapsed > self.limits.hang_s:
            return f"took longer than {self.limits.hang_s:g} s"
        size = resident_kb(pid)
        return f"grew to {size >> 10} MiB" if size > self.limits.kill_kb else ""

    def _ended(
        self, process: subprocess.Popen, current: tuple[str, int], why: str, tally: Tally, work: Path
    ) -> tuple[str, int]:
        kind, index = current
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait()
        name = f"{kind}-{index}"
        if (work / name).is_dir():
            shutil.copytree(work / name, self.out / name, symlinks=True, dirs_exist_ok=True, ignore=_pipes)
        where = f"{kind}: {why if 'grew' not in why else 'grew too large'}"
        tally.faults.append({"kind": kind, "index": index, "error": why, "message": "", "where": where, "line": ""})
        self.progress(f"{name}: {why}")
        return current


def environment() -> dict[str, str]:
    """Return the variables of a process that imports these modules: this folder's parent is on its path."""
    paths = [str(PARENT), *filter(None, [os.environ.get("PYTHONPATH")])]
    # One thread each: several run at once, and small arrays gain nothing.
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


def _pipes(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if Path(folder, name).is_fifo()]


def after(plan: Plan, kind: str, index: int) -> list[tuple[str, int, int]]:
    """Return what is left of ``plan`` after one of its inputs."""
    place = next(n for n, (name, first, count) in enumerate(plan) if name == kind and first <= index < first + count)
    _, first, count = plan[place]
    left = first + count - index - 1
    return [*([(kind, index + 1, left)] if left else []), *plan[place + 1 :]]


def resident_kb(pid: int) -> int:
    """Return the resident size of a process in KiB; 0 where it is gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE") >> 10
