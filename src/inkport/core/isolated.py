"""Runtimes that are not inkport's: each session runs in a process of its own, whatever it does to that.

The child is ``inkport.runtimes.host``; it and its parent talk as docs/child-protocol.md says.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

import numpy.typing as npt

from inkport.core.artifact import Artifact
from inkport.core.child import PROTOCOL, Child, ChildSession, open_child
from inkport.core.config import parse_config, to_plain
from inkport.core.errors import InkportError, RecipeError, RuntimeExecutionError, RuntimeUnavailableError
from inkport.core.limits import Limits, Process
from inkport.core.loading import load_adapter
from inkport.core.runtime import AnySession, Availability, Placement, SessionOptions


HOST = "inkport.runtimes.host"
"""Module of the child."""
DESCRIBE_S = 60.0
"""How long a plug-in may take to load and to say what it is: SDKs take up to half a minute on small boards."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Variables that limit the threads of what computes behind numpy; read once, when the library is loaded."""


@dataclass(frozen=True, kw_only=True)
class _Greeting:
    """What a plug-in says of itself."""

    name: str
    formats: tuple[str, ...]
    availability: Availability


_greetings: dict[tuple[str, ...], _Greeting | RuntimeUnavailableError] = {}


class IsolatedSession(ChildSession):
    """A plug-in's session in a child."""

    def close(self) -> None:
        """End the child; calling it twice is fine.

        Raises:
            InkportError: If the session does not close as it should; the child is ended all the same.
        """
        if (error := self.child.close()) is not None:
            raise error

    def keep_warm(self) -> None:
        """Have the child run the line before again from now on, before it runs and times the next one.

        Handing a line over takes the network's weights out of the processor's caches, where they stay between two runs
        in one process: 3 to 4 % of a run of 3 ms (``scripts/isolated_times.py``).
        """
        self.run_fields["warm"] = True

    def count_threads(self, images: npt.NDArray[Any], *, runs: int) -> int:
        """Return how many threads compute while the session runs; 0 where the system does not tell.

        Args:
            images: What the session takes, such as prepared images float32 (n, 1, h, w), enough of it to be shared
                among threads.
            runs: How many runs are watched.
        """
        answer = self.child.ask("threads", input=self.lay_down(images), runs=runs)
        return int(answer["threads"])


class PlacedSession(IsolatedSession):
    """One that can tell where its operators run."""

    def placement(self) -> Placement:
        """Return where the operators ran, in the engine's words.

        Raises:
            RuntimeExecutionError: If the child fails.
        """
        answer = self.child.ask("placement")
        try:
            return parse_config(Placement, answer.get("placement"), where="placement")
        except RecipeError as error:
            raise RuntimeExecutionError(f"{self.child.label}: {error.message}") from error


class IsolatedRuntime:
    """A runtime whose adapter is loaded and run in child processes only.

    Args:
        point: Where its adapter is.

    Raises:
        RuntimeUnavailableError: If the adapter does not load, or ends or blocks the process that loads it.
    """

    def __init__(self, point: EntryPoint) -> None:
        self.point = point
        self._greeting = _greeting(point)
        self.name, self.formats = self._greeting.name, self._greeting.formats

    def probe(self) -> Availability:
        """Return what the adapter said when it was loaded; it is asked once, however often it is loaded."""
        return self._greeting.availability

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> AnySession:
        """Open an artifact in a child, or in this process where the option ``process`` says so.

        Raises:
            RuntimeExecutionError: If the child ends, hangs, or breaks the protocol.
            UsageError: If a limit is not possible.
            InkportError: What else the adapter raises.
        """
        limits, own = Limits.take(options)
        if limits.process is Process.INKPORT:
            return load_adapter(self.point).open(artifact, device=device, options=own)
        session = open_child(
            _command(self.point, limits),
            artifact,
            model=artifact.path,
            device=device,
            options=own,
            label=f"{self.point.name} on {device}",
            timeout_s=limits.timeout_s,
            environment=dict.fromkeys(THREAD_VARIABLES, str(options.threads)),
        )
        kind = PlacedSession if session.opened.get("places") is True else IsolatedSession
        return kind(session.child, session.hello, session.opened)


def _command(point: EntryPoint, limits: Limits) -> list[str]:
    """Return the command of a child that loads this adapter from where this process would."""
    task = {"name": point.name, "adapter": point.value, "path": sys.path, "limits": to_plain(limits)}
    return [sys.executable, "-P", "-m", HOST, json.dumps(task)]


def _greeting(point: EntryPoint) -> _Greeting:
    """Return how a plug-in's child greets; asked once per process, because each answer takes a new child."""
    key = (point.name, point.value, *sys.path)
    if key not in _greetings:
        try:
            _greetings[key] = _ask(point)
        except RuntimeUnavailableError as error:
            _greetings[key] = error
    found = _greetings[key]
    if isinstance(found, RuntimeUnavailableError):
        # Raised afresh: one that is raised over and over gathers the tracebacks of all.
        again = RuntimeUnavailableError(found.message, remedy=found.remedy)
        for note in getattr(found, "__notes__", ()):
            again.add_note(note)
        raise again
    return found


def _ask(point: EntryPoint) -> _Greeting:
    label = f"runtime {point.name!r}"
    child = Child(_command(point, Limits()), label=label, timeout_s=DESCRIBE_S)
    try:
        answer = child.ask("hello", protocol=PROTOCOL)
        told = {name: answer.get(name) for name in ("name", "formats", "availability")}
        return parse_config(_Greeting, told, where="what it says of itself")
    except RuntimeUnavailableError as error:
        # The adapter's own words, which name the runtime.
        error.message = error.message.removeprefix(f"{label}: ")
        raise
    except InkportError as error:
        raise RuntimeUnavailableError(
            f"{error.message} while it loaded {point.value}", remedy="fix or uninstall the package that registers it"
        ) from error
    finally:
        child.close()
