"""What is measured of the members, text, time in turns and memory, and whether one reads as well as the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from inkport.benchmarks.checks.verify import verify
from inkport.benchmarks.measure.equivalence import Equivalence, Verdict, judge_equivalence
from inkport.benchmarks.measure.estimate import estimate
from inkport.benchmarks.measure.units import units_of
from inkport.benchmarks.run.environment import Environment, read_environment, without_folders
from inkport.benchmarks.run.fresh import start_fresh
from inkport.benchmarks.run.latency import Speed
from inkport.benchmarks.run.progress import Progress
from inkport.benchmarks.run.record import Outcome, TargetRecord
from inkport.benchmarks.run.request import DataInfo, ReferenceInfo, Request, VerifyOptions, describe_data
from inkport.benchmarks.run.targets import session_options
from inkport.compress.recipe import MeasureRecipe
from inkport.compress.store import kept
from inkport.core.artifact import Artifact
from inkport.core.charset import normalise_text
from inkport.core.config import to_plain
from inkport.core.errors import InkportError
from inkport.core.registry import load_runtime, probe
from inkport.core.runtime import Evidence
from inkport.core.target import Target
from inkport.export.plan import build
from inkport.lines.audit import Audit
from inkport.lines.line import Line, hands
from inkport.lines.source import source_name


@dataclass(frozen=True, kw_only=True)
class Taken:
    """How a member did on one line set."""

    outcome: Outcome | None
    """Where it failed; absent if it read all lines."""
    reason: str
    """Why it failed."""
    runtime_version: str
    """Version of the runtime's SDK."""
    evidence: Evidence | None
    """What its figures prove about the device."""
    edits: tuple[int, ...]
    """Edits against the text per line; empty if it did not read."""
    flips: int
    """Lines that it reads differently from the reference."""
    speed: Speed | None
    """Its times; absent if it was not timed."""


@dataclass(frozen=True, kw_only=True)
class LineSetRun:
    """All members on one line set."""

    data: DataInfo
    """The lines."""
    reference: ReferenceInfo | None
    """What members are compared with."""
    reference_edits: tuple[int, ...]
    """Its edits per line."""
    environment: Environment
    """Where it was measured."""
    baseline: str | None
    """What speed-ups refer to."""
    noise_floor: float | None
    """Relative difference that the machine makes by itself; absent if nothing was timed."""
    members: Mapping[str, Taken]
    """By name."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One member, ready to be measured."""

    target: Target
    """Runtime, device, precision."""
    artifact: Artifact
    """What it runs."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What decides its figures."""
        target = self.target
        return {
            "name": target.name,
            "artifact": self.artifact.digest,
            "runtime": target.runtime,
            "version": probe(target.runtime).version,
            "device": target.device,
            "options": target.options,
        }


@dataclass(frozen=True, kw_only=True)
class _Memory:
    peak_mib: float | None


class Measurer:
    """Measures members against the start, and keeps what was measured from the same inputs.

    Args:
        start: What members are compared with.
        members: The members; those of the start's own weights come first, so that speed-ups refer to one of them.
        recipe: How.
        out: Folder that figures are kept in.
        exports: Folder for the reference, where it must be made.
        progress: Called with messages about the progress.
    """

    def __init__(
        self,
        start: Artifact,
        members: Sequence[Member],
        recipe: MeasureRecipe,
        *,
        out: Path,
        exports: Path,
        progress: Progress,
    ) -> None:
        self.start, self.recipe, self.out, self.exports, self.progress = start, recipe, out, exports, progress
        self.members = sorted(members, key=lambda member: member.artifact.root != start.root)

    def text(self, name: str, audit: Audit, sources: Sequence[Path], *, timed: bool) -> LineSetRun:
        """Let all members read a line set.

        Args:
            name: Name of the set: ``val`` or ``test``.
            audit: Its lines.
            sources: Where they come from.
            timed: Whether they are timed, too, all in one go.

        Raises:
            InkportError: If the reference fails.
        """
        data = describe_data(audit, [source_name(path) for path in sources])
        threads, lines = self.recipe.threads, self.recipe.latency_lines if timed else 0
        options = VerifyOptions(threads=threads, latency_lines=lines, seed=self.recipe.seed)
        inputs = {
            "start": self.start.digest,
            "members": [member.identity for member in self.members],
            "data": data.sha256,
            "options": to_plain(options),
            "machine": _machine(threads),
        }

        def whole(run: LineSetRun) -> bool:
            return all(taken.outcome in {None, Outcome.UNAVAILABLE} for taken in run.members.values())

        return kept(self.out / f"{name}.json", inputs, LineSetRun, lambda: self._read(audit, data, options), keep=whole)

    def memory(self, member: Member, audit: Audit) -> float | None:
        """Return the peak memory of a member in a process of its own, in MiB; absent where it cannot be told."""
        threads = self.recipe.threads
        widths = sorted({image.shape[3] for image in audit.inputs})
        inputs = {**member.identity, "widths": widths, "machine": _machine(threads)}

        def measure() -> _Memory:
            self.progress(f"{member.target.name}: memory in a fresh process")
            options = session_options(member.target, threads)
            try:
                fresh = start_fresh(member.artifact, member.target, options, audit.inputs, processes=1)
            except InkportError:  # it read all lines here; without its memory it is compared by the rest
                return _Memory(peak_mib=None)
            return _Memory(peak_mib=fresh.memory.peak_mib if fresh.memory else None)

        file = f"memory-{member.artifact.digest[:16]}-{member.target.runtime}.json"
        path = self.out / file
        return kept(path, inputs, _Memory, measure, keep=lambda found: found.peak_mib is not None).peak_mib

    def _read(self, audit: Audit, data: DataInfo, options: VerifyOptions) -> LineSetRun:
        report = verify(
            Request(
                model=self.start,
                targets=[member.target for member in self.members],
                audit=audit,
                sources=data.sources,
                provide=self._provider(),
                options=options,
            ),
            progress=self.progress,
        )
        return LineSetRun(
            data=report.data,
            reference=report.reference,
            reference_edits=report.per_line.edits_reference if report.per_line else (),
            environment=report.environment,
            baseline=report.baseline,
            noise_floor=report.noise.floor if report.noise else None,
            members={target.name: _taken(target) for target in report.targets},
        )

    def _provider(self) -> Callable[[Target], Artifact]:
        artifacts = {member.target.name: member.artifact for member in self.members}

        def provide(target: Target) -> Artifact:
            if target.name in artifacts:
                return artifacts[target.name]
            return build(
                self.start,
                format=load_runtime(target.runtime).formats[0],
                precision=target.precision,
                work=self.exports / self.start.digest[:16],
            )

        return provide


def _taken(target: TargetRecord) -> Taken:
    read, latency = target.parity, target.latency
    edits = tuple(edits for edits in target.line_edits or () if edits is not None)
    speed = Speed(**{f.name: getattr(latency, f.name) for f in fields(Speed)}) if latency else None
    failed = read is None or target.outcome is Outcome.RUN_FAILED
    return Taken(
        outcome=target.outcome if failed else None,
        reason=without_folders(target.reason) if failed else "",
        runtime_version=target.runtime_version,
        evidence=target.evidence,
        edits=() if failed else edits,
        flips=read.flipped_lines if read and not failed else 0,
        speed=speed,
    )


def _machine(threads: int) -> Mapping[str, Any]:
    """Return what times depend on besides the members, and does not change by the minute."""
    found = read_environment(threads=threads)
    return {"cpu": found.cpu, "cores": found.cores, "packages": found.packages, "python": found.python}


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A member beside the start on some lines; rates are micro averages."""

    lines: int
    """How many lines."""
    cer: float
    """Character error rate of the member."""
    cer_reference: float
    """That of the start."""
    delta: float
    """``cer`` minus ``cer_reference``."""
    interval: tuple[float, float] | None
    """95 % interval of ``delta`` for other such writers; absent for fewer than three."""
    equivalence: Equivalence
    """Whether ``delta`` lies within the margin, as far as these lines can tell."""


@dataclass(frozen=True, kw_only=True)
class Judged(Compared):
    """All lines, and each data set apart."""

    flips: int
    """Lines that are read differently."""
    datasets: Mapping[str, Compared]
    """By name of the data set; of seen writers apart."""


class Standing(StrEnum):
    """What a margin says about a member."""

    WITHIN = "within"
    """Proven to keep the margin."""
    BEYOND = "beyond"
    """Proven not to."""
    OPEN = "open"
    """These writers are too few to say."""


def judge_member(
    lines: Sequence[Line],
    reference: Sequence[int],
    edits: Sequence[int],
    *,
    flips: int,
    margin: float,
) -> Judged:
    """Compare a member's edits with those of the start.

    Args:
        lines: The lines, at least one.
        reference: Edits of the start per line.
        edits: Edits of the member per line.
        flips: Lines that the two read differently.
        margin: CER difference that is allowed.
    """
    rows: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        name = line.dataset + (" (seen writers)" if line.seen_writer else "")
        rows.setdefault(name, []).append(index)

    def compare(indices: Sequence[int]) -> Compared:
        part = [lines[i] for i in indices]
        old, new = [reference[i] for i in indices], [edits[i] for i in indices]
        return _compare(part, old, new, margin=margin)

    whole = compare(range(len(lines)))
    return Judged(**vars(whole), flips=flips, datasets={name: compare(indices) for name, indices in rows.items()})


def standing(found: Judged, *, own_weights: bool) -> Standing:
    """Return what a comparison says about a member.

    A port of the start's weights must read the same: better is suspicious. Weights of a member's own need only be
    no worse (non-inferiority: the upper limit alone decides). Each data set counts by itself where it proves a loss.

    Args:
        found: The comparison.
        own_weights: Whether the member has weights of its own.
    """
    faults = {Verdict.WORSE} if own_weights else {Verdict.WORSE, Verdict.BETTER}
    if any(part.equivalence.verdict in faults for part in (found, *found.datasets.values())):
        return Standing.BEYOND
    if found.equivalence.verdict is Verdict.EQUIVALENT or (own_weights and found.equivalence.non_inferior):
        return Standing.WITHIN
    return Standing.OPEN


def _compare(lines: Sequence[Line], reference: Sequence[int], edits: Sequence[int], *, margin: float) -> Compared:
    lengths = [len(normalise_text(line.text)) for line in lines]
    differences = [new - old for new, old in zip(edits, reference, strict=True)]
    symbols, found = sum(lengths), estimate(differences, lengths, units_of(hands(lines)))
    return Compared(
        lines=len(lines),
        cer=sum(edits) / symbols,
        cer_reference=sum(reference) / symbols,
        delta=found.rate,
        interval=found.interval(),
        equivalence=judge_equivalence(found, margin=margin),
    )
