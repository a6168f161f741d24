"""Artifacts: a recogniser in one format and precision, as a directory that can prove what it is.

The directory holds the runtime's files and ``recogniser.json``, the sidecar: specification, format,
precision, the SHA-256 of each file, and provenance back to the weights. Loading checks every digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from inkport.core.config import parse_config, to_plain
from inkport.core.documents import read_json
from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError, InkportError, UsageError
from inkport.core.files import new_directory, sha256_file
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision


SIDECAR = "recogniser.json"
"""Name of the sidecar in an artifact's directory."""
FORMAT_VERSION = 2
"""Latest version of the sidecar; a newer one is refused. Each is written in the earliest that can say what it says
(``RecogniserSpec.schema``)."""
COPY_AGAIN = "copy or export the artifact again"
"""What helps against damage."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Which lines a quantized artifact was calibrated on."""

    ids: tuple[str, ...]
    """Ids of the lines, in order."""
    sha256: str
    """Digest of ids, texts and images (``inkport.lines.source.digest_lines``)."""
    line_digests: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Their digests by role (``inkport.lines.roles``), until the provenance of what they made takes them."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where an artifact came from."""

    stage: str
    """What made it: the exporter's name, ``<target>_from_<source>``, or ``train``."""
    root: str | None = None
    """Digest of the weights artifact that it descends from; absent for the weights themselves."""
    parent: str | None = None
    """Digest of the artifact that it was made from."""
    tools: Mapping[str, str] = field(default_factory=dict)
    """Versions of the tools that took part."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the stage."""
    calibration: Calibration | None = None
    """Lines that a quantized artifact was calibrated on."""
    licence: str = ""
    """What its users have to keep to, as its makers and those of what it descends from say; empty if nobody does."""
    attribution: str = ""
    """Who is to be credited, the same way."""
    line_digests: Mapping[str, str] = field(default_factory=dict)
    """Digests of the lines that made it and what it descends from, by role (``inkport.lines.roles``).

    Nothing is known of what was made before they were recorded.
    """


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """What ``recogniser.json`` says, as it stands there."""

    schema: int
    """Its version."""
    spec: Mapping[str, Any]
    """The recogniser."""
    format: str
    """File format."""
    precision: Precision
    """Number format."""
    files: Mapping[str, str]
    """SHA-256 (hex) of each file, by its path beside the sidecar."""
    provenance: Provenance
    """Where the artifact came from."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A recogniser in one format and precision, on disk, with its digests checked."""

    path: Path
    """The directory."""
    spec: RecogniserSpec
    """The recogniser."""
    format: str
    """File format: ``safetensors``, ``onnx``, ``openvino``, ..."""
    precision: Precision
    """Number format."""
    files: Mapping[str, str]
    """SHA-256 (hex) of each file, by its path in the directory, with forward slashes."""
    provenance: Provenance
    """Where it came from."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of specification, format, precision and file digests: the artifact's identity."""
        identity = {
            "spec": self.spec.to_dict(),
            "format": self.format,
            "precision": self.precision,
            "files": dict(self.files),
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    @property
    def root(self) -> str:
        """Digest of the weights that it descends from; its own for the weights themselves."""
        return self.provenance.root or self.digest

    @property
    def bytes(self) -> int:
        """Size of the files, in bytes, sidecar excluded."""
        return sum((self.path / name).stat().st_size for name in self.files)

    def file(self, suffix: str) -> Path:
        """Return the one file with this suffix.

        Raises:
            ArtifactCorruptError: If there is none or more than one.
        """
        found = [name for name in self.files if name.endswith(suffix)]
        if len(found) != 1:
            raise ArtifactCorruptError(f"{self.path}: expected one {suffix} file, found {found or 'none'}")
        return self.path / found[0]


def load_artifact(path: Path) -> Artifact:
    """Open an artifact and check every digest.

    Raises:
        ArtifactNotFoundError: If there is no directory with a sidecar at ``path``.
        ArtifactCorruptError: If the sidecar is malformed or newer than this inkport, or a file is missing,
            changed, or not named in the sidecar.
    """
    file = path / SIDECAR
    if not file.is_file():
        raise ArtifactNotFoundError(
            f"{path}: no artifact here (no {SIDECAR})", remedy="pass a directory that `inkport export` made"
        )
    sidecar = read_sidecar(file)
    try:
        spec = RecogniserSpec.from_dict(sidecar.spec, where=f"{file}: spec")
    except InkportError as error:
        raise _corrupt(error.message) from error
    _check_files(path, sidecar.files)
    return Artifact(
        path=path,
        spec=spec,
        format=sidecar.format,
        precision=sidecar.precision,
        files=sidecar.files,
        provenance=sidecar.provenance,
    )


def read_sidecar(file: Path) -> Sidecar:
    """Read a sidecar alone, without a look at the specification or at the files that it names.

    Raises:
        ArtifactCorruptError: If it is malformed, or newer than this inkport.
    """
    data = _read_json(file)
    try:
        return parse_config(Sidecar, data, where=str(file))
    except InkportError as error:
        raise _corrupt(error.message) from error


def _corrupt(message: str) -> ArtifactCorruptError:
    return ArtifactCorruptError(message, remedy=COPY_AGAIN)


def _read_json(sidecar: Path) -> Mapping[str, Any]:
    data = read_json(sidecar, error=ArtifactCorruptError, remedy=COPY_AGAIN)
    schema = data.get("schema") if isinstance(data, dict) else None
    if type(schema) is not int:
        raise _corrupt(f"{sidecar}: no schema version, so not an inkport sidecar")
    if schema > FORMAT_VERSION:
        raise ArtifactCorruptError(
            f"{sidecar}: schema {schema}, this inkport reads up to {FORMAT_VERSION}",
            remedy="upgrade inkport, or export again with this version",
        )
    return cast("Mapping[str, Any]", data)


def _check_files(path: Path, files: Mapping[str, str]) -> None:
    present = _files_in(path) - {SIDECAR}
    if missing := sorted(files.keys() - present):
        raise _corrupt(f"{path}: the sidecar names {', '.join(missing)}, which is missing")
    if added := sorted(present - files.keys()):
        raise ArtifactCorruptError(
            f"{path}: the sidecar does not name {', '.join(added)}, which lies beside it",
            remedy="move it elsewhere; an artifact holds what its sidecar names and nothing else",
        )
    for name, digest in files.items():
        found = sha256_file(path / name)
        if found != digest:
            raise _corrupt(
                f"{path / name}: SHA-256 is {found[:12]}..., the sidecar says {digest[:12]}...: "
                "the file was changed or damaged"
            )


def _files_in(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def refuse_to_replace(path: Path) -> None:
    """Refuse to put an artifact in the place of something else.

    Raises:
        UsageError: If ``path`` is something else than an artifact or an empty folder: it would be lost.
    """
    if path.exists() and not (path / SIDECAR).is_file() and not (path.is_dir() and not any(path.iterdir())):
        raise UsageError(
            f"{path}: would be replaced, but holds no artifact (no {SIDECAR})", remedy="name another folder"
        )


@contextmanager
def new_artifact(
    path: Path,
    *,
    spec: RecogniserSpec,
    format: str,  # noqa: A002 - the field's name
    precision: Precision,
    provenance: Provenance,
) -> Iterator[Path]:
    """Yield an empty folder to fill; when the block ends it becomes the artifact at ``path``, sidecar included.

    If the block fails, what was at ``path`` before is untouched.

    Raises:
        UsageError: If ``path`` is something else than an artifact or an empty folder: it would be lost.
    """
    refuse_to_replace(path)
    with new_directory(path) as draft:
        yield draft
        sidecar = {
            "schema": spec.schema,
            "spec": spec.to_dict(),
            "format": format,
            "precision": precision.value,
            "files": {name: sha256_file(draft / name) for name in sorted(_files_in(draft))},
            "provenance": to_plain(provenance),
        }
        (draft / SIDECAR).write_text(json.dumps(sidecar, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


BUNDLED = ("convtext-tiny-int8", "convtext-tiny-openvino-int8", "convtext-small-int8", "convtext-tiny-fp32")
"""Folders under ``inkport/bundle``, made of the shipped weights, the usual one first.

int8 in ONNX or OpenVINO's IR; and the ONNX in fp32, which int8 is proven against where there is no torch.
"""
BUNDLED_LMS = ("fr-en",)
"""Language models under ``inkport/bundle/lm``, with weights for the shipped recognisers beside them."""


def bundled_artifacts() -> tuple[Artifact, ...]:
    """Open the artifacts that come with the package, the usual one first.

    Raises:
        ArtifactNotFoundError: If this build of the package has none.
        ArtifactCorruptError: If one is damaged.
    """
    return tuple(load_artifact(bundle_folder() / name) for name in BUNDLED)


def find_lm(lm: Path) -> Path:
    """Return the file of a language model that was named on a command line: a file, or one in ``BUNDLED_LMS``.

    Raises:
        ArtifactNotFoundError: If it is neither.
    """
    if lm.is_file():
        return lm
    bundled = bundle_folder() / "lm" / f"{lm}.npz"
    if str(lm) not in BUNDLED_LMS or not bundled.is_file():
        raise ArtifactNotFoundError(
            f"{lm}: no such file, and no language model that comes with inkport ({', '.join(BUNDLED_LMS)})",
            remedy="build one with inkport lm build",
        )
    return bundled


def bundle_folder() -> Path:
    """Return where the package keeps them."""
    return Path(str(files("inkport"))) / "bundle"
