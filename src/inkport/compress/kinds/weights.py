"""Weights made from other weights, as an artefact that names its parent."""

from __future__ import annotations

import shutil
from pathlib import Path

from inkport.core.artifact import Artifact, Provenance, load_artifact, new_artifact
from inkport.core.target import Precision
from inkport.export.record import tool_versions, with_line_digests


def wrap_weights(weights: Path, out: Path, *, stage: str, parent: Artifact) -> Artifact:
    """Make an artefact of a weights file.

    What is exported from it descends from these weights, hence ``root`` is absent; ``parent`` leads back.

    Args:
        weights: The file.
        out: The artefact's directory.
        stage: What made the weights.
        parent: What they were made from.

    Raises:
        ArtifactError: If the file is missing or not one of ours.
    """
    from inkport.model.weights import load_weights

    loaded = load_weights(weights)
    provenance = Provenance(
        stage=stage,
        parent=parent.digest,
        tools=tool_versions("torch", "safetensors"),
        options=loaded.provenance,
    )
    provenance = with_line_digests(provenance, inherited=parent.provenance.line_digests)
    with new_artifact(
        out, spec=loaded.spec, format="safetensors", precision=Precision.FP32, provenance=provenance
    ) as folder:
        shutil.copyfile(weights, folder / "weights.safetensors")
    return load_artifact(out)
