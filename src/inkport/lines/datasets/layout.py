"""What the readers of official layouts share: the lines of a split, and the parts of a layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from inkport.core.errors import LineDataError
from inkport.core.reading import read_bytes


class Split(StrEnum):
    """Part of a data set."""

    TRAIN = "train"
    """Lines to learn from."""
    VAL = "val"
    """Lines to select weights by."""
    TEST = "test"
    """Lines to report on."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A line that a split lists, whether it can be used or not."""

    id: str
    """The line's name in the data set."""
    text: str = ""
    """Transcription with white space collapsed; empty if there is none."""
    writer: str = ""
    """Who wrote it; empty where the layout does not say."""
    document: str = ""
    """Form, page, letter or period that it belongs to; empty where the layout does not say."""
    image: Callable[[], bytes] = bytes
    """Returns the encoded image; raises ImageError or LineDataError if that cannot be had."""
    missing: str = ""
    """What the line lacks besides its transcription; empty if nothing."""


def collapsed(text: str | None) -> str:
    """Return ``text`` with each run of white space as one space and none at the ends."""
    return " ".join((text or "").split())


MAX_BYTES = 256 << 20
"""Largest file of a data set that is read whole; pages, the largest, have a few megabytes."""
DOCUMENT = "inkport's documentation (docs/datasets.md)"
"""Where the layouts are shown."""
MAX_NAME_BYTES = 240
"""Longest name without its suffix: file systems take 255 bytes."""


def find_place(root: Path, *choices: str) -> Path:
    """Return the one of ``choices`` (paths relative to ``root``) that exists.

    Raises:
        LineDataError: If none does, or more than one: which is meant is not guessed.
    """
    found = [choice for choice in choices if (root / choice).exists()]
    if len(found) == 1:
        return root / found[0]
    if found:
        raise LineDataError(
            f"{root}: {' and '.join(found)} are both here, expected one of them", remedy="move the others away"
        )
    raise LineDataError(
        f"{root}: no {' or '.join(choices)} here, found {_content(root)}",
        remedy=f"unpack the data set as {DOCUMENT} shows, and pass the folder that holds it",
    )


def read_names(path: Path) -> list[str]:
    """Return the names in a list file, one a line, in order.

    Raises:
        LineDataError: If the file cannot be read, is empty, or names something twice or by a path.
    """
    names = [row.strip() for row in read_text(path).splitlines() if row.strip()]
    if not names:
        raise LineDataError(f"{path}: the list is empty, expected one name a line")
    seen: set[str] = set()
    for name in names:
        check_name(name, path)
        if name in seen:
            raise LineDataError(f"{path}: {name!r} appears in the list twice")
        seen.add(name)
    return names


def check_name(name: str, where: Path) -> str:
    """Return ``name`` if it is the bare name of a file, so that no list leads out of its data set.

    Raises:
        LineDataError: If it is empty, a path, or longer than a file's name can be.
    """
    if len(name.encode()) > MAX_NAME_BYTES:
        raise LineDataError(f"{where}: {name[:40]!r}... has {len(name)} letters, no file has so long a name")
    if not name or name in {".", ".."} or any(symbol in name for symbol in "/\\\0"):
        raise LineDataError(f"{where}: {name!r} is not the name of a file in the data set")
    return name


def read_text(path: Path) -> str:
    """Return the content of a UTF-8 file.

    Raises:
        LineDataError: If it cannot be read as such.
    """
    try:
        return read_bytes(path, limit=MAX_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LineDataError(f"{path}: cannot be read as UTF-8 text ({error})") from error


def read_file(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        LineDataError: If it cannot be read.
    """
    try:
        return read_bytes(path, limit=MAX_BYTES)
    except OSError as error:
        raise LineDataError(f"{path}: cannot be read ({error})") from error


def _content(root: Path) -> str:
    names = sorted(f"{p.name}/" if p.is_dir() else p.name for p in root.iterdir())
    if not names:
        return "nothing"
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
