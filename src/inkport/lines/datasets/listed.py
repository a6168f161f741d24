"""What a reader of an official layout yields: a line of a split, whose image is made on request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


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
