"""``inkport read``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from cyclopts import Parameter

from inkport.commands._model import resolve_model
from inkport.commands._options import Threads
from inkport.commands._output import warn, warn_of_sharing
from inkport.core.artifact import Artifact, bundled_artifacts
from inkport.core.beam import load_decoder
from inkport.core.console import json_for_stdout, results, results_only
from inkport.core.ctc import Transcription
from inkport.core.doubts import doubts
from inkport.core.errors import ImageError, UsageError
from inkport.core.image import MAX_PIXELS, load_colour, load_gray
from inkport.core.preprocess import prepare
from inkport.core.recogniser import Recogniser
from inkport.core.registry import choose_runtime, open_session, opens
from inkport.core.runtime import SessionOptions
from inkport.core.spec import RecogniserSpec


EXIT_BAD_IMAGE = 2
"""At least one image could not be read; the others were."""
MOST_MEGAPIXELS = 100
"""Largest image that can be asked for, in millions of pixels: a page of A3 at 600 dpi has 70."""


@results_only()
def read(
    images: list[Path],
    *,
    model: str | None = None,
    runtime: str | None = None,
    device: str = "cpu",
    threads: Threads = 1,
    lm: Path | None = None,
    max_megapixels: float = MAX_PIXELS / 1e6,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Print the text of line images: the text alone for one image, path, tab and text for several.

    An image holds one line of text. One that cannot be read is reported, the others are still read, and the
    exit code is 2. What looks like white on black or like a whole page is read, with a warning on stderr.

    Args:
        images: Image files (PNG, JPEG, TIFF, WebP, ...), each the crop of one line.
        model: An artifact's directory, a weights file, or the name of a shipped model; the int8 artifact that
            comes with inkport if left out, in ONNX or, where only that runs, in OpenVINO's format.
        runtime: Name of a runtime (see `inkport runtimes`); if left out, the first by name that opens the
            model's format and can run here.
        device: Device, as the runtime names it.
        threads: Threads for the computation.
        lm: Language model to decode with: fr-en (French and English), which comes with inkport, or a file with
            the weights of `inkport lm tune` beside it.
        max_megapixels: Largest image that is decoded, in millions of pixels, up to 100; formats whose decoders take
            more for a pixel (JPEG 2000, PPM of 16 bits or as text) get a half or a quarter.
        json_: Print a JSON list with confidence, gap, frames and place of every symbol.
    """
    if threads < 1:
        raise UsageError(f"threads must be at least 1, found {threads}")
    if not 0 < max_megapixels <= MOST_MEGAPIXELS:
        raise UsageError(f"max-megapixels must be above 0 and at most {MOST_MEGAPIXELS}, found {max_megapixels}")
    warn_of_sharing(threads)
    artifact = _bundled(runtime) if model is None else resolve_model(model)
    chosen = choose_runtime(artifact) if runtime is None else runtime
    records: list[dict[str, Any]] = []
    with open_session(artifact, runtime=chosen, device=device, options=SessionOptions(threads=threads)) as session:
        recogniser = Recogniser(artifact.spec, session, decode=load_decoder(lm, artifact))
        for path in images:
            try:
                gray, prepared = _prepare(path, artifact.spec, round(1e6 * max_megapixels))
            except ImageError as error:
                sys.stderr.write(f"inkport: {error}\n")
                continue
            for doubt in doubts(gray):
                warn(f"{path}: {doubt}")
            reading = recogniser.read_prepared([prepared])[0]
            records.append({**_record(path, gray.shape, reading, artifact.spec), "runtime": chosen})
            records[-1]["artifact"] = {"sha256": artifact.digest}
            if not json_:
                results().write(f"{path}\t{reading.text}\n" if len(images) > 1 else f"{reading.text}\n")
    if json_:
        results().write(json_for_stdout(json.dumps(records, ensure_ascii=False, indent=1) + "\n"))
    return EXIT_BAD_IMAGE if len(records) < len(images) else 0


def _bundled(runtime: str | None) -> Artifact:
    """Return the first bundled artifact that the runtime, or any runtime here, opens; else the usual one."""
    bundled = bundled_artifacts()
    return next((artifact for artifact in bundled if opens(artifact, runtime)), bundled[0])


def _prepare(
    path: Path, spec: RecogniserSpec, max_pixels: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    gray = load_gray(path, max_pixels=max_pixels)
    try:
        pixels = load_colour(path, max_pixels=max_pixels) if spec.preprocess.coloured else gray
        return gray, prepare(pixels, spec.preprocess)
    except ImageError as error:
        raise ImageError(f"{path}: {error.message}", remedy=error.remedy) from error


def _record(path: Path, shape: tuple[int, ...], reading: Transcription, spec: RecogniserSpec) -> dict[str, Any]:
    """Return one image's entry of the JSON list; places are in pixels of the image, EXIF rotation applied."""
    height, width = shape
    scale = width / spec.preprocess.content_width(height, width)
    frame_px, left_px = spec.frame_px * scale, spec.preprocess.content_left(height, width) * scale
    symbols = [
        {
            "symbol": emission.symbol,
            "confidence": round(emission.confidence, 6),
            "gap": round(emission.gap, 6),
            "first_frame": emission.first_frame,
            "last_frame": emission.last_frame,
            "x0_px": round(min(max(emission.first_frame * frame_px - left_px, 0), width), 2),
            "x1_px": round(min(max((emission.last_frame + 1) * frame_px - left_px, 0), width), 2),
        }
        for emission in reading.emissions
    ]
    confidences = [emission.confidence for emission in reading.emissions]
    return {
        "image": str(path),
        "text": reading.text,
        "confidence": round(sum(confidences) / len(confidences), 6) if confidences else None,
        "symbols": symbols,
    }
