"""Makes the finder that comes with the package: ONNX in int8 of trained weights, with ranges from training pages.

usage: python scripts/export_finder.py WEIGHTS.safetensors TRAINING-PAGES.parquet --out FOLDER [--precision fp32]

WEIGHTS are what `inkport train finder` wrote; version, licence and attribution are theirs.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inkport.core.errors import UsageError
from inkport.core.files import sha256_file
from inkport.export.from_torch.finder_onnx import finder_onnx
from inkport.export.quantize.finder_int8 import int8_finder
from inkport.export.record import tool_versions
from inkport.model.finder import MULTIPLE, STRIDE
from inkport.model.finder_weights import load_finder
from inkport.pages.finder_files import write_finder
from inkport.pages.finding import prepare_page
from inkport.pages.page_sets import TruePage, read_page_set
from inkport.train.finder.scene import LONG_SIDE


CALIBRATION = 24
"""Pages that ranges are taken from, spread over the set."""


def main() -> int:
    """Export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--precision", choices=("int8", "fp32"), default="int8")
    options = parser.parse_args()
    weights = load_finder(options.weights)
    graph = finder_onnx(weights.network())
    origin: dict[str, Any] = {
        "weights_sha256": sha256_file(options.weights),
        "step": weights.provenance.get("step"),
        "recipe": weights.provenance.get("recipe", {}).get("digest"),
    }
    about = {
        "name": "finder",
        "version": weights.version,
        "precision": options.precision,
        "long_side": LONG_SIDE,
        "stride": STRIDE,
        "multiple": MULTIPLE,
        "licence": weights.licence,
        "attribution": weights.attribution,
    }
    if options.precision == "int8":
        pages = _calibration(options.pages)
        origin["calibration"] = {"pages": [true.page.id for true in pages], "splits": sorted({p.split for p in pages})}
        graph = int8_finder(
            graph, [prepare_page(_gray(true), long_side=LONG_SIDE, multiple=MULTIPLE)[0] for true in pages]
        )
    origin["tools"] = tool_versions("torch", "onnx", "onnxruntime")
    write_finder(options.out, graph, **about, origin=origin)
    sys.stdout.write(f"{options.out}: {options.precision}, {len(graph):,} bytes\n")
    return 0


def _calibration(path: Path) -> list[TruePage]:
    pages = list(read_page_set(path))
    if wrong := sorted({page.split for page in pages} - {"train"}):
        raise UsageError(f"{path}: ranges are taken from training pages alone, found {', '.join(wrong)}")
    places = np.linspace(0, len(pages) - 1, min(CALIBRATION, len(pages))).round().astype(int)
    return [pages[place] for place in places]


def _gray(true: TruePage) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(true.image)) as image:
        return np.asarray(image.convert("L"))


if __name__ == "__main__":
    sys.exit(main())
