"""Opening a line set, whatever form it has."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from inkport.core.errors import LineDataError
from inkport.core.files import printable
from inkport.lines.folder import read_folder, read_manifest
from inkport.lines.line import Line
from inkport.lines.parquet import read_parquet


def read_lines(paths: Iterable[Path]) -> Iterator[Line]:
    """Yield all lines of ``paths``: Parquet files, TSV manifests, folders with ``.gt.txt`` files.

    Ids name lines in reports, so they are unique in what is yielded: where a source repeats one (real sets
    do), its second line is called ``id#2``, its third ``id#3``, in order.

    Raises:
        LineDataError: If a path does not exist or has another form.
    """
    repeats: Counter[str] = Counter()
    taken: set[str] = set()
    for path in paths:
        for line in _open(path):
            known = printable(line.id)
            name = known
            while name in taken:
                repeats[known] += 1
                name = f"{known}#{repeats[known] + 1}"
            taken.add(name)
            yield replace(line, id=name, dataset=printable(line.dataset))


def _open(path: Path) -> Iterator[Line]:
    if path.is_dir():
        return read_folder(path)
    if not path.exists():
        raise LineDataError(f"{path}: no such file or folder", remedy="check the path")
    if path.suffix == ".parquet":
        return read_parquet(path)
    if path.suffix == ".tsv":
        return read_manifest(path)
    raise LineDataError(
        f"{path}: not a line set", remedy="pass a .parquet file, a .tsv manifest, or a folder of images with .gt.txt"
    )


def digest_lines(lines: Iterable[Line]) -> str:
    """Return the SHA-256 (hex) of ids, texts and encoded images, in order: the data's identity in a report.

    Raises:
        LineDataError: If an image file cannot be read.
    """
    digest = hashlib.sha256()
    for line in lines:
        for part in (line.id.encode(), line.text.encode(), _encoded(line)):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _encoded(line: Line) -> bytes:
    try:
        return line.image if isinstance(line.image, bytes) else line.image.read_bytes()
    except OSError as error:
        raise LineDataError(f"{line.id}: the image cannot be read ({error})", remedy="check the path") from error
