"""Digests of settings, and of what they name."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inkport.compress.lines import LineIndex
from inkport.core.artifact import SIDECAR, load_artifact
from inkport.core.config import to_plain
from inkport.core.errors import RecipeError
from inkport.core.files import sha256_file


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
    """Whether lines are read from a path: a Parquet file, a manifest, or a folder that is no artefact."""
    return path.suffix in {".parquet", ".tsv"} or (path.is_dir() and not (path / SIDECAR).is_file())


def digest_path(path: Path, index: LineIndex) -> str:
    """Return the SHA-256 (hex) of what a setting names: a line set, an artefact, or a file.

    Raises:
        RecipeError: If there is nothing.
        LineDataError: If a line set cannot be read.
        ArtifactError: If an artefact is damaged.
    """
    if not path.exists():
        raise RecipeError(f"{path}: no such file or folder", remedy="paths start at the folder of the recipe")
    if is_line_set(path):
        return index.digests([path])[0]
    return load_artifact(path).digest if path.is_dir() else sha256_file(path)
