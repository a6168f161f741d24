"""Opening a kit or its result: manifest first, then names and sizes, then every digest, before anything is used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from inkport.benchmarks.run.kit.archive import (
    BYTES,
    FLOATS,
    Archive,
    Values,
    from_npy,
    open_archive,
    to_npy,
    write_archive,
)
from inkport.benchmarks.run.kit.manifest import (
    MANIFEST,
    MANIFEST_BYTES,
    PUBLIC_KEY,
    SIGNATURE,
    TENSORS,
    UNLISTED,
    FileInfo,
    KitLine,
    KitStage,
    KitTarget,
    Manifest,
    are_bytes,
    can_be_shown,
    parse_document,
    parse_manifest,
)
from inkport.benchmarks.run.kit.signature import KEY_BYTES, KitSignature, check_signature
from inkport.benchmarks.run.telling import TELLING
from inkport.core.artifact import Artifact, load_artifact
from inkport.core.config import parse_config, to_plain
from inkport.core.errors import ArtifactCorruptError, InkportError, SpecError, UsageError
from inkport.core.runtime import Evidence
from inkport.core.spec import RecogniserSpec
from inkport.lines.line import Line


FORMAT = "inkport's documentation (docs/kit.md) says what it holds"
"""What is said where an archive is not what it should be."""


@dataclass(frozen=True, kw_only=True)
class Kit:
    """A kit whose digests have been checked."""

    path: Path
    """The archive."""
    manifest: Manifest
    """What it holds."""
    members: Mapping[str, bytes]
    """Content by name, manifest included."""
    spec: RecogniserSpec
    """The recogniser."""
    signature: KitSignature
    """Who signed it, as far as that is known."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the manifest, which holds the digest of every other member: the kit's identity."""
        return hashlib.sha256(self.members[MANIFEST]).hexdigest()

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The lines, as a line set yields them."""
        return tuple(
            Line(
                id=line.id,
                image=self.members[line.image],
                text=line.text,
                dataset=line.dataset,
                writer=line.writer,
                document=line.document,
                seen_writer=line.seen_writer,
            )
            for line in self.manifest.lines
        )

    @cached_property
    def compared(self) -> tuple[int, ...]:
        """Places of the lines whose text counts: all but telling lines, unless there are no others."""
        others = tuple(place for place, line in enumerate(self.manifest.lines) if line.dataset != TELLING)
        return others or tuple(range(len(self.manifest.lines)))

    @property
    def compared_lines(self) -> tuple[Line, ...]:
        """The lines at these places."""
        return tuple(self.lines[place] for place in self.compared)

    def target(self, name: str | None = None) -> KitTarget:
        """Return a target by name, the first one by default.

        Raises:
            UsageError: If there is none of that name.
        """
        for target in self.manifest.targets:
            if name in (None, target.name):
                return target
        names = ", ".join(target.name for target in self.manifest.targets)
        raise UsageError(f"{self.path}: no target {name!r} in this kit", remedy=f"its targets: {names}")

    def golden(self, line: KitLine) -> dict[KitStage, Values]:
        """Return the golden arrays of a line; empty if it has none."""
        if line.golden is None:
            return {}
        names = {
            KitStage.GRAY: line.golden.gray,
            KitStage.TENSOR: line.golden.tensor,
            KitStage.LOGITS: line.golden.logits,
        }
        return {
            stage: from_npy(
                self.members[name],
                name=f"{self.path}: {name}",
                dtypes=(BYTES if are_bytes(stage, self.spec.preprocess) else FLOATS,),
            )
            for stage, name in names.items()
        }

    def extract_artifact(self, target: KitTarget, folder: Path) -> Artifact:
        """Write the artifact of a target into an empty folder, and open it.

        Raises:
            ArtifactCorruptError: If it is not the artifact that the manifest says.
        """
        wanted = self.manifest.artifact_of(target)
        prefix = f"{wanted.folder}/"
        for name, data in self.members.items():
            if name.startswith(prefix):
                file = folder / name.removeprefix(prefix)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
        artifact = load_artifact(folder)
        if artifact.digest != wanted.sha256 or artifact.spec != self.spec:
            raise ArtifactCorruptError(
                f"{self.path}: {wanted.folder} is the artifact {artifact.digest[:12]}, {MANIFEST} says "
                f"{wanted.sha256[:12]}",
                remedy="make the kit again",
            )
        return artifact


def open_kit(path: Path, *, public_key: Path | None = None) -> Kit:
    """Open a kit and check it.

    Args:
        path: The archive.
        public_key: PEM file of the Ed25519 key that must have signed it; not checked if None.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it is damaged, holds other members than its manifest names, a digest is wrong, or
            the signature is none, or not by that key, or not by the key that the kit brings along.
        UsageError: If ``public_key`` is not a key.
        RuntimeUnavailableError: If ``public_key`` is given and ``cryptography`` is not installed.
    """
    with open_archive(path, what="kit") as archive:
        if MANIFEST not in archive.sizes:
            raise ArtifactCorruptError(
                f"{path}: no {MANIFEST} in it, so no kit", remedy="pass what `inkport kit make` made"
            )
        limits = {MANIFEST: MANIFEST_BYTES, SIGNATURE: KEY_BYTES, PUBLIC_KEY: KEY_BYTES}
        head = {name: archive.read(name, most=most) for name, most in limits.items() if name in archive.sizes}
        signature = check_signature(
            head[MANIFEST], head.get(SIGNATURE), head.get(PUBLIC_KEY), public_key, where=str(path)
        )
        manifest = parse_manifest(head[MANIFEST], where=str(path))
        members = head | read_listed(archive, manifest.files, but=UNLISTED)
    try:
        spec = RecogniserSpec.from_dict(manifest.spec, where=f"{path}: {MANIFEST}: spec")
    except SpecError as error:
        raise ArtifactCorruptError(error.message, remedy="make the kit again") from error
    return Kit(path=path, manifest=manifest, members=members, spec=spec, signature=signature)


def read_listed(archive: Archive, files: Mapping[str, FileInfo], *, but: tuple[str, ...]) -> dict[str, bytes]:
    """Read the files that a manifest names; none is unpacked before names and sizes are what it says.

    Args:
        archive: The archive.
        files: What the manifest says.
        but: Members that it does not speak of.

    Returns:
        Content by name.

    Raises:
        ArtifactCorruptError: If the archive lacks one, holds another, or a size or digest is not the manifest's.
    """
    where, found = archive.path, archive.sizes.keys() - set(but)
    if missing := sorted(files.keys() - found):
        raise ArtifactCorruptError(f"{where}: {', '.join(missing[:3])} is missing", remedy="get the archive again")
    if added := sorted(found - files.keys()):
        raise ArtifactCorruptError(
            f"{where}: holds {', '.join(added[:3])}, which its manifest does not name", remedy="get the archive again"
        )
    if other := [name for name, info in files.items() if archive.sizes[name] != info.size]:
        raise _changed(where, other[0])
    members = {}
    for name, info in files.items():
        members[name] = archive.read(name, most=info.size)
        if FileInfo.of(members[name]) != info:
            raise _changed(where, name)
    return members


def _changed(where: Path, name: str) -> ArtifactCorruptError:
    return ArtifactCorruptError(
        f"{where}: {name} was changed or damaged: its SHA-256 or size is not what the manifest says",
        remedy="get the archive again",
    )


RESULT_FORMAT = 1
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
    start: KitStage
    """The stage whose golden values the runner was given."""
    shown: tuple[KitStage, ...]
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

    def tensor(self, line: LineResult, stage: KitStage) -> Values | None:
        """Return what the runner shows of a stage, or None.

        Raises:
            ArtifactCorruptError: If the member is not a tensor file.
        """
        name = line.tensors.get(stage)
        if name is None:
            return None
        # Whether gray and tensor are to be bytes is the kit's to say.
        dtypes = (FLOATS,) if stage is KitStage.LOGITS else (FLOATS, BYTES)
        return from_npy(self.members[name], name=f"{self.path}: {name}", dtypes=dtypes)


class ResultWriter:
    """Collects what a runner shows, line by line, and writes it in one step."""

    def __init__(self) -> None:
        self._members: dict[str, bytes] = {}
        self._lines: list[LineResult] = []

    def add(self, id: str, *, text: str | None, run_ns: int | None, tensors: Mapping[KitStage, Values]) -> None:  # noqa: A002
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
        text = json.dumps(
            {"schema": RESULT_FORMAT, **to_plain(document)}, ensure_ascii=False, indent=1, allow_nan=False
        )
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
        data = parse_document(head, where=f"{path}: {RESULT}", schema=RESULT_FORMAT)
        try:
            document = parse_config(ResultDocument, data, where=RESULT)
        except InkportError as error:
            raise ArtifactCorruptError(f"{path}: {error.message}", remedy=FORMAT) from error
        members = {RESULT: head, **read_listed(archive, document.files, but=(RESULT,))}
    if fault := _fault(document):
        raise ArtifactCorruptError(f"{path}: {RESULT}: {fault}", remedy=FORMAT)
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
        if (line.text is None) == (KitStage.TEXT in shown):
            return f"line {line.id!r} has {'no' if line.text is None else 'a'} text, against what the runner shows"
        if KitStage.LOGITS in shown and KitStage.LOGITS not in line.tensors:
            return f"line {line.id!r} has no logits, which the runner shows"
    return None
