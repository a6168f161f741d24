"""A line finder as files: a folder with ``finder.onnx``, and ``finder.json``, which says what it is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inkport.core.artifact import bundle_folder
from inkport.core.documents import read_json
from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError
from inkport.core.files import new_directory
from inkport.core.reading import read_bytes


KIND = "finder"
"""What ``finder.json`` says that the folder holds."""
FORMAT_VERSION = 1
"""Version of ``finder.json``; a newer one is refused."""
GRAPH, ABOUT = "finder.onnx", "finder.json"
GRAPH_BYTES = 64 << 20
"""Largest graph that is opened; ours has a third of a megabyte."""
SHIPPED = "finder-int8"
"""Folder under ``inkport/bundle``."""


@dataclass(frozen=True, kw_only=True)
class FinderInfo:
    """What a finder is."""

    name: str
    """Its name."""
    version: str
    """Its version; other weights have another one."""
    precision: str
    """``fp32`` or ``int8``."""
    long_side: int
    """Pixels of the longer side of the pages that it was trained on."""
    stride: int
    """Pixels per cell of its maps."""
    multiple: int
    """Height and width of what it is given are multiples of this."""
    licence: str
    """What whoever uses it has to keep to."""
    attribution: str
    """Whom to credit."""
    digest: str
    """SHA-256 (hex) of ``finder.onnx``."""
    origin: dict[str, Any]
    """What it was made of, and with what."""


def shipped_finder() -> Path | None:
    """Return the folder of the finder that comes with the package; None where this build has none."""
    folder = bundle_folder() / SHIPPED
    return folder if (folder / ABOUT).is_file() else None


def write_finder(out: Path, graph: bytes, **about: Any) -> FinderInfo:
    """Write a finder; the folder is complete or not there.

    Args:
        out: The folder; replaced if it is there.
        graph: Bytes of the ONNX file.
        about: The fields of ``FinderInfo`` but its digest.
    """
    info = FinderInfo(digest=hashlib.sha256(graph).hexdigest(), **about)
    with new_directory(out) as draft:
        (draft / GRAPH).write_bytes(graph)
        said = {"kind": KIND, "schema": FORMAT_VERSION, **asdict(info)}
        (draft / ABOUT).write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return info


def read_finder(folder: Path) -> tuple[FinderInfo, bytes]:
    """Return what a finder says of itself, and its graph.

    Raises:
        ArtifactNotFoundError: If the folder is no finder.
        ArtifactCorruptError: If a file is damaged, or not of a version that this inkport knows.
    """
    if not (folder / ABOUT).is_file():
        raise ArtifactNotFoundError(f"{folder}: no line finder there (no {ABOUT})", remedy=_REMEDY)
    said = read_json(folder / ABOUT, error=ArtifactCorruptError, remedy=_REMEDY)
    if not isinstance(said, dict) or (said.get("kind"), said.get("schema")) != (KIND, FORMAT_VERSION):
        raise ArtifactCorruptError(
            f"{folder / ABOUT}: expected kind {KIND!r} and schema {FORMAT_VERSION}", remedy=_REMEDY
        )
    info = _info(folder / ABOUT, {key: value for key, value in said.items() if key not in {"kind", "schema"}})
    try:
        graph = read_bytes(folder / GRAPH, limit=GRAPH_BYTES)
    except OSError as error:
        raise ArtifactCorruptError(f"{folder / GRAPH}: cannot be read ({error})", remedy=_REMEDY) from error
    if hashlib.sha256(graph).hexdigest() != info.digest:
        raise ArtifactCorruptError(f"{folder / GRAPH}: not the file that {ABOUT} describes", remedy=_REMEDY)
    return info, graph


def _info(path: Path, said: dict[str, Any]) -> FinderInfo:
    try:
        info = FinderInfo(**said)
    except TypeError as error:
        raise ArtifactCorruptError(f"{path}: not the fields of a finder ({error})", remedy=_REMEDY) from error
    sizes = (info.long_side, info.stride, info.multiple)
    if not all(type(size) is int and 0 < size <= MOST_SIZE for size in sizes) or not isinstance(info.digest, str):
        raise ArtifactCorruptError(f"{path}: sizes must be whole numbers up to {MOST_SIZE}", remedy=_REMEDY)
    return info


MOST_SIZE = 1 << 14
"""Largest side of a page that a finder may ask for, in pixels."""
_REMEDY = "export the finder again, or reinstall the package"
