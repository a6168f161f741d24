"""Which decoder a command uses: greedy, or a beam with the language model that was named."""

from __future__ import annotations

from pathlib import Path

from inkport.core.beam import BeamDecoder
from inkport.core.charset import Charset
from inkport.core.ctc import Decode, greedy
from inkport.core.lm.files import load_fusion, load_model


def load_beam(lm: Path | None, charset: Charset) -> BeamDecoder | None:
    """Return a beam with a language model and the weights that stand beside it; None without a language model.

    Raises:
        ArtifactNotFoundError: If the model or its weights are not there.
        ArtifactCorruptError: If one of them cannot be read.
        SpecMismatchError: If they belong to another charset.
    """
    if lm is None:
        return None
    model = load_model(lm, charset)
    return BeamDecoder(model, load_fusion(lm, charset))


def load_decoder(lm: Path | None, charset: Charset) -> Decode:
    """Return ``greedy`` without a language model, else what ``load_beam`` returns; its errors are raised."""
    return load_beam(lm, charset) or greedy
