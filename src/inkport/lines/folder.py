"""Line sets as plain files: images with ``.gt.txt`` beside them, TSV manifests, and descriptions in TOML.

A description says what the files of a line set do not, and is passed wherever a line set is:

.. code-block:: toml

    lines = ["letters.parquet", "drafts"]   # beside this file
    writer = "Joseph Hooker"                # one hand wrote them all
    # or: writer_column = "scribe"
    # document_column = "folio"
    # dataset = "letters"
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from inkport.core.config import parse_config
from inkport.core.documents import TOML_BYTES, parse_toml
from inkport.core.errors import LineDataError, RecipeError
from inkport.core.hub.reference import within
from inkport.core.reading import read_bytes
from inkport.lines.fields import PLAIN, Meaning, check_columns, to_line
from inkport.lines.line import Line


TEXT_BYTES = 1 << 20
"""Largest file with the text of one line."""
TEXT_SUFFIX = ".gt.txt"
"""End of the name of a text file, in upper or lower case."""
_JPEG_2000 = (".j2c", ".j2k", ".jp2", ".jpc", ".jpf", ".jpx")
_NETPBM = (".pbm", ".pfm", ".pgm", ".pnm", ".ppm")
_JPEG = (".jfif", ".jpe", ".jpeg", ".jpg", ".mpo")
IMAGE_SUFFIXES = (".apng", ".bmp", ".gif", *_JPEG_2000, *_JPEG, *_NETPBM, ".png", ".tif", ".tiff", ".webp")
"""Image files that a folder is searched for: those of every format that ``inkport.core.image`` opens."""
VARIANTS = (".bin", ".dew", ".nrm", ".raw")
"""What OCRopus and kraken put between a line's name and the suffix: its binarised, dewarped, normalised, raw image."""
NAMED = 10
"""Most files that one error names."""


def read_folder(path: Path, *, dataset: str) -> Iterator[Line]:
    """Yield a line per image of the folder, by name.

    The text of ``a.png`` (or ``a.nrm.png``) stands in ``a.gt.txt``, that of ``page.2.png`` in ``page.2.gt.txt``, as in
    kraken and OCRopus. An image without a text, a text without an image, and two images of one text are errors:
    silence would lose a line or count it twice. Hidden files and sub-folders are not searched.

    Args:
        path: The folder.
        dataset: Name of the data set.

    Raises:
        LineDataError: If it cannot be listed, there is no image, a text cannot be read, or files do not pair up.
    """
    names = _names(path)
    images = _images(names)
    texts = {name[: -len(TEXT_SUFFIX)]: name for name in names if name.lower().endswith(TEXT_SUFFIX)}
    if not images and not texts:
        raise _no_image(path)
    pairs: dict[str, list[str]] = defaultdict(list)
    for image in images:
        pairs[_stem(image, texts)].append(image)
    if faults := [*_unpaired(pairs, texts, names)]:
        named = "".join(f"\n  {fault}" for fault in faults[:NAMED])
        rest = f"\n  and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
        raise LineDataError(
            f"{path}: {len(faults)} images or texts that are not one pair:{named}{rest}",
            remedy="complete the pairs, or move away what is not a line; a .tsv manifest pairs other names",
        )
    for image, text in sorted((image, texts[stem]) for stem, (image,) in pairs.items()):
        yield Line(id=image, image=path / image, text=read_text(path / text), dataset=dataset)


def list_images(path: Path, *, suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> list[str]:
    """Return the names of the folder's images, sorted; hidden files are none.

    Args:
        path: The folder.
        suffixes: What their names end in, in small letters.

    Raises:
        LineDataError: If it cannot be listed, or there is none.
    """
    if not (images := [name for name in _names(path) if Path(name).suffix.lower() in suffixes]):
        raise _no_image(path)
    return images


def read_text(path: Path, *, limit: int = TEXT_BYTES) -> str:
    """Return the content of a UTF-8 file, with or without a byte order mark, its line ends as newlines.

    Args:
        path: The file.
        limit: Most bytes that it may have.

    Raises:
        LineDataError: If it cannot be read as such, or is larger.
    """
    try:
        text = read_bytes(path, limit=limit).decode("utf-8-sig")
        return text.replace("\r\n", "\n").replace("\r", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise LineDataError(
            f"{path}: cannot be read as UTF-8 text ({error})", remedy="save it as UTF-8, and check that it can be read"
        ) from error


def _names(path: Path) -> list[str]:
    """Return the names of the folder's files, hidden ones left out."""
    try:
        return sorted(p.name for p in path.iterdir() if not p.name.startswith(".") and p.is_file())
    except OSError as error:
        raise LineDataError(f"{path}: the folder cannot be read ({error})", remedy="check its permissions") from error


def _images(names: Sequence[str]) -> list[str]:
    return [name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES]


def _stem(image: str, texts: dict[str, str]) -> str:
    """Return the name that an image shares with its text: never that of another line."""
    stem = Path(image).stem
    shorter, dot, variant = stem.rpartition(".")
    return shorter if dot and stem not in texts and f".{variant.lower()}" in VARIANTS else stem


def _unpaired(pairs: dict[str, list[str]], texts: dict[str, str], names: Sequence[str]) -> Iterator[str]:
    for stem in sorted(pairs.keys() | texts.keys()):
        found = pairs.get(stem, [])
        if len(found) > 1:
            yield f"{stem}: {', '.join(found)} are images of one text; keep one of them"
        elif not found:
            others = [name for name in names if name.startswith(f"{stem}.") and name != texts[stem]]
            beside = f", found {', '.join(others[:3])}" if others else ""
            yield f"{texts[stem]}: no image beside it{beside}"
        elif stem not in texts:
            plain = f"; rename {stem}.txt" if f"{stem}.txt" in names else ""
            yield f"{found[0]}: no transcription beside it, expected {stem}{TEXT_SUFFIX}{plain}"


def _no_image(path: Path) -> LineDataError:
    inner = sorted(p.name for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    folders = f"; folders in it are not searched: {', '.join(inner[:3])}" if inner else ""
    return LineDataError(
        f"{path}: no image here (looked for {', '.join(IMAGE_SUFFIXES)}){folders}",
        remedy=f"pass the folder that holds the images with their {TEXT_SUFFIX}",
    )


MANIFEST_BYTES = 256 << 20
"""Largest manifest: one of a million lines has 100 MB."""


def read_manifest(path: Path, meaning: Meaning = PLAIN) -> Iterator[Line]:
    """Yield the lines of a TSV manifest (UTF-8), in order.

    The first row names the columns: ``image`` (a path relative to the manifest) and ``text``; optional
    ``id``, ``dataset``, ``writer``, ``document`` (or ``writer_or_document``), ``seen_writer`` (``true`` or ``false``),
    ``split``. Fields are never quoted. Empty rows at the end are none. A row that names no image is a bad image.

    Args:
        path: The file.
        meaning: What is said about its columns.

    Raises:
        LineDataError: If a required column is absent or one appears twice, a row has another number of fields, or a
            field is not what its column holds.
    """
    # Not splitlines(): texts may hold other line separators of Unicode.
    header, *rows = [row.split("\t") for row in read_text(path, limit=MANIFEST_BYTES).rstrip("\n").split("\n")]
    check_columns(header, meaning, f"{path}: the first row")
    for number, row in enumerate(rows, start=2):
        where = f"{path}: row {number}"
        if len(row) != len(header):
            raise LineDataError(
                f"{where} has {len(row)} fields, expected {len(header)}",
                remedy="separate fields by one tab; a text cannot hold a tab or a line end",
            )
        cells = dict(zip(header, row, strict=True))
        image = cells.pop("image")
        if "\0" in image:
            raise LineDataError(f"{where}: image is {image!r}, no path holds NUL", remedy="write the file's path")
        yield to_line(
            cells,
            image=path.parent / image if image else b"",
            name=image or f"{path.stem}:{number}",
            dataset=path.stem,
            meaning=meaning,
            where=where,
        )


SUFFIX = ".toml"
"""Suffix of a description."""


@dataclass(frozen=True, kw_only=True)
class Description(Meaning):
    """The content of a description."""

    lines: tuple[Path, ...]
    """Line sets, relative to the description, or on the hub."""


def read_description(path: Path) -> Description:
    """Read a description; its line sets are given relative to the current folder.

    Raises:
        LineDataError: If it cannot be read, is not a description, names no line set or another description, or says
            both who the writer is and which column names one.
    """
    try:
        document = parse_toml(read_text(path, limit=TOML_BYTES), where=str(path))
        found = parse_config(Description, document, where=str(path))
    except RecipeError as error:
        raise LineDataError(
            f"{error.message}; not the description of a line set",
            remedy=error.remedy or "inkport's documentation (docs/data.md) shows a description",
        ) from error
    if not found.lines:
        raise LineDataError(f"{path}: lines names no line set", remedy="name at least one, relative to this file")
    if nested := [name for name in found.lines if name.suffix.lower() == SUFFIX]:
        raise LineDataError(f"{path}: {nested[0]} is a description itself", remedy="name the line sets in it")
    if found.writer and found.writer_column:
        raise LineDataError(f"{path}: both writer and writer_column are given", remedy="give one of them")
    return Description(
        lines=tuple(within(path.parent, name) for name in found.lines),
        writer=found.writer,
        writer_column=found.writer_column,
        document_column=found.document_column,
        dataset=found.dataset,
    )
