"""A target in a process of its own: how long it takes to be ready, what new widths cost, how much memory it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from inkport.benchmarks.run.machine.fresh_child import ChildTask, Ready
from inkport.benchmarks.run.timing import Image
from inkport.core.artifact import Artifact
from inkport.core.children import run_tied
from inkport.core.config import parse_config, to_plain
from inkport.core.errors import RuntimeExecutionError
from inkport.core.runtime import SessionOptions
from inkport.core.scratch import scratch
from inkport.core.target import Target


WIDTHS = 8
"""Most widths whose first call is timed, at equal distances in the order of the lines' widths."""
TIMEOUT_S = 600
"""How long one process may take."""


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """A target in fresh processes; times are medians over them."""

    processes: int
    """How many were started, one after the other."""
    import_ms: float
    """Importing the adapter and its SDK; the files may be in the disk cache."""
    open_ms: float
    """Opening the session."""
    first_run_ms: float
    """The first run, on a line of middling width."""
    first_calls: tuple[FirstCall, ...]
    """The first call at each further width, by width."""
    memory: Memory | None
    """Memory; absent where the system does not tell."""


@dataclass(frozen=True, kw_only=True)
class FirstCall:
    """The first call at a width against later ones."""

    width_px: int
    """The width."""
    first_ms: float
    """Time of the first call."""
    later_ms: float
    """Median time of the next calls."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Resident memory of the process and those that it has started, in MiB, at most so far."""

    imported_mib: float
    """Once the SDK is imported: what is there before any model."""
    opened_mib: float
    """Once the session is open."""
    peak_mib: float
    """In the end: all widths have been run, the widest among them."""


def start_fresh(
    artifact: Artifact, target: Target, options: SessionOptions, inputs: Sequence[Image], *, processes: int
) -> Fresh:
    """Run a target in fresh processes.

    Nothing of an earlier target, and nothing that an SDK keeps for a whole process, is there already.

    Args:
        artifact: What it runs.
        target: Its runtime and device.
        options: As for any session.
        inputs: Prepared lines; one of middling width is the first run, others follow in random order.
        processes: How many times, at least 1.

    Raises:
        RuntimeExecutionError: If a process fails or takes longer than ten minutes.
    """
    images = _choose(inputs)
    found = [_run(artifact, target, options, images, seed=number) for number in range(processes)]
    memories = [child.memory_mib for child in found if child.memory_mib]
    return Fresh(
        processes=processes,
        import_ms=median(child.import_ms for child in found),
        open_ms=median(child.open_ms for child in found),
        first_run_ms=median(child.first_run_ms for child in found),
        first_calls=tuple(
            FirstCall(
                width_px=width,
                first_ms=median(child.first_ms[str(width)] for child in found),
                later_ms=median(child.later_ms[str(width)] for child in found),
            )
            for width in sorted(image.shape[3] for image in images[1:])
        ),
        memory=Memory(**{f"{at}_mib": max(memory[at] for memory in memories) for at in memories[0]})
        if memories
        else None,
    )


def _choose(inputs: Sequence[Image]) -> list[Image]:
    """Return a line of middling width, and others of different widths, the widest among them."""
    by_width = {image.shape[3]: image for image in inputs}
    ordered = sorted(image.shape[3] for image in inputs)
    middle = ordered[len(ordered) // 2]
    places = np.linspace(0, len(ordered) - 1, WIDTHS + 1).round().astype(int)
    others = dict.fromkeys(ordered[place] for place in places[::-1])
    return [by_width[middle], *(by_width[width] for width in others if width != middle)][: WIDTHS + 1]


def _run(artifact: Artifact, target: Target, options: SessionOptions, images: Sequence[Image], *, seed: int) -> Ready:
    with scratch("fresh") as folder:
        order = [0, *(1 + np.random.default_rng(seed).permutation(len(images) - 1))]
        for place, index in enumerate(order):
            np.save(folder / f"{place:03}.npy", images[index])
        request = ChildTask(
            artifact=artifact.path.resolve(),
            runtime=target.runtime,
            device=target.device,
            threads=options.threads,
            extra=options.extra,
        )
        (folder / "request.json").write_text(json.dumps(to_plain(request)), encoding="utf-8")
        command = [sys.executable, "-m", "inkport.benchmarks.run.machine.fresh_child", str(folder)]
        try:
            done = run_tied(command, timeout_s=TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise RuntimeExecutionError(f"{target.name}: a fresh process took longer than {TIMEOUT_S} s") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise RuntimeExecutionError(f"{target.name}: a fresh process ended with code {done.returncode}: {last}")
        answer = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
        return parse_config(Ready, answer, where="answer.json")
