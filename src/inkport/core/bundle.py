"""The artefact inside the package, so that `inkport read` works right after installing."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from inkport.core.artifact import Artifact, load_artifact


BUNDLED = "convtext-tiny-int8"
"""Folder of the bundled artefact under ``inkport/bundle``: int8 ONNX, made from the shipped weights."""


def bundled_artifact() -> Artifact:
    """Open the int8 ONNX artefact that comes with the package.

    Raises:
        ArtifactNotFoundError: If this build of the package has none.
        ArtifactCorruptError: If it is damaged.
    """
    return load_artifact(Path(str(files("inkport"))) / "bundle" / BUNDLED)
