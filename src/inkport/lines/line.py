"""One line of a line set: an encoded image, its text, and who wrote it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inkport.core.charset import normalise_text
from inkport.core.errors import LineDataError
from inkport.core.image import MAX_PIXELS, PIXEL_BYTES, REST_BYTES, load_colour, load_gray, load_pixels
from inkport.core.preprocess import PreprocessSpec
from inkport.core.reading import read_bytes


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
    """Who wrote it; empty where the source does not know."""
    document: str = ""
    """The document that it belongs to; empty where the source does not say."""
    seen_writer: bool = False
    """Whether the model may have seen this writer in training."""
    split: str = ""
    """Part of the data set: ``train``, ``val`` or ``test``; empty where the source does not say."""
    source: str = field(default="", compare=False)
    """The file or folder that it was read from, as it was named; says in errors which of two equal lines is meant."""

    @property
    def unit(self) -> tuple[str, str, str] | None:
        """The independent unit that the line belongs to, or None where neither writer nor document is known.

        Data set, ``"writer"`` or ``"document"``, name. All documents of a known writer are one unit; names of
        two data sets are not compared.
        """
        if self.writer:
            return self.dataset, "writer", self.writer
        return (self.dataset, "document", self.document) if self.document else None

    @property
    def content(self) -> str:
        """SHA-256 (hex) of the decoded image and the normalised text: what makes two lines the same line.

        File names, ids, formats, data sets and splits play no part. Pixels count at 8 bits, as this machine decodes
        them: two libraries for JPEG may differ by a level.

        Raises:
            ImageError: If the image is damaged.
        """
        return self._digests[0]

    @property
    def picture(self) -> str:
        """SHA-256 (hex) of the decoded image alone, as in ``content``: for what does not look at the text.

        Raises:
            ImageError: If the image is damaged.
        """
        return self._digests[1]

    @cached_property
    def _digests(self) -> tuple[str, str]:
        pixels = np.rint(self.gray() * 255).astype(np.uint8)
        picture = hashlib.sha256(f"{pixels.shape[0]} {pixels.shape[1]}\n".encode() + pixels.tobytes())
        content = picture.copy()
        content.update(normalise_text(self.text).encode())
        return content.hexdigest(), picture.hexdigest()

    def gray(self) -> npt.NDArray[np.float32]:
        """Return the image, float32 (h, w), 0 black .. 1 white.

        Raises:
            ImageError: If the image is damaged; the line's id is named.
        """
        return load_gray(self.image, name=self.id)

    def pixels(self, preprocess: PreprocessSpec | None = None) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
        """Return the image for ``prepare``: uint8 (h, w), 0 black .. 255 white; of 16-bit gray, float32 as ``gray``.

        For a recogniser that takes colours, they are float32 (h, w, 3), 0..1.

        Args:
            preprocess: How the recogniser takes images; gray if left out.

        Raises:
            ImageError: If the image is damaged; the line's id is named.
        """
        if preprocess is not None and preprocess.coloured:
            return load_colour(self.image, name=self.id)
        return load_pixels(self.image, name=self.id)


def hands(lines: Iterable[Line]) -> list[tuple[str, str, str]]:
    """Return whose each line is: data set; ``writer``, ``document``, or nothing where neither is known; the name."""
    return [line.unit or (line.dataset, "", "") for line in lines]


def digest_lines(lines: Iterable[Line]) -> str:
    """Return the SHA-256 (hex) of ids, texts and encoded images, in order: the data's identity in a report.

    Raises:
        LineDataError: If an image file cannot be read.
    """
    digest = hashlib.sha256()
    for line in lines:
        for part in (line.id.encode(), line.text.encode(), _encoded(line)):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _encoded(line: Line) -> bytes:
    try:
        return (
            line.image
            if isinstance(line.image, bytes)
            else read_bytes(line.image, limit=PIXEL_BYTES * MAX_PIXELS + REST_BYTES)
        )
    except OSError as error:
        raise LineDataError(f"{line.id}: the image cannot be read ({error})", remedy="check the path") from error
