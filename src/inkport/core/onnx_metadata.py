"""What an exported ONNX file says of itself, in ``metadata_props``, so that it can be opened without its sidecar.

The keys, each behind ``inkport.``:

- ``schema``;
- ``name``, ``version``, ``stride``, ``preprocess``, ``charset``, ``input`` and ``output``: the specification;
- ``precision``;
- ``format``: ``onnx-app`` where the graph is a whole reader; absent where it is the network alone;
- ``stage``, ``root`` and ``parent``: where it came from;
- ``licence`` and ``attribution``;
- ``digest``: the SHA-256 (hex) of the file's bytes without its ``metadata_props``, so of the graph, its weights and all
  else.

Words are written as they are, the rest as JSON.

The file is read as protobuf's wire format has it, field by field at the top: no SDK is needed, and the graph is not
parsed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inkport.core.artifact import Artifact, Provenance, load_artifact, new_artifact
from inkport.core.documents import parse_json
from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError, SpecError
from inkport.core.reading import read_bytes
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision


FORMAT_VERSION = 1
"""Version of the keys; a newer one is refused."""
PREFIX = "inkport."
"""What our keys begin with; others are left alone."""
NETWORK_FORMAT, APP_FORMAT = "onnx", "onnx-app"
"""Formats of artifacts that are an ONNX file: a network, and a whole reader (``inkport.export.app``)."""
ONNX_FORMATS = (NETWORK_FORMAT, APP_FORMAT)
MODEL_FILE = "model.onnx"
"""Name of the file in an artifact."""
ONNX_BYTES = (2 << 30) - 1
"""Largest ONNX file, without the values that it keeps in files of their own; protobuf reads no larger message."""
METADATA_PROPS = 14
"""Number of the field in onnx.proto's ModelProto: repeated StringStringEntryProto, with key = 1 and value = 2."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LENGTHS = {_FIXED64: 8, _FIXED32: 4}
_WORDS = ("name", "version", "precision", "stage", "root", "parent", "licence", "attribution", "digest")


def with_metadata(
    data: bytes,
    spec: RecogniserSpec,
    *,
    precision: Precision,
    provenance: Provenance,
    format: str = NETWORK_FORMAT,  # noqa: A002 - the artifact's field
) -> bytes:
    """Return an ONNX file with all that it says of itself; what it said before is replaced.

    Args:
        data: The file's bytes.
        spec: The recogniser.
        precision: Its number format.
        provenance: Where it came from, with licence and attribution.
        format: One of ``ONNX_FORMATS``.

    Raises:
        ArtifactCorruptError: If it is no protobuf message.
    """
    bare = without_metadata(data, where=MODEL_FILE)
    told = {
        "schema": FORMAT_VERSION,
        **spec.to_dict(),
        "precision": precision.value,
        # Not said of networks, whose files stay what they were before there was another format.
        **({} if format == NETWORK_FORMAT else {"format": format}),
        "stage": provenance.stage,
        "root": provenance.root or "",
        "parent": provenance.parent or "",
        "licence": provenance.licence,
        "attribution": provenance.attribution,
        "digest": hashlib.sha256(bare).hexdigest(),
    }
    entries = []
    for key, value in told.items():
        text = value if key in (*_WORDS, "format") else json.dumps(value, ensure_ascii=False, sort_keys=True)
        entries.append(_field(METADATA_PROPS, _field(1, (PREFIX + key).encode()) + _field(2, text.encode())))
    return bare + b"".join(entries)


def without_metadata(data: bytes, *, where: str) -> bytes:
    """Return an ONNX file's bytes without its ``metadata_props``, of which ``digest`` is the SHA-256.

    Raises:
        ArtifactCorruptError: If it is no protobuf message.
    """
    return b"".join(data[start:end] for number, start, _, end in _fields(data, where) if number != METADATA_PROPS)


def read_metadata(data: bytes, *, where: str) -> dict[str, str]:
    """Return the ``metadata_props`` of an ONNX file.

    Args:
        data: The file's bytes.
        where: Names it in errors.

    Raises:
        ArtifactCorruptError: If it is no protobuf message.
    """
    found: dict[str, str] = {}
    for number, _, start, end in _fields(data, where):
        if number == METADATA_PROPS:
            entry = data[start:end]
            parts = {inner: entry[first:last] for inner, _, first, last in _fields(entry, where)}
            found[parts.get(1, b"").decode(errors="replace")] = parts.get(2, b"").decode(errors="replace")
    return found


def artifact_from_onnx(path: Path, out: Path) -> Artifact:
    """Open an ONNX file by what it says of itself, as the artifact that it is a part of.

    Its identity is that of the artifact that was exported, whatever the file is called. What only the sidecar holds,
    the settings of the export and the digests of the lines that it was made with, is not known.

    Args:
        path: The file.
        out: Folder of the artifact, which holds a copy of the file; replaced if it is there.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it is no ONNX file, was not exported by inkport, is of a newer version, or was changed.
    """
    if not path.is_file():
        raise ArtifactNotFoundError(f"{path}: no such file", remedy="check the path")
    data = read_bytes(path, limit=ONNX_BYTES)
    told = {
        key.removeprefix(PREFIX): value
        for key, value in read_metadata(data, where=str(path)).items()
        if key.startswith(PREFIX)
    }
    format_ = told.pop("format", NETWORK_FORMAT)
    if format_ not in ONNX_FORMATS:
        raise ArtifactCorruptError(
            f"{path}: an ONNX file of format {format_!r}, this inkport reads {', '.join(ONNX_FORMATS)}",
            remedy="upgrade inkport",
        )
    spec, precision, provenance = _parse(told, where=str(path))
    found = hashlib.sha256(without_metadata(data, where=str(path))).hexdigest()
    if found != told["digest"]:
        raise ArtifactCorruptError(
            f"{path}: SHA-256 of the graph is {found[:12]}..., its metadata says {told['digest'][:12]}...: the file "
            "was changed or damaged",
            remedy="copy or export the model again",
        )
    with new_artifact(out, spec=spec, format=format_, precision=precision, provenance=provenance) as folder:
        (folder / MODEL_FILE).write_bytes(data)
    return load_artifact(out)


def _parse(told: Mapping[str, str], *, where: str) -> tuple[RecogniserSpec, Precision, Provenance]:
    if "schema" not in told:
        raise ArtifactCorruptError(
            f"{where}: an ONNX file, but without inkport's metadata",
            remedy="export the model again, or pass the artifact's directory",
        )
    values: dict[str, Any] = {
        key: value if key in _WORDS else parse_json(value, where=f"{where}: {PREFIX}{key}", error=ArtifactCorruptError)
        for key, value in told.items()
    }
    if values["schema"] != FORMAT_VERSION:
        raise ArtifactCorruptError(
            f"{where}: metadata of schema {values['schema']}, this inkport reads {FORMAT_VERSION}",
            remedy="upgrade inkport",
        )
    keys = ("name", "version", "stride", "preprocess", "charset", "input", "output")
    if lacking := [key for key in (*keys, *_WORDS) if key not in values]:
        raise ArtifactCorruptError(f"{where}: no {PREFIX}{lacking[0]} in its metadata", remedy="export the model again")
    try:
        spec = RecogniserSpec.from_dict({key: values[key] for key in keys}, where=where)
        precision = Precision(values["precision"])
    except (SpecError, ValueError) as error:
        raise ArtifactCorruptError(f"{where}: {error}", remedy="export the model again") from error
    return (
        spec,
        precision,
        Provenance(
            stage=values["stage"],
            root=values["root"] or None,
            parent=values["parent"] or None,
            licence=values["licence"],
            attribution=values["attribution"],
        ),
    )


def _fields(data: bytes, where: str) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, first byte, first byte of the value, and end of each field of a protobuf message."""
    at = 0
    while at < len(data):
        start = at
        tag, at = _varint(data, at, where)
        kind, value = tag & 7, at
        if kind == _VARINT:
            _, at = _varint(data, at, where)
        elif kind == _BYTES:
            length, value = _varint(data, at, where)
            at = value + length
        elif kind in _LENGTHS:
            at += _LENGTHS[kind]
        else:
            raise _no_message(where)
        if at > len(data) or tag < 1 << 3:
            raise _no_message(where)
        yield tag >> 3, start, value, at


def _varint(data: bytes, at: int, where: str) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _no_message(where)


def _no_message(where: str) -> ArtifactCorruptError:
    return ArtifactCorruptError(f"{where}: no ONNX file, or a damaged one", remedy="copy or export the model again")


def _field(number: int, value: bytes) -> bytes:
    return _encoded(number << 3 | _BYTES) + _encoded(len(value)) + value


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
