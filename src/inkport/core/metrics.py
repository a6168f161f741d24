"""Character and word error rates, as micro averages over a set of lines.

CER is the summed edit distance over the summed length of the references, case-sensitive, with punctuation
and accents, on texts normalised by ``normalise_text``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inkport.core.charset import normalise_text


@dataclass(frozen=True)
class ErrorRate:
    """Edits and reference length of one or more lines."""

    edits: int
    """Insertions, deletions and substitutions."""
    length: int
    """Symbols (CER) or words (WER) in the references."""

    @property
    def rate(self) -> float:
        """Edits per reference unit; with an empty reference 0 if nothing was read, else infinity."""
        if self.length:
            return self.edits / self.length
        return 0.0 if self.edits == 0 else float("inf")


def edit_distance(a: Sequence[object], b: Sequence[object]) -> int:
    """Return the Levenshtein distance: the fewest insertions, deletions and substitutions from a to b.

    Source:
        Wagner & Fischer, *The String-to-String Correction Problem* (1974).
    """
    if len(a) < len(b):
        a, b = b, a
    previous = list(range(len(b) + 1))
    for i, left in enumerate(a, start=1):
        current = [i]
        for j, right in enumerate(b, start=1):
            current.append(min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (left != right)))
        previous = current
    return previous[-1]


def cer(references: Iterable[str], readings: Iterable[str]) -> ErrorRate:
    """Return the character error rate of ``readings`` against ``references``, paired in order.

    Raises:
        ValueError: If the two differ in length.
    """
    return _total((normalise_text(a), normalise_text(b)) for a, b in zip(references, readings, strict=True))


def wer(references: Iterable[str], readings: Iterable[str]) -> ErrorRate:
    """Return the word error rate, words being what white space separates.

    Raises:
        ValueError: If the two differ in length.
    """
    return _total(
        (normalise_text(a).split(), normalise_text(b).split()) for a, b in zip(references, readings, strict=True)
    )


_PUNCTUATION = re.compile(r"([\[\]{}/\\()\"'&+*=<>?.;:,!\-—_€#%°])")


def htr_words(text: str) -> list[str]:
    r"""Split ``text`` into words with each punctuation mark as a word of its own.

    Source:
        The evaluation of VAN, HTR-VT and HTR-ConvText, which set spaces around
        ``[ ] { } / \ ( ) " ' & + * = < > ? . ; : , ! - — _ € # % °`` before splitting.
    """
    return _PUNCTUATION.sub(r" \1 ", normalise_text(text)).split()


def wer_htr(references: Iterable[str], readings: Iterable[str]) -> ErrorRate:
    """Return the word error rate in the protocol of the HTR literature (``htr_words``).

    Raises:
        ValueError: If the two differ in length.
    """
    return _total((htr_words(a), htr_words(b)) for a, b in zip(references, readings, strict=True))


def _total(pairs: Iterable[tuple[Sequence[object], Sequence[object]]]) -> ErrorRate:
    edits = length = 0
    for reference, reading in pairs:
        edits += edit_distance(reference, reading)
        length += len(reference)
    return ErrorRate(edits, length)
