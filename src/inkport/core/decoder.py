"""Which decoder a command uses: greedy, or a beam with the language model that was named."""

from __future__ import annotations

from pathlib import Path

from inkport.core.artifact import Artifact
from inkport.core.beam import BeamDecoder
from inkport.core.bundle import find_lm
from inkport.core.ctc import Decode, Read, greedy, greedy_text
from inkport.core.lm.files import load_fusion, load_model


def load_beam(lm: Path | None, artifact: Artifact) -> BeamDecoder | None:
    """Return a beam with a language model and the weights that are next to it; None without a language model.

    Args:
        lm: Its file, or the name of one that comes with inkport.
        artifact: The recogniser.

    Raises:
        ArtifactNotFoundError: If the model or its weights are not there.
        ArtifactCorruptError: If one of them cannot be read.
        SpecMismatchError: If they belong to another charset, or the weights to another recogniser.
    """
    if lm is None:
        return None
    charset, file = artifact.spec.charset, find_lm(lm)
    return BeamDecoder(load_model(file, charset), load_fusion(file, charset, root=artifact.root))


def load_decoder(lm: Path | None, artifact: Artifact) -> Decode:
    """Return ``greedy`` without a language model, else what ``load_beam`` returns; its errors are raised."""
    return load_beam(lm, artifact) or greedy


def load_text_decoder(lm: Path | None, artifact: Artifact) -> Read:
    """Return ``greedy_text`` without a language model, else ``BeamDecoder.text``; errors are those of ``load_beam``."""
    beam = load_beam(lm, artifact)
    return greedy_text if beam is None else beam.text
