"""What a run leaves behind: each stage's artifact with its record, and measurements, all found again by digests."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from inkport import __version__
from inkport.benchmarks.measure.parity import to_json_text
from inkport.compress.lines import LineIndex
from inkport.core.artifact import SIDECAR, Artifact, Provenance, load_artifact, new_artifact, refuse_to_replace
from inkport.core.attribution import ATTRIBUTION, LICENCE, told_in
from inkport.core.config import parse_config, to_plain
from inkport.core.documents import read_json
from inkport.core.errors import ArtifactError, DataError, RecipeError
from inkport.core.files import new_directory, sha256_file, write_atomically
from inkport.core.hub.reference import is_reference
from inkport.core.target import Precision
from inkport.export.record import tool_versions, with_line_digests


def digest_of(value: Any) -> str:
    """Return the SHA-256 (hex) of plain data, dataclasses included."""
    return hashlib.sha256(json.dumps(to_plain(value), sort_keys=True).encode()).hexdigest()


def paths_in(value: Any, where: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Yield every path in a dataclass and the fields that lead there."""
    if isinstance(value, Path):
        yield where, value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from paths_in(getattr(value, field.name), (*where, field.name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from paths_in(item, (*where, str(key)))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from paths_in(item, where)


def is_line_set(path: Path) -> bool:
    """Whether lines are read from a path: a Parquet file, a manifest, a folder that is not an artifact, the hub."""
    return (
        is_reference(path) or path.suffix in {".parquet", ".tsv"} or (path.is_dir() and not (path / SIDECAR).is_file())
    )


def digest_path(path: Path, index: LineIndex) -> str:
    """Return the SHA-256 (hex) of what a setting names: a line set, an artifact, or a file.

    Raises:
        RecipeError: If there is nothing.
        LineDataError: If a line set cannot be read.
        ArtifactError: If an artifact is damaged.
    """
    if not path.exists() and not is_reference(path):
        raise RecipeError(f"{path}: no such file or folder", remedy="paths start at the folder of the recipe")
    if is_line_set(path):
        return index.digests([path])[0]
    return load_artifact(path).digest if path.is_dir() else sha256_file(path)


def copy_artifact(artifact: Artifact, out: Path) -> Artifact:
    """Copy an artifact, sidecar included, and check the copy's digests.

    Args:
        artifact: The artifact.
        out: Its new directory; an artifact that is there is replaced.

    Raises:
        UsageError: If ``out`` is something else than an artifact or an empty folder: it would be lost.
    """
    refuse_to_replace(out)
    with new_directory(out) as folder:
        shutil.copytree(artifact.path, folder, dirs_exist_ok=True)
    return load_artifact(out)


FORMAT_VERSION = 1
"""Version of the records; what another version left is made again."""
RECORD = "stage.json"
"""Name of the record in a stage's folder."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Record:
    """How a stage's artifact was made."""

    schema: int
    """Version of this record."""
    kind: str
    """Kind of the stage."""
    settings: Mapping[str, Any]
    """Its keys in the recipe."""
    inputs: Mapping[str, Any]
    """Digests of what else it depends on."""
    parent: str
    """Name of the parent."""
    parent_sha256: str
    """Digest of the parent's artifact."""
    key: str
    """Digest of kind, settings, inputs and the parent's artifact: the same key, the same artifact."""
    artifact_sha256: str
    """Digest of the artifact."""
    tools: Mapping[str, str]
    """Versions of the tools that made it."""


@dataclass(frozen=True, kw_only=True)
class StageFolder:
    """The folder of one stage."""

    path: Path
    """Where it is."""

    @property
    def artifact(self) -> Path:
        """Where the artifact lies."""
        return self.path / "artifact"

    def work(self, key: str) -> Path:
        """Return where an unfinished stage keeps what it can go on from; what another key left is never taken."""
        return self.path / f"work-{key[:16]}"

    def find(self, key: str) -> Artifact | None:
        """Return the artifact if it was made under this key and is undamaged, else None."""
        # Absent, damaged or of another version: it is made again, so the error is no news.
        with suppress(OSError, ValueError, DataError, RecipeError, ArtifactError):
            data = read_json(self.path / RECORD)
            record = parse_config(Record, data, where=RECORD)
            artifact = load_artifact(self.artifact)
            if (record.schema, record.key, record.artifact_sha256) == (FORMAT_VERSION, key, artifact.digest):
                return artifact
        return None

    def finish(self, record: Record) -> None:
        """Write the record and drop what unfinished work there is."""
        text = json.dumps(to_plain(record), ensure_ascii=False, indent=1) + "\n"
        write_atomically(self.path / RECORD, text)
        for left in self.path.glob("work-*"):
            shutil.rmtree(left)


def stage_key(kind: str, settings: str, inputs: Mapping[str, Any], parent_sha256: str) -> str:
    """Return the digest of all that decides an artifact.

    Args:
        kind: Kind of the stage.
        settings: Digest of its settings.
        inputs: Digests of what it names.
        parent_sha256: Digest of the parent's artifact.
    """
    return digest_of({"kind": kind, "settings": settings, "inputs": inputs, "parent": parent_sha256})


def kept(path: Path, inputs: Any, cls: type[T], measure: Callable[[], T], *, keep: Callable[[T], bool]) -> T:
    """Return a measurement that was made before from the same inputs, or make and keep it.

    Args:
        path: JSON file that it is kept in.
        inputs: Plain data that decides it.
        cls: Its dataclass.
        measure: Makes it.
        keep: Whether a measurement is whole; one that is not is made again next time.
    """
    key = digest_of([FORMAT_VERSION, __version__, inputs])
    with suppress(ValueError, DataError, RecipeError, TypeError, KeyError):
        data = read_json(path)
        if data["key"] == key:
            return parse_config(cls, data["found"], where=str(path))
    found = measure()
    if keep(found):
        text = to_json_text({"key": key, "found": to_plain(found)})
        write_atomically(path, text + "\n")
    return found


def wrap_weights(weights: Path, out: Path, *, stage: str, parent: Artifact) -> Artifact:
    """Make an artifact of a weights file.

    What is exported from it descends from these weights, hence ``root`` is absent; ``parent`` leads back.

    Args:
        weights: The file.
        out: The artifact's directory.
        stage: What made the weights.
        parent: What they were made from.

    Raises:
        ArtifactError: If the file is missing or not one of ours.
    """
    from inkport.model.weights import load_weights

    loaded = load_weights(weights)
    provenance = Provenance(
        stage=stage,
        parent=parent.digest,
        tools=tool_versions("torch", "safetensors"),
        options=loaded.provenance,
        licence=told_in(loaded.provenance, LICENCE),
        attribution=told_in(loaded.provenance, ATTRIBUTION),
    )
    provenance = with_line_digests(provenance, inherited=parent.provenance.line_digests)
    with new_artifact(
        out, spec=loaded.spec, format="safetensors", precision=Precision.FP32, provenance=provenance
    ) as folder:
        shutil.copyfile(weights, folder / "weights.safetensors")
    return load_artifact(out)
