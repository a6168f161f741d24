"""Why lines cannot be used; imports nothing heavy, for the help of `inkport --help` names the problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Problem(StrEnum):
    """Why a line cannot be used; the value is its name on the command line and in recipes."""

    BAD_IMAGE = "bad-image"
    """Damaged, too small, or wider than the recogniser takes."""
    EMPTY_TEXT = "empty-text"
    """No transcription, or only white space."""
    RIGHT_TO_LEFT = "right-to-left"
    """The text has letters that are written from right to left."""
    UNKNOWN_SYMBOL = "unknown-symbol"
    """The text has a symbol outside the charset."""
    TOO_FEW_FRAMES = "too-few-frames"
    """CTC has no path: the image gives fewer frames than the text needs."""


@dataclass(frozen=True)
class Finding:
    """One unusable line."""

    id: str
    """The line's id."""
    problem: Problem
    """What is wrong."""
    detail: str
    """The sentence that says so."""


def summarise(findings: Iterable[Finding]) -> str:
    """Return how often each problem was found, sorted by name."""
    counts = Counter(str(finding.problem) for finding in findings)
    return ", ".join(f"{count} {problem}" for problem, count in sorted(counts.items()))
