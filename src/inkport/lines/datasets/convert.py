"""From a data set in its official layout to one Parquet file per split, complete or not at all."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inkport.core.errors import ImageError, LineDataError, needing
from inkport.core.files import new_file
from inkport.core.image import load_gray
from inkport.core.triangle_v1 import resample
from inkport.lines.datasets.catalogue import Dataset
from inkport.lines.datasets.layout import DOCUMENT, Listed, Split


ROWS_PER_GROUP = 256
"""Lines held in memory while writing, and read at once later."""


@dataclass(frozen=True, kw_only=True)
class ParquetLine:
    """One line with what is known about it; the columns of the file."""

    image: bytes
    """The encoded image."""
    text: str
    """Its transcription."""
    id: str
    """Its name."""
    dataset: str
    """Its data set."""
    writer: str | None
    """Who wrote it; None where the source does not say."""
    document: str | None
    """What it is a part of; None where the source does not say."""
    seen_writer: bool
    """Whether the writer may be known from training."""
    split: str
    """Its split."""
    language: str
    """BCP 47 tag."""
    licence: str
    """What its licence asks."""


def write_parquet(rows: Iterable[ParquetLine], path: Path) -> int:
    """Write lines in the Hugging Face image convention and return their number; the file is complete or not there.

    Raises:
        LineDataError: If there is no row.
        RuntimeUnavailableError: If pyarrow is missing.
        OSError: If the disk refuses.
    """
    with needing(f"{path}: writing Parquet", extra="parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    text = {name: pa.string() for name in ("text", "id", "dataset", "writer", "document")}
    picture = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    more = {"seen_writer": pa.bool_(), "split": pa.string(), "language": pa.string(), "licence": pa.string()}
    schema = pa.schema({"image": picture, **text, **more})
    remaining = iter(rows)
    written = 0
    with new_file(path) as draft, pq.ParquetWriter(draft, schema) as file:
        while group := list(islice(remaining, ROWS_PER_GROUP)):
            file.write_table(pa.Table.from_pylist([_record(row) for row in group], schema=schema))
            written += len(group)
        if not written:
            raise LineDataError(f"{path}: no line to write")
    return written


def _record(row: ParquetLine) -> dict[str, Any]:
    return asdict(row) | {"image": {"bytes": row.image, "path": row.id}}


PARTIAL = "take what can be used with --allow-partial"
"""How to go on without a complete split."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The lines of a split that can be used, and those left out."""

    dataset: Dataset
    """Their data set."""
    split: Split
    """Their split."""
    lines: tuple[Listed, ...]
    """Lines with a transcription whose image is there."""
    empty: tuple[str, ...]
    """Ids of lines without a transcription, where the published sizes leave them out."""
    refused: tuple[str, ...]
    """What is wrong with each of the other lines, one sentence each."""

    @property
    def published(self) -> int:
        """How many lines the published split has."""
        return self.dataset.sizes[self.split]


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What was written."""

    lines: int
    """Lines in the file."""
    damaged: tuple[str, ...]
    """Lines left out because their image cannot be read, one sentence each."""


def select_lines(dataset: Dataset, folder: Path, split: Split, *, allow_partial: bool = False) -> Selection:
    """List the lines of a split and check that they are those that were published, before any image is read.

    Args:
        dataset: Which data set.
        folder: Where it was unpacked.
        split: Which split.
        allow_partial: Whether lines may be missing or have no transcription, and their number may differ from the
            published one.

    Raises:
        LineDataError: If a part of the layout is missing or malformed, an id appears twice, or the split is not
            complete and ``allow_partial`` is off.
    """
    if not folder.is_dir():
        raise LineDataError(f"{folder}: no such folder", remedy=f"unpack {dataset.name} as {DOCUMENT} shows")
    lines: list[Listed] = []
    empty: list[str] = []
    refused: list[str] = []
    for line in dataset.read(folder, split):
        if line.missing:
            refused.append(f"{line.id}: {line.missing}")
        elif line.text:
            lines.append(line)
        elif dataset.drops_empty:
            empty.append(line.id)
        else:
            refused.append(f"{line.id}: the transcription is empty")
    selection = Selection(dataset=dataset, split=split, lines=tuple(lines), empty=tuple(empty), refused=tuple(refused))
    _check(selection, allow_partial=allow_partial)
    return selection


def convert(
    selection: Selection,
    out: Path,
    *,
    squeeze: float | None = None,
    allow_partial: bool = False,
    report: Callable[[int], None] = lambda _: None,
) -> Converted:
    """Write the selected lines to a Parquet file, which appears when all of them are in it.

    Args:
        selection: The lines.
        out: The file.
        squeeze: Largest ratio of width to height; wider lines are narrowed to it. Images are kept byte for byte
            if left out.
        allow_partial: Whether lines whose image is damaged are left out.
        report: Called with the number of lines that were looked at, line by line.

    Raises:
        LineDataError: If an image cannot be read and ``allow_partial`` is off, no line is left, or pyarrow is
            missing.
        OSError: If the disk refuses.
    """
    damaged: list[str] = []
    rows = _rows(selection, squeeze, damaged, allow_partial=allow_partial, report=report)
    written = write_parquet(rows, out)
    return Converted(lines=written, damaged=tuple(damaged))


def squeezed(image: bytes, ratio: float) -> bytes:
    """Return an encoded image as a gray PNG at most ``ratio`` times as wide as it is high; its height stays.

    Raises:
        ImageError: If the image is damaged.
    """
    gray = load_gray(image)
    height, width = gray.shape
    gray = resample(gray, height, min(width, max(1, int(ratio * height))))
    buffer = io.BytesIO()
    Image.fromarray(np.rint(gray.clip(0, 1) * 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def _check(selection: Selection, *, allow_partial: bool) -> None:
    name = f"{selection.dataset.name}, split {selection.split}"
    twice = [id_ for id_, count in Counter(line.id for line in selection.lines).items() if count > 1]
    if twice:
        raise LineDataError(f"{name}: {len(twice)} ids appear twice, for example {twice[0]!r}")
    if not selection.lines:
        raise LineDataError(f"{name}: no line with a transcription and an image{_named(selection.refused)}")
    if allow_partial:
        return
    if selection.refused:
        raise LineDataError(
            f"{name}: {len(selection.refused)} lines cannot be used:{_named(selection.refused)}",
            remedy=f"complete the data set, or {PARTIAL}",
        )
    if len(selection.lines) != selection.published:
        raise LineDataError(
            f"{name}: {len(selection.lines)} lines, the published split has {selection.published}",
            remedy=f"check the archives and lists against {DOCUMENT}, or {PARTIAL}",
        )


def _rows(
    selection: Selection,
    squeeze: float | None,
    damaged: list[str],
    *,
    allow_partial: bool,
    report: Callable[[int], None],
) -> Iterator[ParquetLine]:
    dataset = selection.dataset
    for number, line in enumerate(selection.lines, 1):
        report(number)
        try:
            image = line.image()
            if squeeze is None:
                load_gray(image)
            else:
                image = squeezed(image, squeeze)
        except (ImageError, LineDataError) as error:
            if not allow_partial:
                raise LineDataError(
                    f"{line.id}: {error.message}", remedy=f"unpack or download it again, or {PARTIAL}"
                ) from error
            damaged.append(f"{line.id}: {error.message}")
            continue
        yield ParquetLine(
            image=image,
            text=line.text,
            id=line.id,
            dataset=dataset.name,
            writer=line.writer or None,
            document=line.document or None,
            seen_writer=dataset.seen_writer,
            split=str(selection.split),
            language=dataset.language,
            licence=dataset.licence,
        )


def _named(sentences: tuple[str, ...]) -> str:
    rest = f"\n  and {len(sentences) - 10} more" if len(sentences) > 10 else ""
    return "".join(f"\n  {sentence}" for sentence in sentences[:10]) + rest
