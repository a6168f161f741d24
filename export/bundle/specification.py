"""The specification as a text of ``key = value``, which every language parses in a few lines (docs/embed/format.md)."""

from __future__ import annotations

from inkport.core.artifact import Artifact
from inkport.core.errors import SpecError


FORMAT = 1
"""Version of specification, golden values and language model's file; headers and modules read exactly one."""
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "ncnn": ".param", "litert": ".tflite"}
"""Which file of an artifact its engine opens, by format; these formats can be bundled."""


def specification_text(artifact: Artifact, *, folder: str) -> str:
    """Return the content of ``specification.txt``.

    Args:
        artifact: The model, in a format of ``SUFFIXES``.
        folder: Name of its folder in the bundle.

    Raises:
        SpecError: If its images are not prepared in bytes, so that no two platforms have the same ones, or it was
            imported: headers and modules know our own recognisers.
    """
    spec, preprocess = artifact.spec, artifact.spec.preprocess
    if spec.schema > 1:
        raise SpecError(
            f"{artifact.path}: an imported recogniser, with settings that {folder} has no words for",
            remedy="take a model that was trained here",
        )
    if not preprocess.in_bytes:
        raise SpecError(
            f"{artifact.path}: its images are prepared by {preprocess.resampling}, in floats that no other language "
            "reproduces to the bit",
            remedy="bundle a model that was made for triangle-v2",
        )
    values = {
        "format": FORMAT,
        "name": spec.name,
        "version": spec.version,
        "precision": artifact.precision.value,
        "model": f"{folder}/{artifact.file(SUFFIXES[artifact.format]).name}",
        "input": spec.input.name,
        "output": spec.output.name,
        "resampling": preprocess.resampling,
        "height": preprocess.height,
        "width_multiple": preprocess.width_multiple,
        "min_width": preprocess.min_width,
        "max_width": preprocess.max_width,
        "background": preprocess.background_level,
        "mean": preprocess.mean,
        "std": preprocess.std,
        "stride": spec.stride,
        "charset_sha256": spec.charset.digest,
        "symbols": " ".join(str(ord(symbol)) for symbol in spec.charset.symbols),
    }
    return "".join(f"{key} = {value}\n" for key, value in values.items())
