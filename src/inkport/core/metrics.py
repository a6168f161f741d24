"""Character and word error rates, as micro averages over a set of lines.

CER is the summed edit distance over the summed length of the references, case-sensitive, with punctuation
and accents, on texts normalised by ``normalise_text``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

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


def edit_distance(a: Sequence[object], b: Sequence[object], *, gap: int = 1, substitution: int = 1) -> int:
    """Return the least cost of insertions, deletions and substitutions that lead from a to b: Levenshtein's distance.

    rapidfuzz computes it where it is installed (the extra ``fast``), ``plain_edit_distance`` elsewhere; both are exact.

    Args:
        a: Text, or words.
        b: Likewise.
        gap: Cost of an insertion or a deletion, at least 1.
        substitution: Cost of a substitution, between 1 and twice ``gap``.
    """
    fast = _rapidfuzz()
    if fast is None:
        return plain_edit_distance(a, b, gap=gap, substitution=substitution)
    if not (isinstance(a, str) and isinstance(b, str)):
        # rapidfuzz compares hashes, which can be equal for different words; small numbers are hashes of their own.
        numbers: dict[object, int] = {}
        a, b = ([numbers.setdefault(symbol, len(numbers)) for symbol in symbols] for symbols in (a, b))
    return fast(a, b, weights=(gap, gap, substitution))


def plain_edit_distance(a: Sequence[object], b: Sequence[object], *, gap: int = 1, substitution: int = 1) -> int:
    """Return what ``edit_distance`` returns, without a package: the fallback, and the oracle of the tests."""
    start = _alike(a, b)
    a, b = a[start:], b[start:]
    end = _alike(a[::-1], b[::-1])
    *_, last = edit_costs(a[: len(a) - end], b[: len(b) - end], gap=gap, substitution=substitution)
    return last[-1]


def edit_costs(
    a: Sequence[object], b: Sequence[object], *, gap: int, substitution: int, band: int | None = None
) -> Iterator[list[int]]:
    """Yield, for each start of ``a``, the empty one first, what it costs to get from there to each start of ``b``.

    Args:
        a: Text, or symbols.
        b: Likewise.
        gap: Cost of an insertion or a deletion.
        substitution: Cost of a substitution.
        band: Looks only at starts whose lengths are at most this far apart, and says of the others that they cost more
            than anything; a cost of less than ``band + 1`` edits is exact. Without it, all are.

    Source:
        Wagner & Fischer, *The String-to-String Correction Problem* (1974); Ukkonen, *Algorithms for Approximate String
        Matching* (1985): a script of k edits stays within k of the diagonal.
    """
    reach = max(len(a), len(b)) if band is None else band
    never = (len(a) + len(b) + 1) * max(gap, substitution)
    row = [j * gap if j <= reach else never for j in range(len(b) + 1)]
    yield row
    for i, left in enumerate(a, start=1):
        above, row = row, [never] * (len(b) + 1)
        row[0] = i * gap if i <= reach else never
        for j in range(max(1, i - reach), min(len(b), i + reach) + 1):
            diagonal = above[j - 1] + (0 if left == b[j - 1] else substitution)
            row[j] = min(diagonal, above[j] + gap, row[j - 1] + gap)
        yield row


def _alike(a: Sequence[object], b: Sequence[object]) -> int:
    """Return how many symbols both begin with."""
    return next((i for i, (left, right) in enumerate(zip(a, b, strict=False)) if left != right), min(len(a), len(b)))


@cache
def _rapidfuzz() -> Callable[..., int] | None:
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError:
        return None
    return Levenshtein.distance


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
