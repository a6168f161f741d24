"""Trained weights as an artefact: the start of every export."""

from __future__ import annotations

import shutil
from pathlib import Path

from inkport.core.artifact import Artifact, Provenance, load_artifact, new_artifact
from inkport.core.attribution import ATTRIBUTION, LICENCE, told_in
from inkport.core.target import Precision
from inkport.export.record import tool_versions, with_line_digests
from inkport.model.weights import load_weights


def safetensors_from_weights(weights: Path, out: Path) -> Artifact:
    """Wrap a weights file of `inkport train` as an artefact; its bytes are kept as they are.

    Args:
        weights: The ``.safetensors`` file.
        out: The artefact's directory; replaced if it is there.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it is not one of ours.
    """
    loaded = load_weights(weights)
    provenance = with_line_digests(
        Provenance(
            stage="train",
            tools=tool_versions(),
            options=loaded.provenance,
            licence=told_in(loaded.provenance, LICENCE),
            attribution=told_in(loaded.provenance, ATTRIBUTION),
        )
    )
    with new_artifact(
        out, spec=loaded.spec, format="safetensors", precision=Precision.FP32, provenance=provenance
    ) as folder:
        shutil.copyfile(weights, folder / "weights.safetensors")
    return load_artifact(out)
