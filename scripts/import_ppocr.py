"""Import PP-OCRv6_rec_small as RapidOCR distributes it, and compare each text and each prepared value with RapidOCR's.

    pip install rapidocr==3.10.0 opencv-python-headless
    python scripts/import_ppocr.py lines.parquet ...

Exit code 1 if a text differs, fewer than 99.9 % of the prepared values are equal, or one is more than 1/255 off.
"""

from __future__ import annotations

import argparse
import sys
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.image import load_colour
from inkport.core.preprocess import prepare
from inkport.core.recogniser import Recogniser
from inkport.core.registry import open_session
from inkport.core.scratch import scratch
from inkport.export.import_.importer import examine, write_import
from inkport.lines.line import Line
from inkport.lines.source import read_lines


MODEL = "PP-OCRv6_rec_small.onnx"
SETTINGS = {
    "Global.log_level": "error",
    "Global.text_score": 0.0,
    "Rec.rec_batch_num": 1,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
}
"""One line at a time, and every reading counts."""
LEAST_EQUAL = 0.999
"""Share of prepared values that must be equal."""


class RapidOcr:
    """RapidOCR as its users call it, without detection and classification, with what its network was given."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR

        self._engine: Any = RapidOCR(params=SETTINGS)
        recogniser = self._engine._load_rec_model()  # noqa: SLF001 - nothing public gives the network's input
        self._session, recogniser.session = recogniser.session, self
        self.given: npt.NDArray[np.float32] = np.zeros(0, np.float32)

    def __call__(self, batch: npt.NDArray[np.float32]) -> Any:
        """Run the network in place of its session, and keep what it was given."""
        self.given = batch
        return self._session(batch)

    def read(self, line: Line) -> str:
        """Read one line, as OpenCV would have decoded it."""
        pixels = np.rint(load_colour(line.image) * 255).astype(np.uint8)[:, :, ::-1]
        found = self._engine(np.ascontiguousarray(pixels), use_det=False, use_cls=False, use_rec=True)
        return " ".join(found.txts or ())


def main() -> int:
    """Compare, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", nargs="+", type=Path, help="line sets")
    parser.add_argument("--count", type=int, default=200, help="lines, taken from the sets in equal parts")
    given = parser.parse_args()
    part = -(-given.count // len(given.lines))
    lines = [line for path in given.lines for line in islice(read_lines([path]), part)][: given.count]
    theirs, differing, equal, values, worst = RapidOcr(), 0, 0, 0, 0.0
    with scratch("import") as folder:
        found = examine(Path(str(files("rapidocr"))) / "models" / MODEL, like="paddle-rec")
        artifact = write_import(found, folder / "ppocr")
        pre = artifact.spec.preprocess
        with open_session(artifact, runtime="onnxruntime") as session:
            recogniser = Recogniser(artifact.spec, session)
            for line in lines:
                expected = theirs.read(line)
                image = prepare(line.pixels(pre), pre)
                text = recogniser.read_prepared([image])[0].text
                if text != expected:
                    differing += 1
                    sys.stdout.write(f"{line.id}: {expected!r} by RapidOCR, {text!r} here\n")
                # A shape that differs would have no values to compare.
                off = np.abs(image - theirs.given) if image.shape == theirs.given.shape else np.full(image.shape, 1e9)
                equal, values = equal + int((off == 0).sum()), values + off.size
                worst = max(worst, float(off.max()) * pre.std)
    sys.stdout.write(
        f"{differing} of {len(lines)} texts differ; {equal / values:.4%} of the prepared values are equal, "
        f"the largest difference is {worst * 255:.3f} of 255 levels\n"
    )
    return int(bool(differing) or equal < LEAST_EQUAL * values or worst > 1 / 255)


if __name__ == "__main__":
    sys.exit(main())
