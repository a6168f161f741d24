"""Opening a kit: signature and manifest first, then names and sizes, then every digest, before anything is used."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from inkport.benchmarks.run.kit.archive import Archive, open_archive
from inkport.benchmarks.run.kit.manifest import (
    MANIFEST,
    MANIFEST_BYTES,
    PUBLIC_KEY,
    SIGNATURE,
    UNLISTED,
    FileInfo,
    KitLine,
    KitTarget,
    Manifest,
    parse_manifest,
)
from inkport.benchmarks.run.kit.signature import KEY_BYTES, KitSignature, check_signature
from inkport.benchmarks.run.kit.stages import Stage
from inkport.benchmarks.run.kit.tensors import Array, from_npy
from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ArtifactCorruptError, SpecError, UsageError
from inkport.core.spec import RecogniserSpec
from inkport.lines.line import Line


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

    def golden(self, line: KitLine) -> dict[Stage, Array]:
        """Return the golden arrays of a line; empty if it has none."""
        if line.golden is None:
            return {}
        names = {
            Stage.GRAY: line.golden.gray,
            Stage.TENSOR: line.golden.tensor,
            Stage.LOGITS: line.golden.logits,
        }
        return {stage: from_npy(self.members[name], name=f"{self.path}: {name}") for stage, name in names.items()}

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
