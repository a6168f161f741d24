"""Makes the finder that comes with the package: ONNX in int8 of trained weights, with ranges from training pages.

usage: python scripts/export_finder.py WEIGHTS.safetensors TRAINING-PAGES.parquet --out FOLDER [--precision fp32]
       [--version VERSION]

WEIGHTS are a finder's, or a checkpoint of its training, of which the averaged weights are taken.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.torch import load_file

from inkport.core.errors import UsageError
from inkport.export.from_torch.finder_onnx import finder_onnx
from inkport.export.quantize.finder_int8 import int8_finder
from inkport.export.record import tool_versions
from inkport.model.finder import MULTIPLE, STRIDE
from inkport.pages.finder_files import FinderInfo, write_finder
from inkport.pages.finding import prepare_page
from inkport.pages.page_sets import TruePage, read_page_set


LONG_SIDE = 1600
"""Pixels of the longer side of a page: at it, pages of the training have lines of 30 to 60 px."""
CALIBRATION = 24
"""Pages that ranges are taken from, spread over the set."""
LICENCE = "Apache-2.0; trained on works under CC-BY-4.0: keep the attribution"
"""Said of the weights."""
ATTRIBUTION = (
    "Trained on pages of: Copiste d'un jour (BAnQ), banq-dcn/Copiste-d-un-jour @ a3636d2e, CC-BY-4.0; Testaments de "
    "Poilus (Chagué, Clérice, Mazoue, Van Kote; Archives nationales), HTR-United/CREMMA-AN-TestamentsDePoilus @ "
    "8ffa4a8c, doi:10.5281/zenodo.10177106, CC-BY-4.0; CREMMA MSS 19, HTR-United/CREMMA-MSS-19 @ d8f466de, CC-BY-4.0; "
    "Peraire (Chagué, Pérez), alix-tz/peraire-ground-truth @ 61b321ed, CC-BY-4.0; TIMEUS, HTR-United/timeuscorpus @ "
    "df8ee638, CC-BY-4.0; Lectaurep répertoires (Archives nationales, Inria), HTR-United/lectaurep-repertoires @ "
    "3d1c86cf, CC-BY-4.0. Changes: pages scaled and made gray."
)
"""Whose pages it was trained on."""
AVERAGED = "averaged."
"""What the names of averaged weights begin with in a checkpoint."""


def main() -> int:
    """Export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--precision", choices=("int8", "fp32"), default="int8")
    parser.add_argument("--version", default="1")
    options = parser.parse_args()
    tensors = load_file(options.weights)
    averaged = {name.removeprefix(AVERAGED): value for name, value in tensors.items() if name.startswith(AVERAGED)}
    graph = finder_onnx(averaged or tensors)
    origin: dict[str, Any] = {"weights_sha256": hashlib.sha256(options.weights.read_bytes()).hexdigest()}
    if "step" in tensors:
        origin["steps"] = int(tensors["step"])
    about = {
        "name": "finder",
        "version": options.version,
        "precision": options.precision,
        "long_side": LONG_SIDE,
        "stride": STRIDE,
        "multiple": MULTIPLE,
        "licence": LICENCE,
        "attribution": ATTRIBUTION,
    }
    if options.precision == "int8":
        unmade = FinderInfo(**about, digest="", origin={})
        pages = _calibration(options.pages)
        origin["calibration"] = {"pages": [true.page.id for true in pages], "splits": sorted({p.split for p in pages})}
        graph = int8_finder(graph, [prepare_page(_gray(true), unmade)[0] for true in pages])
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
