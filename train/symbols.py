"""A file of symbols: the charset of a recogniser that shall know more than its training texts hold."""

from __future__ import annotations

from pathlib import Path

from inkport.core.charset import Charset, normalise_text
from inkport.core.errors import UsageError


def read_symbols(path: Path) -> Charset:
    """Return the symbols of a UTF-8 text file, a space first, then the others in their order.

    Raises:
        UsageError: If it cannot be read.
        CharsetError: If one is a control character, or no single code point.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as UTF-8 text ({error})", remedy="pass a file of symbols") from error
    return Charset(tuple(dict.fromkeys(" " + normalise_text(content))))
