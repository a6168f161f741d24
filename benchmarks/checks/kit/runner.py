"""Running a kit here: every line through a runtime or a runner, and what came out into one archive."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from inkport.benchmarks.run.environment import read_environment
from inkport.benchmarks.run.kit.archive import Values
from inkport.benchmarks.run.kit.manifest import (
    TENSORS,
    KitLine,
    KitStage,
    KitTarget,
    are_bytes,
    as_input,
    can_be_shown,
    gray_stage,
    tensor_stage,
)
from inkport.benchmarks.run.kit.open import Kit, Result, ResultWriter, RunnerInfo
from inkport.benchmarks.run.progress import Progress, silent
from inkport.core.artifact import Artifact
from inkport.core.child import TIMEOUT_S, Answer, open_child
from inkport.core.config import to_plain
from inkport.core.ctc import greedy
from inkport.core.errors import RuntimeExecutionError, UnsupportedFormatError, UsageError
from inkport.core.registry import load_runtime, open_any, probe
from inkport.core.runtime import Evidence, SessionOptions
from inkport.core.scratch import scratch
from inkport.core.self_timed import Clocked, SelfTimed
from inkport.core.spec import Decoder
from inkport.core.tensor_files import read_tensor, write_tensor
from inkport.lines.line import Line


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a reader made of one line."""

    text: str | None = None
    """What it read, if it decodes."""
    run_ns: int | None = None
    """Time of the inference in nanoseconds, by its own clock, if it has one."""
    tensors: Mapping[KitStage, Values] = field(default_factory=dict)
    """The arrays that it was asked to show."""


class Reader(Protocol):
    """Reads lines of a kit."""

    start: KitStage
    """What it is given."""
    shown: tuple[KitStage, ...]
    """What it shows."""
    info: RunnerInfo
    """What it is."""

    def read(self, line: Line, *, tensors: Collection[KitStage]) -> Output:
        """Read one line, and show these arrays."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


class RuntimeReader:
    """A runtime of inkport's, between inkport's own preparing and decoding; its text alone where it decodes itself."""

    start: KitStage = KitStage.IMAGE
    shown: tuple[KitStage, ...] = (KitStage.GRAY, KitStage.TENSOR, KitStage.LOGITS, KitStage.TEXT)

    def __init__(self, artifact: Artifact, *, runtime: str, device: str, options: SessionOptions) -> None:
        self._session = open_any(artifact, runtime=runtime, device=device, options=options)
        inner = self._session.session
        self._clock: SelfTimed = inner if isinstance(inner, SelfTimed) else Clocked(inner)
        if isinstance(self._clock, Clocked):
            self._session.session = self._clock
        self._spec = artifact.spec
        self._warm: set[tuple[int, ...]] = set()
        if self._spec.decoder is Decoder.TEXT:
            self.shown = (KitStage.TEXT,)
        availability = probe(runtime)
        self.info = RunnerInfo(
            engine=runtime,
            version=availability.version,
            device=device,
            threads=options.threads,
            evidence=availability.evidence,
        )

    def read(self, line: Line, *, tensors: Collection[KitStage]) -> Output:
        """Read one line; the first one of each size is run twice, because some runtimes compile for a width.

        Raises:
            ImageError: If the image cannot be read here.
            RuntimeExecutionError: If the runtime fails or returns something that breaks its contract.
        """
        pre = self._spec.preprocess
        gray = gray_stage(line, pre)
        tensor = tensor_stage(gray, pre)
        images = as_input(tensor, pre)
        if (size := images.shape[2:]) not in self._warm:
            self._session.run(images)
            self._warm.add(size)
        found = self._session.run(images)
        if isinstance(found, list):
            return Output(text=found[0].text, run_ns=self._clock.last_run_ns)
        values = {KitStage.GRAY: gray, KitStage.TENSOR: tensor, KitStage.LOGITS: found}
        return Output(
            text=greedy(found[0], self._spec.charset).text,
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
        session = open_child(
            command,
            artifact,
            model=model,
            device=device,
            options=options,
            label=self._label,
            timeout_s=timeout_s,
        )
        self._child, hello = session.child, session.hello
        self._preprocess = artifact.spec.preprocess
        try:
            self.start, self.shown = _abilities(hello, self._label)
            if artifact.spec.no_frames and KitStage.LOGITS in self.shown:
                raise RuntimeExecutionError(
                    f"{self._label}: shows {', '.join(self.shown)}, but {artifact.spec.no_frames}",
                    remedy="have it answer 'read', and show text alone",
                )
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
        self._reads = "start" in hello
        self._ask: Callable[[dict[str, Any], Collection[KitStage]], Output] = (
            self._ask_read if self._reads else self._ask_run
        )

    def read(self, line: Line, *, tensors: Collection[KitStage]) -> Output:
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
        if self.start is KitStage.IMAGE:
            file.write_bytes(line.image if isinstance(line.image, bytes) else line.image.read_bytes())
            return {"file": str(file)}
        values = gray_stage(line, self._preprocess)
        if self.start is KitStage.TENSOR:
            values = tensor_stage(values, self._preprocess)
            if not self._reads:
                values = as_input(values, self._preprocess)
        write_tensor(file, values)
        return {"file": str(file), "shape": list(values.shape)}

    def _ask_run(self, source: dict[str, Any], tensors: Collection[KitStage]) -> Output:
        target = self._child.folder / "output"
        target.unlink(missing_ok=True)
        answer = self._child.ask("run", input=source, output=str(target))
        logits = read_tensor(target, answer.get("shape"), label=self._label)
        return Output(run_ns=_time(answer, self._label), tensors={KitStage.LOGITS: logits} if tensors else {})

    def _ask_read(self, source: dict[str, Any], tensors: Collection[KitStage]) -> Output:
        outputs = {str(stage): self._child.folder / f"output.{stage}" for stage in tensors}
        for file in outputs.values():
            file.unlink(missing_ok=True)
        answer = self._child.ask("read", input=source, outputs={stage: str(file) for stage, file in outputs.items()})
        shapes, text = answer.get("shapes", {}), answer.get("text")
        if not isinstance(shapes, dict) or isinstance(text, str) != (KitStage.TEXT in self.shown):
            raise RuntimeExecutionError(
                f"{self._label}: answered 'read' with shapes {shapes!r} and text {text!r}; it shows "
                f"{', '.join(self.shown)}"
            )
        return Output(
            text=text,
            run_ns=_time(answer, self._label),
            tensors={
                KitStage(stage): read_tensor(
                    file,
                    shapes.get(stage),
                    label=self._label,
                    dtype="uint8" if are_bytes(KitStage(stage), self._preprocess) else "float32",
                )
                for stage, file in outputs.items()
            },
        )


def _abilities(hello: Answer, label: str) -> tuple[KitStage, tuple[KitStage, ...]]:
    """Return what a child starts from and shows; one that says neither maps prepared images to logits."""
    if "start" not in hello:
        return KitStage.TENSOR, (KitStage.LOGITS,)
    shows = hello.get("shows")
    start, shown = (
        KitStage(hello["start"]),
        tuple(KitStage(stage) for stage in shows) if isinstance(shows, list) else (),
    )
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


def run_kit(
    kit: Kit,
    out: Path,
    *,
    target: str | None = None,
    runtime: str | None = None,
    runner: Sequence[str] = (),
    device: str | None = None,
    threads: int = 1,
    timeout_s: float = TIMEOUT_S,
    progress: Progress = silent,
) -> Result:
    """Read every line of a kit, and write the result, atomically.

    Args:
        kit: An open kit.
        out: The archive to write.
        target: Name of a target; the first one that the runtime can open if None.
        runtime: Name of a registered runtime; the target's own if None and there is no ``runner``.
        runner: Program and arguments of a child that speaks docs/child-protocol.md, instead of a runtime.
        device: In the runtime's or the runner's own words; the target's if None.
        threads: Threads of the computation.
        timeout_s: How long a runner may take for one answer, in seconds.
        progress: Called with messages about the progress.

    Raises:
        UsageError: If both a runtime and a runner are named, or the kit has no such target.
        UnknownRuntimeError: If the runtime is not registered.
        UnsupportedFormatError: If the runtime opens no artifact of the kit.
        RuntimeUnavailableError: If the runtime or the runner cannot run here.
        InkportError: What else opening or running it raises.
    """
    if runtime and runner:
        raise UsageError("a kit is run by a runtime or by a runner, both were named", remedy="leave one out")
    chosen = _choose_target(kit, target, runtime)
    where = device or chosen.device
    with scratch("kit") as folder:
        artifact = kit.extract_artifact(chosen, folder)
        progress(f"{chosen.name}: opening")
        if runner:
            options = SessionOptions(threads=threads)
            reader: Reader = ChildReader(runner, artifact, device=where, options=options, timeout_s=timeout_s)
        else:
            reader = _open_runtime(chosen, artifact, runtime, where, threads)
        try:
            writer = _read_all(kit, reader, chosen.name, progress)
        finally:
            reader.close()
    return writer.write(
        out,
        kit=kit.digest,
        target=chosen.name,
        artifact=artifact.digest,
        runner=reader.info,
        start=reader.start,
        shown=reader.shown,
        environment={**to_plain(read_environment(threads=threads)), "kit_signature": to_plain(kit.signature)},
    )


def wanted_tensors(line: KitLine, shown: Sequence[KitStage]) -> tuple[KitStage, ...]:
    """Return the arrays that a result holds for a line: all that are shown where there are golden ones, else logits."""
    return tuple(stage for stage in TENSORS if stage in shown and (line.golden or stage is KitStage.LOGITS))


def _choose_target(kit: Kit, name: str | None, runtime: str | None) -> KitTarget:
    if name is not None or runtime is None:
        return kit.target(name)
    formats = load_runtime(runtime).formats
    for target in kit.manifest.targets:
        if kit.manifest.artifact_of(target).format in formats:
            return target
    held = ", ".join(sorted({artifact.format for artifact in kit.manifest.artifacts}))
    raise UnsupportedFormatError(
        f"{kit.path}: holds {held}, runtime {runtime!r} opens {', '.join(formats)}",
        remedy="make a kit with a target of that runtime",
    )


def _open_runtime(
    target: KitTarget, artifact: Artifact, runtime: str | None, device: str, threads: int
) -> RuntimeReader:
    name = runtime or target.runtime
    options = SessionOptions(threads=threads)
    if name == target.runtime:
        extra = {key: value for key, value in target.options.items() if key != "threads"}
        options = replace(options, extra=extra)
    return RuntimeReader(artifact, runtime=name, device=device, options=options)


def _read_all(kit: Kit, reader: Reader, label: str, progress: Progress) -> ResultWriter:
    writer = ResultWriter()
    for index, (entry, line) in enumerate(zip(kit.manifest.lines, kit.lines, strict=True)):
        progress(f"{label}: reading", index, len(kit.lines))
        found = reader.read(line, tensors=wanted_tensors(entry, reader.shown))
        writer.add(line.id, text=found.text, run_ns=found.run_ns, tensors=found.tensors)
    return writer
