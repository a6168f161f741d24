"""Words that the end of a line divides, joined; the lines keep the parts as they are written."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from inkport.pages.page import Line, Page, Region, Word


HYPHENS = ("-", "\u2010", "\u00ac", "=", "\u2e17")
"""What ends a line within a word: hyphen-minus, hyphen, the not sign of archives' transcriptions, and the double
hyphens of German hands, as = and as ⸗."""


def join_hyphens(page: Page) -> Page:
    """Return a page whose divided words know their whole.

    The last word of a line that ends in a hyphen behind a letter, and the first word of the next line of its region, if
    that begins with a small letter, are two parts of one word. Both keep their text; ``whole`` and ``part`` are set.
    Dropped lines are passed over.
    """
    return replace(page, regions=tuple(_joined(region) for region in page.regions))


def hyphen_of(word: Word) -> str:
    """Return the hyphen that the first part of a divided word ends in."""
    return word.text[-1:] if word.part == 1 else ""


def running_text(lines: tuple[Line, ...], *, joined: bool) -> list[str]:
    """Return the text of each line that is not dropped.

    Args:
        lines: Lines of a region, in reading order.
        joined: Whether a divided word stands whole where it begins, and a line that is then empty is left out.
    """
    kept = [line for line in lines if not line.dropped]
    if not joined:
        return [line.text for line in kept]
    texts = [
        " ".join(_spoken(word) for word in line.words if word.part != 2) if line.words else line.text for line in kept
    ]
    return [text for text, line in zip(texts, kept, strict=True) if text or not line.words]


def _spoken(word: Word) -> str:
    return word.whole if word.part == 1 else word.text


def _joined(region: Region) -> Region:
    lines = list(region.lines)
    places = [index for index, line in enumerate(lines) if not line.dropped]
    for first, second in pairwise(places):
        upper, lower = _with_words(lines[first]), _with_words(lines[second])
        if not (upper.words and lower.words and _divides(upper.words[-1], lower.words[0])):
            continue
        whole = upper.words[-1].text[:-1] + lower.words[0].text
        before, last = upper.words[:-1], upper.words[-1]
        begin, after = lower.words[0], lower.words[1:]
        lines[first] = replace(upper, words=(*before, replace(last, whole=whole, part=1)))
        lines[second] = replace(lower, words=(replace(begin, whole=whole, part=2), *after))
    return replace(region, lines=tuple(lines))


def _with_words(line: Line) -> Line:
    """Return the line with words; where a source does not divide it, they have no places."""
    return line if line.words or not line.text else replace(line, words=tuple(Word(text=t) for t in line.text.split()))


def _divides(last: Word, first: Word) -> bool:
    if last.part or first.part:
        # A word over three lines: the middle part would have two wholes.
        return False
    return last.text.endswith(HYPHENS) and last.text[-2:-1].isalpha() and first.text[:1].islower()
