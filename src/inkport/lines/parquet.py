"""Line sets in Parquet, in the Hugging Face image convention.

Columns: ``image`` (a struct of ``bytes`` and ``path``, or the bytes themselves) and ``text``; optional ``id``,
``dataset``, ``writer``, ``document`` (or ``writer_or_document``), ``seen_writer``, ``split``. Any of them may be stored
as a dictionary, as large or as view types. ``inkport.lines.fields`` says what the cells mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inkport.core.errors import LineDataError
from inkport.lines.fields import PLAIN, Meaning, check_columns, to_line, wanted_columns
from inkport.lines.line import Line
from inkport.lines.tables import open_table


IMAGE_REMEDY = "follow the Hugging Face image convention: image{bytes, path}, or image as binary, with the encoded file"


def read_parquet(path: Path, meaning: Meaning = PLAIN) -> Iterator[Line]:
    """Yield the lines of one Parquet file, in order.

    Args:
        path: The file.
        meaning: What is said about its columns.

    Raises:
        LineDataError: If pyarrow is missing, the file is not Parquet, a required column is absent or one appears twice,
            a cell is not what its column holds, or a row names its image's file without holding its bytes.
    """
    with open_table(path) as table:
        check_columns(table.names, meaning, str(path))
        first = 0
        for batch in table.batches(wanted_columns(table.names, meaning)):
            yield from _lines(batch, path, first, meaning)
            first += batch.num_rows


def _lines(batch: Any, path: Path, first: int, meaning: Meaning) -> Iterator[Line]:
    columns = {
        name: _cells(array, name, path, first)
        for name, array in zip(batch.schema.names, batch.columns, strict=True)
        if name != "image"
    }
    images = _images(batch.column("image"), path, first)
    for index, image in enumerate(images):
        yield to_line(
            {name: cells[index] for name, cells in columns.items()},
            image=image,
            name=f"{path.stem}:{first + index}",
            dataset=path.stem,
            meaning=meaning,
            where=f"{path}: row {first + index}",
        )


def _cells(array: Any, name: str, path: Path, first: int) -> list[object]:
    """Return the values of a column of text, numbers or flags; the first cell of another kind is refused."""
    array = _plain(array)
    if not _is_scalar(array.type):
        for index, cell in enumerate(array):
            if cell.is_valid:
                raise LineDataError(
                    f"{path}: row {first + index}: {name} is of type {array.type}, expected text or a whole number",
                    remedy="store the column as text",
                )
        return [None] * len(array)
    try:
        return list(array.to_pylist())
    except UnicodeDecodeError:
        return [_cell(cell, f"{path}: row {first + index}: {name}") for index, cell in enumerate(array)]


def _cell(cell: Any, where: str) -> object:
    try:
        value: object = cell.as_py()
    except UnicodeDecodeError as error:
        raise LineDataError(
            f"{where} is not UTF-8 ({error})", remedy="decode the texts in the encoding that they have, and write again"
        ) from error
    return value


def _images(array: Any, path: Path, first: int) -> Iterator[bytes]:
    """Yield the encoded images; a row without any is one bad line, which an audit reports while the others are good."""
    array = _plain(array)
    encoded, names = array, None
    if _is_struct(array.type):
        # flatten() hands the validity of the structs on to their fields, field() would not.
        parts = dict(zip((field.name for field in array.type), map(_plain, array.flatten()), strict=True))
        encoded, names = parts.get("bytes"), parts.get("path")
    if encoded is None or not _is_binary(encoded.type):
        raise LineDataError(
            f"{path}: column image is of type {array.type}, expected binary, or a struct of bytes and path",
            remedy=IMAGE_REMEDY,
        )
    for index, cell in enumerate(encoded):
        if not cell.is_valid and names is not None and _is_named(names[index]):
            raise LineDataError(
                f"{path}: row {first + index} has no image bytes",
                remedy="store the encoded file in image.bytes, not only its path",
            )
        yield cell.as_py() if cell.is_valid else b""


def _is_named(cell: Any) -> bool:
    # Not as text: what a path is encoded in does not matter here.
    return bool(cell.is_valid and cell.as_buffer().size)


def _plain(array: Any) -> Any:
    import pyarrow as pa

    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _is_struct(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_struct(kind))


def _is_binary(kind: Any) -> bool:
    from pyarrow import types

    tests = (types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary, types.is_null)
    return any(test(kind) for test in tests)


def _is_scalar(kind: Any) -> bool:
    from pyarrow import types

    tests = (types.is_string, types.is_large_string, types.is_string_view, types.is_integer, types.is_floating)
    return any(test(kind) for test in (*tests, types.is_boolean)) or _is_binary(kind)
