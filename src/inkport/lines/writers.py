"""Hands that are known although the line sets name only documents.

Whoever reads eight notebooks of one man has read one hand. The sets of public lines that the shipped models learned
from and are reported on (``docs/data.md``) have the column ``writer_or_document``; what their sources say about the
writers stands here. Sets of your own say it in a column, or in a description (``inkport.lines.description``).
"""

from __future__ import annotations

from collections.abc import Mapping


ONE_HAND: Mapping[tuple[str, str], str] = {
    ("hooker", "hooker/"): "hooker",
    ("lectaurep", "lectaurep/dufour-"): "dufour",
    ("lectaurep", "lectaurep/riant-"): "riant",
    ("mss20", "mss20/"): "mss20",
    ("peraire", "peraire/"): "peraire",
}
"""Writer by data set and start of the document's name.

Peraire's notebooks, Hooker's letters, one letter of the 20th century, and the registers of the notaries Dufour and
Riant are one hand each. The other registers (about 13 hands) and Time Us (few clerks) are not, and nobody says which
page is whose: their documents stay documents.
"""


def known_writer(dataset: str, document: str) -> str:
    """Return who wrote a document, or the empty text where that is not known."""
    found = (name for (known, start), name in ONE_HAND.items() if dataset == known and document.startswith(start))
    return next(found, "")
