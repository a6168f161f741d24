"""Import the recogniser of ddddocr as its wheel has it, and compare each text with ddddocr's own.

    pip install ddddocr==1.6.1
    python scripts/import_ddddocr.py lines.parquet ...

It is trained for verification codes; lines of writing are read badly, and have to be read equally badly. Of an image in
colour ddddocr resamples three channels and makes them gray afterwards; here it is given gray ones.

Exit code 1 if a text differs.
"""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from foreign import chosen_lines, count_differing, parsed
from PIL import Image

from inkport.core.image import load_gray
from inkport.core.scratch import scratch
from inkport.export.import_.importer import examine, write_import
from inkport.export.import_.settings import parse_settings
from inkport.lines.line import Line


MODEL = "common.onnx"
"""The file that ``DdddOcr(beta=True)`` takes, in fp32."""
SETTINGS = ("height=64", "channels=gray", "resampling=pil-lanczos", "rounding=floor", "mean=0", "std=1", "blank=0")
"""As in ``ddddocr/core/ocr_engine.py``."""


def main() -> int:
    """Compare, and print what differs."""
    given = parsed(__doc__ or "")
    import ddddocr

    engine: Any = ddddocr.DdddOcr(show_ad=False, beta=True)

    def read(line: Line) -> str:
        gray = np.rint(load_gray(line.image) * 255).astype(np.uint8)
        return str(engine.classification(Image.fromarray(gray)))

    with scratch("import") as folder:
        charset = folder / "charset.json"
        charset.write_text(json.dumps(list(engine.get_charset())), encoding="utf-8")
        model = Path(str(files("ddddocr"))) / MODEL
        found = examine(model, like="plain", charset=charset, given=parse_settings(SETTINGS))
        artifact = write_import(found, given.out or folder / "ddddocr")
        return int(bool(count_differing(artifact, chosen_lines(given), read, "ddddocr")))


if __name__ == "__main__":
    sys.exit(main())
