"""Leaks: thousands of reads with one session leave memory, file descriptors and threads as they were.

``python -m campaign.leaks READS FOLDER`` measures in a process of its own and prints JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from campaign.toys import line_set, onnx_artifact
from campaign.watch import environment, resident_kb


WARM = 200
"""Reads before the first measurement: pools and caches fill."""
GROWTH_KB = 8 * 1024
"""Most that memory may grow by over all reads, in KiB: 10,000 reads that lose one image each would grow by 260 MiB."""
WIDTHS = 6
"""Lines of different widths that are read in turn."""


@dataclass(frozen=True, kw_only=True)
class Leaks:
    """What many reads left behind."""

    reads: int
    """How many, after the warm-up."""
    growth_kb: int
    """How much resident memory grew, in KiB."""
    descriptors: int
    """How many more file descriptors there are."""
    threads: int
    """How many more threads there are."""

    @property
    def faults(self) -> list[str]:
        """What is wrong, a sentence each."""
        found = [f"memory grew by {self.growth_kb} KiB in {self.reads} reads"] if self.growth_kb > GROWTH_KB else []
        found += [f"{self.descriptors} file descriptors more"] if self.descriptors > 0 else []
        return found + ([f"{self.threads} threads more"] if self.threads > 0 else [])


def run_leaks(reads: int) -> Leaks:
    """Measure in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-m", "campaign.leaks", str(reads), folder]
        done = subprocess.run(command, env=environment(), capture_output=True, check=True, text=True)
    return Leaks(**json.loads(done.stdout.splitlines()[-1]))


def measure(reads: int, folder: Path) -> Leaks:
    """Read lines from files, over and over, with one session; damaged ones among them."""
    from inkport.core.errors import ImageError
    from inkport.core.image import load_gray
    from inkport.core.recogniser import Recogniser
    from inkport.core.registry import open_session

    artifact = onnx_artifact(folder / "model")
    files = []
    for index, line in enumerate(line_set(WIDTHS)):
        assert isinstance(line.image, bytes)
        files.append(folder / f"{index}.png")
        files[-1].write_bytes(line.image)
    damaged = folder / "damaged.png"
    damaged.write_bytes(files[0].read_bytes()[:90])
    with open_session(artifact, runtime="onnxruntime") as session:
        recogniser = Recogniser(artifact.spec, session)

        def name(index: int) -> Path:
            try:
                load_gray(damaged)
            except ImageError:
                return files[index % WIDTHS]
            raise AssertionError(damaged)

        for _ in recogniser.read_many(map(name, range(WARM))):
            pass
        before = _now()
        assert sum(1 for _ in recogniser.read_many(map(name, range(reads)))) == reads
        after = _now()
    growth, descriptors, threads = (b - a for a, b in zip(before, after, strict=True))
    return Leaks(reads=reads, growth_kb=growth, descriptors=descriptors, threads=threads)


def _now() -> tuple[int, int, int]:
    threads = len(list(Path("/proc/self/task").iterdir()))
    return resident_kb(os.getpid()), len(list(Path("/proc/self/fd").iterdir())), max(threads, threading.active_count())


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(measure(int(sys.argv[1]), Path(sys.argv[2])))) + "\n")
