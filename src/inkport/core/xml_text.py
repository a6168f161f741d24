"""Text for XML."""

from __future__ import annotations

import re


FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped; readings may."""


def xml_text(text: str) -> str:
    """Return a text with the replacement character for what XML cannot hold."""
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
