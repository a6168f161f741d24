"""Opening a line set, whatever form it has."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from pathlib import Path

from inkport.core.errors import LineDataError
from inkport.core.files import printable
from inkport.core.hub.reference import is_reference, parse_reference
from inkport.core.image import MAX_PIXELS, PIXEL_BYTES, REST_BYTES
from inkport.core.reading import read_bytes
from inkport.lines.fields import PLAIN, Meaning
from inkport.lines.folder import SUFFIX, read_description, read_folder, read_manifest
from inkport.lines.hub import fetch_lines
from inkport.lines.line import Line


def read_lines(paths: Iterable[Path]) -> Iterator[Line]:
    """Yield all lines of ``paths``: Parquet files, TSV manifests, folders with ``.gt.txt`` files, descriptions.

    Any but a description may lie on the hub, and be named like ``hf://datasets/user/set/lines.parquet``.

    Ids name lines in reports, so they are unique in what is yielded: where a source repeats one (real sets
    do), its second line is called ``id#2``, its third ``id#3``, in order.

    Raises:
        LineDataError: If a path does not exist or has another form.
        HubError: If it is on the hub, and not there, damaged or out of reach.
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
            yield replace(line, id=name, dataset=printable(line.dataset), source=printable(str(path)))


def source_name(path: Path) -> str:
    """Return the name of a line set, without the folders that it lies in; ``.`` and ``..`` have the folder's name."""
    if path.name not in {"", ".."}:
        return path.name
    found = path.resolve()
    return found.name or str(found)


def _open(path: Path) -> Iterator[Line]:
    if path.suffix.lower() != SUFFIX or is_reference(path):
        return _open_plain(path, PLAIN)
    description = read_description(path)
    return chain.from_iterable(_open_plain(inner, description) for inner in description.lines)


def _open_plain(path: Path, meaning: Meaning) -> Iterator[Line]:
    if is_reference(path):
        path = fetch_lines(parse_reference(path))
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError as error:
        raise LineDataError(
            f"{path}: cannot be opened ({error.strerror})", remedy="check path and permissions"
        ) from error
    if is_folder:
        if column := meaning.writer_column or meaning.document_column:
            raise LineDataError(f"{path}: a folder has no column {column!r}", remedy="use a .tsv manifest")
        return _said(read_folder(path, dataset=meaning.dataset or source_name(path)), meaning)
    if not is_there:
        raise LineDataError(f"{path}: no such file or folder", remedy="check the path")
    if path.suffix.lower() == ".parquet":
        from inkport.lines.parquet import read_parquet

        return read_parquet(path, meaning)
    if path.suffix.lower() == ".tsv":
        return read_manifest(path, meaning)
    raise LineDataError(
        f"{path}: not a line set",
        remedy="pass a .parquet file, a .tsv manifest, a folder of images with .gt.txt, or a .toml that describes them",
    )


def _said(lines: Iterator[Line], meaning: Meaning) -> Iterator[Line]:
    return (replace(line, writer=meaning.writer) for line in lines)


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
        return (
            line.image
            if isinstance(line.image, bytes)
            else read_bytes(line.image, limit=PIXEL_BYTES * MAX_PIXELS + REST_BYTES)
        )
    except OSError as error:
        raise LineDataError(f"{line.id}: the image cannot be read ({error})", remedy="check the path") from error


def take_turns(lines: Iterable[Line], most: int | None = None) -> Iterator[Line]:
    """Yield lines of the data sets in turns, the sets by name, each in the order of its ids' SHA-256.

    Args:
        lines: The lines, ids unique within a set.
        most: Lines of each set that are kept at the most; all if None.
    """
    sets: dict[str, list[tuple[str, Line]]] = defaultdict(list)
    for line in lines:
        items = sets[line.dataset]
        items.append((hashlib.sha256(line.id.encode()).hexdigest(), line))
        # Lines hold encoded images: a training set need not fit into memory for a few of them.
        if most is not None and len(items) >= 4 * most:
            items[:] = heapq.nsmallest(most, items, key=itemgetter(0))
    ranked = [sorted(items, key=itemgetter(0))[:most] for _, items in sorted(sets.items())]
    for turn in range(max(map(len, ranked), default=0)):
        yield from (items[turn][1] for items in ranked if turn < len(items))
