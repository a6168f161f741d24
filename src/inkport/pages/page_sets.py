"""Page sets: pages with the truth about their lines, in Parquet, in the Hugging Face image convention.

Columns: ``id``, ``image`` (a struct of ``bytes`` and ``path``), ``width``, ``height``, ``lines`` (in the order of the
source, each with ``text``, ``baseline`` and ``polygon`` as lists of points [x, y] in pixels of the image, and
``region``), ``dataset``, ``document``, ``split``, ``licence``. Pages of a document share a split.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from inkport.core.errors import LineDataError, needing
from inkport.core.files import new_file
from inkport.lines.tables import open_table
from inkport.pages.page import Line, Page, Points, Region


ROWS_PER_GROUP = 16
"""Pages held in memory while writing, and read at once later."""
COLUMNS = ("id", "image", "width", "height", "lines", "dataset", "document", "split", "licence")
"""Columns of a file."""


@dataclass(frozen=True, kw_only=True)
class TruePage:
    """A page with the truth about it."""

    page: Page
    """Its lines with their texts; each run of lines of one region is a region."""
    image: bytes
    """The encoded image."""
    dataset: str
    """The data set that it is of."""
    document: str
    """What it is a part of: the unit that is independent of others."""
    split: str
    """``train``, ``val`` or ``test``; empty where the source does not say."""
    licence: str
    """What its licence asks; empty where the source does not say."""


def write_page_set(pages: Iterable[TruePage], path: Path) -> int:
    """Write pages and return their number; the file is complete or not there.

    Raises:
        LineDataError: If there is no page.
        RuntimeUnavailableError: If pyarrow is missing.
        OSError: If the disk refuses.
    """
    with needing(f"{path}: writing Parquet", extra="parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    points, text = pa.list_(pa.list_(pa.float32())), pa.string()
    line = pa.struct({"text": text, "baseline": points, "polygon": points, "region": text})
    kinds = {"image": pa.struct({"bytes": pa.binary(), "path": text}), "lines": pa.list_(line)}
    kinds |= {"width": pa.int32(), "height": pa.int32()}
    schema = pa.schema([(name, kinds.get(name, text)) for name in COLUMNS])
    written = 0
    with new_file(path) as draft, pq.ParquetWriter(draft, schema) as file:
        group: list[dict[str, Any]] = []
        for page in pages:
            group.append(_record(page))
            written += 1
            if len(group) == ROWS_PER_GROUP:
                file.write_table(pa.Table.from_pylist(group, schema=schema))
                group.clear()
        if group:
            file.write_table(pa.Table.from_pylist(group, schema=schema))
        if not written:
            raise LineDataError(f"{path}: no page to write", remedy="name files of ALTO or PAGE with their images")
    return written


def read_page_set(path: Path) -> Iterator[TruePage]:
    """Yield the pages of a file, in order.

    Raises:
        LineDataError: If it is not a page set, or is damaged.
        RuntimeUnavailableError: If pyarrow is missing.
    """
    with open_table(path) as table:
        if missing := sorted(set(COLUMNS) - set(table.names)):
            raise LineDataError(f"{path}: no column {missing[0]!r}, so it is no page set", remedy="inkport data pages")
        row = 0
        for batch in table.batches(list(COLUMNS)):
            for record in batch.to_pylist():
                try:
                    yield _page(record)
                except (TypeError, ValueError, KeyError, AttributeError) as error:
                    raise LineDataError(f"{path}: row {row} is no page ({error!r})") from error
                row += 1


def _record(true: TruePage) -> dict[str, Any]:
    page = true.page
    lines = [
        {"text": line.text, "baseline": line.baseline, "polygon": line.polygon, "region": region.id}
        for region in page.regions
        for line in region.lines
    ]
    about = {"dataset": true.dataset, "document": true.document, "split": true.split, "licence": true.licence}
    size = {"width": page.width, "height": page.height}
    return {"id": page.id, "image": {"bytes": true.image, "path": page.image}, "lines": lines} | size | about


def _page(record: dict[str, Any]) -> TruePage:
    lines = [(line["region"] or "", _line(line, number)) for number, line in enumerate(record["lines"] or (), start=1)]
    # A source may come back to a region; identifiers are unique all the same.
    regions = tuple(
        Region(id=f"r{number}", lines=tuple(line for _, line in group))
        for number, (_, group) in enumerate(groupby(lines, key=lambda pair: pair[0]), start=1)
    )
    image = record["image"]
    page = Page(
        id=str(record["id"]),
        width=int(record["width"]),
        height=int(record["height"]),
        image=image["path"] or "",
        regions=regions,
    )
    about = {name: str(record[name] or "") for name in ("dataset", "document", "split", "licence")}
    return TruePage(page=page, image=image["bytes"] or b"", **about)


def _line(line: dict[str, Any], number: int) -> Line:
    return Line(
        id=f"l{number}",
        baseline=_points(line["baseline"]),
        polygon=_points(line["polygon"]),
        text=line["text"] or "",
    )


def _points(pairs: Sequence[Sequence[float]] | None) -> Points:
    return tuple((float(x), float(y)) for x, y in pairs or ())
