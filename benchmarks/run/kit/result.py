"""Results: what a runner made of a kit, in one archive with its own digests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inkport.benchmarks.run.kit.archive import open_archive, write_archive
from inkport.benchmarks.run.kit.manifest import MANIFEST_BYTES, FileInfo, parse_document
from inkport.benchmarks.run.kit.open import read_listed
from inkport.benchmarks.run.kit.stages import TENSORS, Stage, can_be_shown
from inkport.benchmarks.run.kit.tensors import Array, from_npy, to_npy
from inkport.core.config import parse_config, to_plain
from inkport.core.errors import ArtifactCorruptError, InkportError
from inkport.core.runtime import Evidence


SCHEMA = 1
"""Version of ``result.json``; another one is refused."""
RESULT = "result.json"
"""Name of the document in the archive."""


@dataclass(frozen=True, kw_only=True)
class RunnerInfo:
    """What ran the kit, in its own words."""

    engine: str
    """Name of the engine."""
    version: str = ""
    """Its version."""
    device: str = ""
    """Where it computed."""
    threads: int | None = None
    """Threads that it computed with; absent if it does not tell."""
    evidence: Evidence = Evidence.MEASURED
    """What the run proves about the device."""


@dataclass(frozen=True, kw_only=True)
class LineResult:
    """What became of one line."""

    id: str
    """The line's id."""
    text: str | None = None
    """What the runner read; absent if it leaves the decoding to others."""
    run_ns: int | None = None
    """Time of the inference in nanoseconds, by the runner's own clock; absent if it has none."""
    tensors: Mapping[str, str] = field(default_factory=dict)
    """Members with the arrays that the runner shows (``.npy``), by stage."""


@dataclass(frozen=True, kw_only=True)
class ResultDocument:
    """The content of ``result.json``."""

    kit: str
    """Digest of the kit."""
    target: str
    """Name of the target that was run."""
    artifact: str
    """Digest of the artifact that was run, as in the kit."""
    runner: RunnerInfo
    """What ran it."""
    start: Stage
    """The stage whose golden values the runner was given."""
    shown: tuple[Stage, ...]
    """The stages that it computed and shows, in order."""
    lines: tuple[LineResult, ...]
    """One entry per line of the kit, in its order."""
    files: Mapping[str, FileInfo]
    """Every other member of the archive."""
    environment: Mapping[str, Any] = field(default_factory=dict)
    """Where it ran, as far as the runner tells."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """A result whose own digests have been checked; whether it fits a kit is for ``check_kit``."""

    path: Path
    """The archive."""
    document: ResultDocument
    """What it says."""
    members: Mapping[str, bytes]
    """Content by name."""

    def tensor(self, line: LineResult, stage: Stage) -> Array | None:
        """Return what the runner shows of a stage, or None.

        Raises:
            ArtifactCorruptError: If the member is not a tensor file.
        """
        name = line.tensors.get(stage)
        return None if name is None else from_npy(self.members[name], name=f"{self.path}: {name}")


class ResultWriter:
    """Collects what a runner shows, line by line, and writes it in one step."""

    def __init__(self) -> None:
        self._members: dict[str, bytes] = {}
        self._lines: list[LineResult] = []

    def add(self, id: str, *, text: str | None, run_ns: int | None, tensors: Mapping[Stage, Array]) -> None:  # noqa: A002
        """Add a line.

        Args:
            id: Its id.
            text: What was read, if anything was.
            run_ns: Time of the inference, if known.
            tensors: Arrays to show, by stage.
        """
        names = {str(stage): f"tensors/{len(self._lines):04d}.{stage}.npy" for stage in tensors}
        self._members |= {names[stage]: to_npy(array) for stage, array in tensors.items()}
        self._lines.append(LineResult(id=id, text=text, run_ns=run_ns, tensors=names))

    def write(self, path: Path, **fields: Any) -> Result:
        """Write the archive, atomically.

        Args:
            path: The file.
            fields: The other fields of ``ResultDocument``.
        """
        files = {name: FileInfo.of(data) for name, data in self._members.items()}
        document = ResultDocument(lines=tuple(self._lines), files=files, **fields)
        text = json.dumps({"schema": SCHEMA, **to_plain(document)}, ensure_ascii=False, indent=1, allow_nan=False)
        members = {RESULT: f"{text}\n".encode(), **self._members}
        write_archive(path, members)
        return Result(path=path, document=document, members=members)


def open_result(path: Path) -> Result:
    """Open a result and check its own digests.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it is damaged, was changed, or says what cannot be.
    """
    with open_archive(path, what="result") as archive:
        if RESULT not in archive.sizes:
            raise ArtifactCorruptError(f"{path}: no {RESULT} in it, so no result", remedy="pass what a runner wrote")
        head = archive.read(RESULT, most=MANIFEST_BYTES)
        data = parse_document(head, where=f"{path}: {RESULT}", schema=SCHEMA)
        try:
            document = parse_config(ResultDocument, data, where=RESULT)
        except InkportError as error:
            raise ArtifactCorruptError(f"{path}: {error.message}", remedy="docs/kit.md says what it holds") from error
        members = {RESULT: head, **read_listed(archive, document.files, but=(RESULT,))}
    if fault := _fault(document):
        raise ArtifactCorruptError(f"{path}: {RESULT}: {fault}", remedy="docs/kit.md says what it holds")
    return Result(path=path, document=document, members=members)


def _fault(document: ResultDocument) -> str | None:
    """Return what does not fit together."""
    start, shown = document.start, document.shown
    if not can_be_shown(start, shown):
        return f"starts from {start} and shows {', '.join(shown) or 'nothing'}, which no runner can"
    for line in document.lines:
        if unknown := sorted(set(line.tensors) - (set(shown) & set(TENSORS))):
            return f"line {line.id!r} has a tensor of {unknown[0]!r}, which the runner does not show"
        if lost := [name for name in line.tensors.values() if name not in document.files]:
            return f"{lost[0]} is named, but no file of the result"
        if (line.text is None) == (Stage.TEXT in shown):
            return f"line {line.id!r} has {'no' if line.text is None else 'a'} text, against what the runner shows"
        if Stage.LOGITS in shown and Stage.LOGITS not in line.tensors:
            return f"line {line.id!r} has no logits, which the runner shows"
    return None
