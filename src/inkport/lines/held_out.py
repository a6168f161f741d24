"""Lines that only a result may be reported on: nothing is trained, calibrated or chosen by them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

from inkport.core.errors import ImageError, LineDataError
from inkport.lines.line import Line
from inkport.lines.roles import is_test_split


LIST = "test-lines.json"
"""Digests of the images of the lines that inkport reports on, per line set; ``scripts/test_lines.py`` writes it."""
LIST_DIGITS = 16
"""Hex digits of a digest in the list; that two of 27,000 images share them has a probability below 10^-10."""


@cache
def listed_digests() -> frozenset[str]:
    """Return the digests of the images of all listed test lines."""
    content = json.loads((files("inkport.lines") / LIST).read_text(encoding="utf-8"))
    return frozenset(name for digests in content["line_sets"].values() for name in digests)


def is_listed(line: Line) -> bool:
    """Return whether a line has the image of a listed test line, whatever it is called and whatever its text.

    A copy whose pixels differ, because it was scaled or compressed again, is not recognised; nor is an image that
    cannot be decoded, which cannot be learned from either.
    """
    try:
        return line.picture[:LIST_DIGITS] in listed_digests()
    except ImageError:
        return False


def refuse_test_lines(
    lines: Iterable[Line], *, purpose: str, allow: bool = False, listed: bool = True
) -> Iterator[Line]:
    """Yield the lines, as long as none is a test line.

    Args:
        lines: Lines to learn from, to calibrate on or to choose by.
        purpose: What they are for, in errors.
        allow: Whether test lines may pass.
        listed: Whether images are looked up in the list, which decodes each line; without, splits alone are looked at.

    Raises:
        LineDataError: If a line's split is one for testing, or its image is listed.
    """
    for line in lines:
        if not allow and (why := _why(line, listed=listed)):
            raise LineDataError(
                f"{purpose}: {line.id!r} is a test line ({why})",
                remedy="use lines of training or validation; a result on lines that were learned from is worth nothing",
            )
        yield line


def _why(line: Line, *, listed: bool) -> str:
    if is_test_split(line.split):
        return f"its split is {line.split!r}"
    return "it is one that inkport's reports are made on" if listed and is_listed(line) else ""
