"""The artefacts inside the package, so that `inkport read` works right after installing, and verify finds int8."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from inkport.core.artifact import Artifact, load_artifact


BUNDLED = ("convtext-tiny-int8", "convtext-tiny-openvino-int8")
"""Folders under ``inkport/bundle``, made from the shipped weights: int8 in ONNX, and in OpenVINO's IR."""


def bundled_artifacts() -> tuple[Artifact, ...]:
    """Open the artefacts that come with the package, the usual one first.

    Raises:
        ArtifactNotFoundError: If this build of the package has none.
        ArtifactCorruptError: If one is damaged.
    """
    folder = Path(str(files("inkport"))) / "bundle"
    return tuple(load_artifact(folder / name) for name in BUNDLED)
