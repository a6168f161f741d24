"""One line of a line set: an encoded image, its text, and who wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inkport.core.image import load_gray


@dataclass(frozen=True, kw_only=True)
class Line:
    """An image of one text line with its transcription; the image is decoded on request."""

    id: str
    """Unique within its line set; named in every report."""
    image: bytes | Path
    """The encoded image, or the file that holds it."""
    text: str
    """Transcription, as in the source."""
    dataset: str = ""
    """Which data set the line belongs to; error rates are reported per data set."""
    writer: str = ""
    """Writer or document; lines of one writer are not independent and are resampled together."""
    seen_writer: bool = False
    """Whether the model may have seen this writer in training."""
    split: str = ""
    """Part of the data set: ``train``, ``val`` or ``test``; empty where the source does not say."""

    def gray(self) -> npt.NDArray[np.float32]:
        """Return the image, float32 (h, w), 0 black .. 1 white.

        Raises:
            ImageError: If the image is damaged; the line's id is named.
        """
        return load_gray(self.image, name=self.id)
