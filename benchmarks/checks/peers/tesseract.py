"""Tesseract, one text line at a time."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from inkport.benchmarks.checks.peers.peer import Answer, Gray, timed
from inkport.core.errors import UsageError
from inkport.core.files import sha256_file


FOLDERS = ("/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tessdata")
"""Where systems keep Tesseract's models, if TESSDATA_PREFIX does not say."""


class Tesseract:
    """Tesseract's LSTM engine in page segmentation mode 7 (one line).

    Args:
        language: Its model, such as ``fra``.

    Raises:
        UsageError: If the model is not there.
    """

    def __init__(self, language: str) -> None:
        # Without it, Tesseract takes every core that there is.
        os.environ["OMP_THREAD_LIMIT"] = "1"
        import tesserocr

        folders = [Path(folder) for folder in (os.environ.get("TESSDATA_PREFIX"), *FOLDERS) if folder]
        folder = next((folder for folder in folders if (folder / f"{language}.traineddata").is_file()), None)
        if folder is None:
            raise UsageError(
                f"Tesseract's model {language!r} is not here (looked in {', '.join(map(str, folders))})",
                remedy=f"apt install tesseract-ocr-{language}, or set TESSDATA_PREFIX",
            )
        self.name = f"Tesseract ({language})"
        self.version = tesserocr.tesseract_version().splitlines()[0]
        self.parameters: int | None = None
        file = folder / f"{language}.traineddata"
        self.bytes, self.sha256 = file.stat().st_size, sha256_file(file)
        self.lm_sha256: str | None = None
        self._api = tesserocr.PyTessBaseAPI(path=str(folder), lang=language, psm=tesserocr.PSM.SINGLE_LINE)

    def macs(self, gray: Gray) -> int | None:
        """Return None: Tesseract's network cannot be looked into."""
        del gray
        return None

    def read(self, gray: Gray) -> Answer:
        """Read one line."""
        image = Image.fromarray(gray)

        def everything() -> str:
            self._api.SetImage(image)
            return str(self._api.GetUTF8Text())

        text, total_ns = timed(everything)
        return Answer(text=text, total_ns=total_ns, network_ns=None)

    def close(self) -> None:
        """End the engine."""
        self._api.End()
