"""What recognisers return that decode by themselves: a text per line, and how sure it is where they tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inkport.core.config import parse_config
from inkport.core.ctc import Transcription
from inkport.core.errors import RecipeError, RuntimeExecutionError


@dataclass(frozen=True)
class ReadText:
    """What was read on one line."""

    text: str
    """The text."""
    confidence: float | None = None
    """How sure it is, 0..1; None where the recogniser does not say."""


def texts_fault(found: object, lines: int) -> str | None:
    """Check what a session that reads must return: one ``ReadText`` per line, in order.

    Args:
        found: What a session returned.
        lines: How many lines it was given.

    Returns:
        The fault in one phrase, or None if there is none.
    """
    if not isinstance(found, Sequence) or isinstance(found, str | bytes):
        return f"returns a {type(found).__name__}, expected a list of texts"
    if len(found) != lines:
        return f"drops the batch: {len(found)} lines come back for {lines}"
    return next((fault for item in found if (fault := _fault(item))), None)


def _fault(item: object) -> str | None:
    if not isinstance(item, ReadText):
        return f"returns a list of {type(item).__name__}, expected ReadText"
    text: object = item.text
    if not isinstance(text, str):
        return f"returns a {type(text).__name__} as a text"
    if not text.isascii() and any("\ud800" <= symbol <= "\udfff" for symbol in text):
        return f"returns a text with half a surrogate pair, {text!r}"
    sure: object = item.confidence
    if sure is None or (type(sure) in (float, int) and isinstance(sure, float | int) and 0 <= sure <= 1):
        return None
    return f"returns a confidence of {sure!r}, expected a number within 0..1, or None"


def transcription(found: ReadText) -> Transcription:
    """Return a text as what the decoders here return; nothing is known of its symbols' places and gaps."""
    return Transcription(found.text, (), math.inf, confidence=found.confidence)


def plain_texts(found: Sequence[ReadText]) -> list[dict[str, Any]]:
    """Return texts as JSON has them; ``parse_texts`` inverts it."""
    return [{"text": read.text, "confidence": read.confidence} for read in found]


def parse_texts(data: object, *, label: str) -> list[ReadText]:
    """Read what ``plain_texts`` wrote in another process.

    Args:
        data: What it answered.
        label: Names the process in errors.

    Raises:
        RuntimeExecutionError: If it is anything else.
    """
    if not isinstance(data, list):
        raise RuntimeExecutionError(f"{label}: answered with a {type(data).__name__}, expected a list of texts")
    try:
        return [parse_config(ReadText, item, where=f"texts[{i}]") for i, item in enumerate(data)]
    except RecipeError as error:
        raise RuntimeExecutionError(f"{label}: answered with {error.message}") from error
