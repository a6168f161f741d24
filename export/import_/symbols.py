"""Charsets of other projects: files, metadata, and what their configurations say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inkport.core.charset import Charset
from inkport.core.documents import parse_json
from inkport.core.errors import CharsetError, DataError, UsageError
from inkport.core.reading import read_bytes


CHARSET_BYTES = 4 << 20
"""Largest file of a charset: one of 100,000 symbols has half a megabyte."""


@dataclass(frozen=True)
class Found:
    """Symbols and where they were found."""

    symbols: tuple[str, ...]
    """In the order of the file."""
    where: str
    """Names the place, for the record and for errors."""


def read_symbols(path: Path) -> Found:
    """Read a charset: a JSON list of strings (``.json``), or a text file with one symbol per line.

    A line is taken as it is, spaces and empty lines included; the end of the last line is no line.

    Raises:
        DataError: If it cannot be read, or is neither.
    """
    try:
        data = read_bytes(path, limit=CHARSET_BYTES)
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a charset in UTF-8 ({error})", remedy="pass one symbol per line") from error
    if path.suffix.lower() == ".json":
        return Found(_strings(parse_json(data, where=str(path)), str(path)), path.name)
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    return Found(tuple(lines), path.name)


def _strings(found: object, where: str) -> tuple[str, ...]:
    if isinstance(found, str):
        return tuple(found)
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise DataError(f"{where}: expected a list of symbols, or one text of all symbols")
    return tuple(found)


def charset_for(found: Found, classes: int, *, blank: int, space: bool | None) -> tuple[Charset, int, list[str]]:
    """Fit symbols to a network's classes.

    Args:
        found: The symbols.
        classes: Number of the network's classes.
        blank: Class of the blank; negative ones count from the last.
        space: Whether the file leaves out a space, which is the last symbol; None if nobody said so.

    Returns:
        The charset, the class of the blank, and what was done, in sentences.

    Raises:
        UsageError: If their numbers do not fit.
    """
    symbols, notes = list(found.symbols), []
    place = blank if blank >= 0 else classes + blank
    if not 0 <= place < classes:
        raise UsageError(f"blank {blank} is outside the classes, 0..{classes - 1}", remedy="pass --set blank=CLASS")
    if space and len(symbols) == classes - 2:
        symbols.append(" ")
        notes.append(f"{found.where} leaves out the space, which is the last symbol")
    elif len(symbols) == classes:
        notes.append(
            f"{found.where} has a symbol for every class; {symbols[place]!r} of the blank (class {place}) is left out"
        )
        symbols.pop(place)
    if len(symbols) != classes - 1:
        raise UsageError(
            f"the network has {classes} classes, the blank among them, so {classes - 1} symbols; {found.where} has "
            f"{len(found.symbols)}",
            remedy="pass the charset that it was trained with as --charset FILE, one symbol per line"
            + ("; --set space=true adds a space at the end" if len(symbols) == classes - 2 else ""),
        )
    try:
        return Charset(tuple(symbols), free=True), place, notes
    except CharsetError as error:
        raise UsageError(f"{found.where}: {error.message}", remedy=error.remedy) from error


def symbols_of(text: Sequence[str] | str, where: str) -> Found:
    """Return the symbols that a configuration gives, as a text or a list.

    Raises:
        DataError: If it is neither.
    """
    return Found(_strings(text if isinstance(text, str) else list(text), where), where)
