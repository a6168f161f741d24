"""Lines that only a result may be reported on: nothing is trained, calibrated or chosen by them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

from inkport.core.errors import LineDataError
from inkport.lines.line import Line


TEST = "test"
"""Name of the split in line sets."""
LIST = "test-lines.json"
"""The test lines of inkport's own reports: per line set, the hashes of its ids; ``scripts/test_lines.py`` writes it."""
HASH_DIGITS = 16
"""Hex digits of an id's SHA-256 in the list; that two of 27,000 ids share them has a probability below 10^-10."""


def hash_id(name: str) -> str:
    """Return what the list has of an id."""
    return hashlib.sha256(name.encode()).hexdigest()[:HASH_DIGITS]


@cache
def listed_hashes() -> frozenset[str]:
    """Return the hashes of the ids of all listed test lines."""
    content = json.loads((files("inkport.lines") / LIST).read_text(encoding="utf-8"))
    return frozenset(name for hashes in content["line_sets"].values() for name in hashes)


def is_listed(name: str) -> bool:
    """Return whether an id is that of a listed test line, also where a set repeats it (``id#2``)."""
    return not listed_hashes().isdisjoint({hash_id(name), hash_id(re.sub(r"#\d+$", "", name))})


def refuse_test_lines(lines: Iterable[Line], *, purpose: str, allow: bool = False) -> Iterator[Line]:
    """Yield the lines, as long as none is a test line.

    Args:
        lines: Lines to learn from, to calibrate on or to choose by.
        purpose: What they are for, in errors.
        allow: Whether test lines may pass.

    Raises:
        LineDataError: If a line's split is ``test``, or its id is listed.
    """
    for line in lines:
        if not allow and (line.split == TEST or is_listed(line.id)):
            why = "its split is 'test'" if line.split == TEST else "it is one that inkport's reports are made on"
            raise LineDataError(
                f"{purpose}: {line.id!r} is a test line ({why})",
                remedy="use lines of training or validation; a result on lines that were learnt from is worth nothing",
            )
        yield line
