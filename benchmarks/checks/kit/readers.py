"""What can run a kit: a runtime of inkport's, or a program of anybody's behind the child protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from inkport.benchmarks.run.kit.result import RunnerInfo
from inkport.benchmarks.run.kit.stages import TENSORS, Stage, can_be_shown
from inkport.benchmarks.run.kit.tensors import Array
from inkport.core.artifact import Artifact
from inkport.core.ctc import greedy
from inkport.core.errors import RuntimeExecutionError
from inkport.core.preprocess import prepare
from inkport.core.registry import open_session, probe
from inkport.core.runtime import CheckedSession, Evidence, Session, SessionOptions
from inkport.lines.line import Line
from inkport.runtimes.child import TIMEOUT_S, Answer, SelfTimed, start_child
from inkport.runtimes.tensor_files import read_tensor, write_tensor


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a reader made of one line."""

    text: str | None = None
    """What it read, if it decodes."""
    run_ns: int | None = None
    """Time of the inference in nanoseconds, by its own clock, if it has one."""
    tensors: Mapping[Stage, Array] = field(default_factory=dict)
    """The arrays that it was asked to show."""


class Reader(Protocol):
    """Reads lines of a kit."""

    start: Stage
    """What it is given."""
    shown: tuple[Stage, ...]
    """What it shows."""
    info: RunnerInfo
    """What it is."""

    def read(self, line: Line, *, tensors: Collection[Stage]) -> Output:
        """Read one line, and show these arrays."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


class _Clocked:
    """A session in this process with a clock beside it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.last_run_ns: int | None = None

    def run(self, images: Array) -> Array:
        """Run, and remember how long it took."""
        start = time.perf_counter_ns()
        logits = self._session.run(images)
        self.last_run_ns = time.perf_counter_ns() - start
        return logits

    def close(self) -> None:
        self._session.close()


class RuntimeReader:
    """A runtime of inkport's, between inkport's own preparing and decoding."""

    start: Stage = Stage.IMAGE
    shown: tuple[Stage, ...] = (Stage.GRAY, Stage.TENSOR, Stage.LOGITS, Stage.TEXT)

    def __init__(self, artifact: Artifact, *, runtime: str, device: str, options: SessionOptions) -> None:
        availability = probe(runtime)
        self._session: CheckedSession = open_session(artifact, runtime=runtime, device=device, options=options)
        inner = self._session.session
        self._clock: SelfTimed = inner if isinstance(inner, SelfTimed) else _Clocked(inner)
        if isinstance(self._clock, _Clocked):
            self._session.session = self._clock
        self._spec = artifact.spec
        self._warm: set[int] = set()
        self.info = RunnerInfo(
            engine=runtime,
            version=availability.version,
            device=device,
            threads=options.threads,
            evidence=availability.evidence,
        )

    def read(self, line: Line, *, tensors: Collection[Stage]) -> Output:
        """Read one line; the first one of each width is run twice, because some runtimes compile for a width.

        Raises:
            ImageError: If the image cannot be read here.
            RuntimeExecutionError: If the runtime fails or returns something that breaks its contract.
        """
        gray = line.gray()
        tensor = prepare(gray, self._spec.preprocess)
        if (width := tensor.shape[3]) not in self._warm:
            self._session.run(tensor)
            self._warm.add(width)
        logits = self._session.run(tensor)
        values = {Stage.GRAY: gray, Stage.TENSOR: tensor, Stage.LOGITS: logits}
        return Output(
            text=greedy(logits[0], self._spec.charset).text,
            run_ns=self._clock.last_run_ns,
            tensors={stage: values[stage] for stage in TENSORS if stage in tensors},
        )

    def close(self) -> None:
        """Close the session."""
        self._session.close()


class ChildReader:
    """A program that speaks the child protocol; what it starts from and shows is what it says in its greeting.

    Raises:
        RuntimeUnavailableError: If it does not start, or says so.
        RuntimeExecutionError: If it breaks the protocol.
        InkportError: What else it answers.
    """

    def __init__(
        self,
        command: Sequence[str],
        artifact: Artifact,
        *,
        device: str,
        options: SessionOptions,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._label = Path(command[0]).name
        model = artifact.path / next(iter(artifact.files)) if len(artifact.files) == 1 else artifact.path
        self._child, hello = start_child(
            command,
            artifact,
            model=model,
            device=device,
            options=options,
            label=self._label,
            timeout_s=timeout_s,
        )
        self._preprocess = artifact.spec.preprocess
        try:
            self.start, self.shown = _abilities(hello, self._label)
            self.info = RunnerInfo(
                engine=str(hello.get("engine", self._label)),
                version=str(hello.get("version", "")),
                device=device,
                threads=options.threads,
                evidence=Evidence(hello.get("evidence", Evidence.MEASURED)),
            )
        except ValueError as error:
            self._child.close()
            raise RuntimeExecutionError(f"{self._label}: greets with {error}") from error
        except BaseException:
            self._child.close()
            raise
        self._ask: Callable[[dict[str, Any], Collection[Stage]], Output] = (
            self._ask_read if "start" in hello else self._ask_run
        )

    def read(self, line: Line, *, tensors: Collection[Stage]) -> Output:
        """Read one line.

        Raises:
            RuntimeExecutionError: If the program fails or breaks the protocol.
        """
        return self._ask(self._input(line), [stage for stage in self.shown if stage in tensors])

    def close(self) -> None:
        """End the program."""
        self._child.close()

    def _input(self, line: Line) -> dict[str, Any]:
        file = self._child.folder / "input"
        if not self._child.alive:
            raise RuntimeExecutionError(f"{self._label}: the child process has ended")
        if self.start is Stage.IMAGE:
            file.write_bytes(line.image if isinstance(line.image, bytes) else line.image.read_bytes())
            return {"file": str(file)}
        values = line.gray() if self.start is Stage.GRAY else prepare(line.gray(), self._preprocess)
        write_tensor(file, values)
        return {"file": str(file), "shape": list(values.shape)}

    def _ask_run(self, source: dict[str, Any], tensors: Collection[Stage]) -> Output:
        target = self._child.folder / "output"
        target.unlink(missing_ok=True)
        answer = self._child.ask("run", input=source, output=str(target))
        logits = read_tensor(target, answer.get("shape"), label=self._label)
        return Output(run_ns=_time(answer, self._label), tensors={Stage.LOGITS: logits} if tensors else {})

    def _ask_read(self, source: dict[str, Any], tensors: Collection[Stage]) -> Output:
        outputs = {str(stage): self._child.folder / f"output.{stage}" for stage in tensors}
        for file in outputs.values():
            file.unlink(missing_ok=True)
        answer = self._child.ask("read", input=source, outputs={stage: str(file) for stage, file in outputs.items()})
        shapes, text = answer.get("shapes", {}), answer.get("text")
        if not isinstance(shapes, dict) or isinstance(text, str) != (Stage.TEXT in self.shown):
            raise RuntimeExecutionError(
                f"{self._label}: answered 'read' with shapes {shapes!r} and text {text!r}; it shows "
                f"{', '.join(self.shown)}"
            )
        return Output(
            text=text,
            run_ns=_time(answer, self._label),
            tensors={
                Stage(stage): read_tensor(file, shapes.get(stage), label=self._label) for stage, file in outputs.items()
            },
        )


def _abilities(hello: Answer, label: str) -> tuple[Stage, tuple[Stage, ...]]:
    """Return what a child starts from and shows; one that says neither maps prepared images to logits."""
    if "start" not in hello:
        return Stage.TENSOR, (Stage.LOGITS,)
    shows = hello.get("shows")
    start, shown = Stage(hello["start"]), tuple(Stage(stage) for stage in shows) if isinstance(shows, list) else ()
    if not can_be_shown(start, shown):
        raise RuntimeExecutionError(
            f"{label}: says that it starts from {start} and shows {shows!r}, which is not an order of stages"
        )
    return start, shown


def _time(answer: Answer, label: str) -> int | None:
    elapsed = answer.get("run_ns")
    if elapsed is not None and (type(elapsed) is not int or elapsed < 0):
        raise RuntimeExecutionError(f"{label}: answered with run_ns {elapsed!r}, expected a number of nanoseconds")
    return elapsed
