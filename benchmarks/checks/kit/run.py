"""Running a kit here: every line through a runtime or a runner, and what came out into one archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from inkport.benchmarks.checks.kit.readers import ChildReader, Reader, RuntimeReader
from inkport.benchmarks.run.environment import read_environment
from inkport.benchmarks.run.kit.manifest import KitLine, KitTarget
from inkport.benchmarks.run.kit.open import Kit
from inkport.benchmarks.run.kit.result import Result, ResultWriter
from inkport.benchmarks.run.kit.stages import TENSORS, Stage
from inkport.benchmarks.run.progress import Progress, silent
from inkport.core.artifact import Artifact
from inkport.core.config import to_plain
from inkport.core.errors import UnsupportedFormatError, UsageError
from inkport.core.registry import load_runtime
from inkport.core.runtime import SessionOptions
from inkport.core.scratch import scratch
from inkport.runtimes.child import TIMEOUT_S


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


def wanted_tensors(line: KitLine, shown: Sequence[Stage]) -> tuple[Stage, ...]:
    """Return the arrays that a result holds for a line: all that are shown where there are golden ones, else logits."""
    return tuple(stage for stage in TENSORS if stage in shown and (line.golden or stage is Stage.LOGITS))


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
