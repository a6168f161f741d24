"""``kit.json``: what a kit holds, and the digest by which a result names the kit that it answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.run.kit.archive import Values
from inkport.core.config import parse_config, to_plain
from inkport.core.documents import parse_json
from inkport.core.errors import ArtifactCorruptError, InkportError
from inkport.core.preprocess import PreprocessSpec, normalise, prepare, prepare_bytes, to_bytes
from inkport.core.target import Budget, Precision
from inkport.lines.line import Line


class KitStage(StrEnum):
    """What a runner starts from, or shows."""

    IMAGE = "image"
    """The encoded file; only ever a start."""
    GRAY = "gray"
    """The decoded image (h, w): bytes, 0 black .. 255 white; with triangle-v1 float32, 0 black .. 1 white."""
    TENSOR = "tensor"
    """The prepared image (1, 1, height, w): bytes; with triangle-v1 float32, the network's input."""
    LOGITS = "logits"
    """The network's output, float32 (1, t, k)."""
    TEXT = "text"
    """What greedy decoding reads."""


ORDER = tuple(KitStage)
"""From the first to the last."""
TENSORS = (KitStage.GRAY, KitStage.TENSOR, KitStage.LOGITS)
"""The stages whose values are arrays."""


STARTS = (KitStage.IMAGE, KitStage.GRAY, KitStage.TENSOR)
"""The stages that a runner can start from: those that every line has or that inkport computes without a network."""


def can_be_shown(start: KitStage, shown: tuple[KitStage, ...]) -> bool:
    """Return whether a runner can start there and show these: each once, in order, and at least logits or text."""
    places = [ORDER.index(stage) for stage in (start, *shown)]
    return start in STARTS and places == sorted(set(places)) and (KitStage.LOGITS in shown or KitStage.TEXT in shown)


def are_bytes(stage: KitStage, spec: PreprocessSpec) -> bool:
    """Return whether the values of a stage are uint8."""
    if spec.as_is:
        return stage is KitStage.TENSOR or (stage is KitStage.GRAY and not spec.coloured)
    return spec.in_bytes and stage in (KitStage.GRAY, KitStage.TENSOR)


def gray_stage(line: Line, spec: PreprocessSpec) -> Values:
    """Return the decoded image of a line: gray (h, w), or red, green and blue (h, w, 3) where the network takes these.

    Raises:
        ImageError: If the image is damaged or too small.
    """
    if are_bytes(KitStage.GRAY, spec):
        return to_bytes(line.pixels())
    return line.pixels(spec) if spec.coloured else line.gray()


def tensor_stage(gray: Values, spec: PreprocessSpec) -> Values:
    """Return the prepared image of what ``gray_stage`` gave.

    Raises:
        ImageError: If no line of text can be in it.
    """
    return prepare_bytes(gray, spec) if spec.in_bytes else prepare(gray, spec)


def as_gray(gray: Values) -> npt.NDArray[np.float32]:
    """Return a decoded image as float32, 0 black .. 1 white."""
    return gray.astype(np.float32) / np.float32(255) if gray.dtype == np.uint8 else gray


def as_input(tensor: Values, spec: PreprocessSpec) -> npt.NDArray[np.float32]:
    """Return the network's input of a prepared image."""
    return normalise(tensor, spec) if spec.in_bytes and tensor.dtype == np.uint8 else tensor


FORMAT_VERSION = 1
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
    """The decoded image: uint8 (h, w), 0 black .. 255 white; with triangle-v1 float32, 0 black .. 1 white."""
    tensor: str
    """The prepared image (1, 1, height, w): uint8; with triangle-v1 float32."""
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
    """Root mean square difference of decoded images, in gray levels of 1/255; 0 where they are bytes."""
    tensor_levels: float
    """The same of prepared images, before normalisation; 0 where they are bytes."""
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

    def encoded(self) -> bytes:
        """Return the bytes of ``kit.json``; the same manifest gives the same bytes."""
        document = {"schema": FORMAT_VERSION, **to_plain(self)}
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
    document = parse_document(data, where=f"{where}: {MANIFEST}", schema=FORMAT_VERSION)
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
        ("artifact", [artifact.folder for artifact in manifest.artifacts]),
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
