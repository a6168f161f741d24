"""``kit.json``: what a kit holds, and the digest by which a result names the kit that it answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inkport.core.config import parse_config, to_plain
from inkport.core.documents import parse_json
from inkport.core.errors import ArtifactCorruptError, InkportError
from inkport.core.target import Budget, Precision


SCHEMA = 1
"""Version of ``kit.json``; a newer one is refused."""
MANIFEST = "kit.json"
"""Name of the manifest in the archive."""
SIGNATURE = "kit.json.sig"
"""Name of the signature in the archive: 64 bytes, Ed25519 over the manifest's bytes."""
PUBLIC_KEY = "kit.json.pub"
"""Name of the signer's public key in the archive, PEM: it tells whose signature it is said to be, and no more."""
UNLISTED = (MANIFEST, SIGNATURE, PUBLIC_KEY)
"""The members that the manifest does not speak of."""
MANIFEST_BYTES = 64 << 20
"""Largest manifest: some 500 bytes for a line and 150 for a file, so a kit of 60,000 lines."""


@dataclass(frozen=True, kw_only=True)
class FileInfo:
    """A member of an archive."""

    size: int
    """Its size, in bytes."""
    sha256: str
    """SHA-256 (hex) of its content."""

    @classmethod
    def of(cls, data: bytes) -> FileInfo:
        """Describe content."""
        return cls(size=len(data), sha256=hashlib.sha256(data).hexdigest())


@dataclass(frozen=True, kw_only=True)
class KitArtifact:
    """An artifact in the kit."""

    folder: str
    """Its folder in the archive; ``recogniser.json`` and its files lie there."""
    format: str
    """Its format."""
    precision: Precision
    """Its number format."""
    model: str
    """The file to open, or the folder where the format has several files."""
    sha256: str
    """Its digest (``Artifact.digest``)."""


@dataclass(frozen=True, kw_only=True)
class KitTarget:
    """What is to be run, and what it may lose; a runtime or a runner takes the place of the one named here."""

    name: str
    """Unique name."""
    artifact: str
    """Folder of the artifact that it runs."""
    runtime: str
    """The runtime that the kit's maker had in mind."""
    device: str
    """Device of that runtime."""
    budget: Budget
    """What the text and the time may lose."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of that runtime."""


@dataclass(frozen=True, kw_only=True)
class GoldenFiles:
    """Members with the golden values of one line, ``.npy``."""

    gray: str
    """The decoded image, float32 (h, w), 0 black .. 1 white."""
    tensor: str
    """The prepared image, float32 (1, 1, height, w)."""
    logits: str
    """The reference's logits, float32 (1, t, k)."""


@dataclass(frozen=True, kw_only=True)
class KitLine:
    """A line to read."""

    id: str
    """Unique id."""
    image: str
    """Member with the encoded image."""
    text: str
    """Its transcription."""
    reading: str
    """What the reference read: the golden text."""
    dataset: str
    """Its data set."""
    writer: str
    """Who wrote it; empty where the source does not know. Kits made before ``document`` may have a document here."""
    seen_writer: bool
    """Whether the model may have seen this writer in training."""
    golden: GoldenFiles | None
    """Golden values of the other stages; absent on lines that only count for the text."""
    document: str = ""
    """The document that it belongs to; empty where the source does not say."""


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """How far values may lie from the golden ones."""

    gray_levels: float
    """Root mean square difference of decoded images, in gray levels of 1/255."""
    tensor_levels: float
    """The same of prepared images, before normalisation."""
    logits: Mapping[str, float]
    """Largest difference of logits, as a share of the golden ones' standard deviation, by precision of the artifact."""


@dataclass(frozen=True, kw_only=True)
class KitReference:
    """What made the golden logits and texts."""

    runtime: str
    """Name of the runtime."""
    version: str
    """Version of its SDK."""
    precision: Precision
    """Number format."""
    artifact: str
    """Digest of what it ran."""
    note: str
    """Why it is not torch, if it is not."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of ``kit.json``."""

    maker: str
    """Program and version that made the kit."""
    spec: Mapping[str, Any]
    """The recogniser, as in an artifact's sidecar."""
    root: str
    """Digest of the weights that all artifacts descend from."""
    data_sha256: str
    """Digest of the lines (``inkport.lines.source.digest_lines``)."""
    reference: KitReference
    """What made the golden values."""
    tolerances: Tolerances
    """How far values may lie from them."""
    artifacts: tuple[KitArtifact, ...]
    """What there is to run."""
    targets: tuple[KitTarget, ...]
    """What is to be run; the first one if none is named."""
    lines: tuple[KitLine, ...]
    """What is to be read."""
    files: Mapping[str, FileInfo]
    """Every member of the archive by name, but ``UNLISTED``."""

    def to_json(self) -> bytes:
        """Return the bytes of ``kit.json``; the same manifest gives the same bytes."""
        document = {"schema": SCHEMA, **to_plain(self)}
        return (json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()

    def artifact_of(self, target: KitTarget) -> KitArtifact:
        """Return what a target runs."""
        return next(artifact for artifact in self.artifacts if artifact.folder == target.artifact)


def parse_manifest(data: bytes, *, where: str) -> Manifest:
    """Read ``kit.json``.

    Args:
        data: Its bytes.
        where: Names the archive in errors.

    Raises:
        ArtifactCorruptError: If it is no such document, is newer than this inkport, or names what is not there.
    """
    document = parse_document(data, where=f"{where}: {MANIFEST}", schema=SCHEMA)
    try:
        manifest = parse_config(Manifest, document, where=MANIFEST)
    except InkportError as error:
        raise ArtifactCorruptError(f"{where}: {error.message}", remedy="make the kit again") from error
    if fault := _fault(manifest):
        raise ArtifactCorruptError(f"{where}: {MANIFEST}: {fault}", remedy="make the kit again")
    return manifest


def parse_document(data: bytes, *, where: str, schema: int) -> dict[str, Any]:
    """Parse a JSON object with a schema version, and return it without that.

    Raises:
        ArtifactCorruptError: If it is none, or its schema is not ``schema``.
    """
    document = parse_json(data, where=where, error=ArtifactCorruptError)
    if not isinstance(document, dict) or type(document.get("schema")) is not int:
        raise ArtifactCorruptError(f"{where}: no schema version, so not a document of inkport's")
    if (found := document.pop("schema")) != schema:
        raise ArtifactCorruptError(
            f"{where}: schema {found}, this inkport reads {schema}", remedy="use the version of inkport that made it"
        )
    return document


def _fault(manifest: Manifest) -> str | None:
    """Return what does not fit together."""
    if not manifest.targets or not manifest.lines:
        return "needs at least one target and one line"
    for kind, names in (
        ("target", [target.name for target in manifest.targets]),
        ("line", [line.id for line in manifest.lines]),
        ("artefact", [artifact.folder for artifact in manifest.artifacts]),
    ):
        if len(set(names)) < len(names):
            return f"a {kind} appears twice"
    folders = {artifact.folder for artifact in manifest.artifacts}
    if lost := [target.name for target in manifest.targets if target.artifact not in folders]:
        return f"target {lost[0]!r} runs an artifact that is not in the kit"
    goldens = [line.golden for line in manifest.lines if line.golden]
    named = [line.image for line in manifest.lines]
    named += [name for golden in goldens for name in (golden.gray, golden.tensor, golden.logits)]
    if lost := [name for name in named if name not in manifest.files]:
        return f"{lost[0]} is named, but no file of the kit"
    return None
