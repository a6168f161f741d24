"""A recogniser that reads: images in, transcriptions out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from inkport.core.ctc import Decode, Transcription, greedy
from inkport.core.preprocess import prepare
from inkport.core.runtime import Session
from inkport.core.spec import RecogniserSpec


class Recogniser:
    """A specification and an open session.

    Args:
        spec: The recogniser.
        session: Where it runs; the caller closes it.
        decode: What makes text of a line's logits, float32 (t, k).
    """

    def __init__(self, spec: RecogniserSpec, session: Session, *, decode: Decode = greedy) -> None:
        self.spec, self.session, self.decode = spec, session, decode

    def read(self, images: Sequence[npt.NDArray[np.float32]], *, batch: int = 1) -> list[Transcription]:
        """Read gray line images.

        Only lines of one padded width share a batch, so a line's text never depends on its neighbours.

        Args:
            images: Each float32 (h, w), 0 black .. 1 white.
            batch: Most lines per call of the session.

        Returns:
            One transcription per image, in order.

        Raises:
            ImageError: If an image cannot hold a line of text.
        """
        return self.read_prepared([prepare(image, self.spec.preprocess) for image in images], batch=batch)

    def read_prepared(self, inputs: Sequence[npt.NDArray[np.float32]], *, batch: int = 1) -> list[Transcription]:
        """Read prepared images, each float32 (1, 1, h, w); see ``read``."""
        by_width: dict[int, list[int]] = defaultdict(list)
        for index, prepared in enumerate(inputs):
            by_width[prepared.shape[3]].append(index)
        results: dict[int, Transcription] = {}
        for indices in by_width.values():
            for start in range(0, len(indices), batch):
                chunk = indices[start : start + batch]
                logits = self.session.run(np.concatenate([inputs[i] for i in chunk]))
                for index, rows in zip(chunk, logits, strict=True):
                    results[index] = self.decode(rows, self.spec.charset)
        return [results[index] for index in range(len(inputs))]
