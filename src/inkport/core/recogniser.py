"""A recogniser that reads: images in, text out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact
from inkport.core.ctc import Decode, Transcription, greedy
from inkport.core.doubts import UNSURE, doubts
from inkport.core.errors import ImageError, UsageError
from inkport.core.image import MAX_PIXELS
from inkport.core.line_reading import Reading, confidence_of, to_reading
from inkport.core.preprocess import prepare
from inkport.core.runtime import AnySession
from inkport.core.sources import ImageSource, colour_of, gray_of, luma, name_of
from inkport.core.spec import Decoder, RecogniserSpec
from inkport.core.texts import transcription


class Recogniser:
    """A specification and an open session; ``inkport.load`` makes one.

    A context manager: leaving the block closes the session. Threads can share one, and take turns at the session; for
    work side by side open one per thread or process. Pickling one that ``inkport.load`` made, for a worker, keeps what
    it was opened with, and unpickling opens it again.

    Args:
        spec: The recogniser.
        session: Where it runs.
        decode: What makes text of a line's logits, float32 (t, k); idle where the session returns text.
        min_confidence: Confidence below which a text is doubted, 0..1.
        max_pixels: Most pixels that an image may have.
        artifact: What the session runs; None where it is made by hand.
        runtime: Name of the runtime that the session is of.
        opened_by: Opens the same recogniser again in another process: a function of a module, and its arguments.
    """

    def __init__(
        self,
        spec: RecogniserSpec,
        session: AnySession,
        *,
        decode: Decode = greedy,
        min_confidence: float = UNSURE,
        max_pixels: int = MAX_PIXELS,
        artifact: Artifact | None = None,
        runtime: str = "",
        opened_by: tuple[Callable[..., Recogniser], tuple[Any, ...]] | None = None,
    ) -> None:
        self.spec, self.session, self.decode = spec, session, decode
        self.min_confidence, self.max_pixels = min_confidence, max_pixels
        self.artifact, self.runtime = artifact, runtime
        self._opened_by, self._turn, self._closed = opened_by, Lock(), False

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the artifact that reads; empty where the recogniser is made by hand."""
        return self.artifact.digest if self.artifact else ""

    def read(self, image: ImageSource, *, invert: bool = False, name: str | None = None) -> Reading:
        """Read an image of one line.

        Args:
            image: A path, the bytes of a file, a file opened in binary mode, a Pillow image, or an array: gray (h, w)
                or RGB (h, w, 3), uint8 0..255 or floating 0..1.
            invert: Read white writing on black; nothing is inverted unless this says so.
            name: What to call the image in errors; its path if left out.

        Returns:
            The text, how sure it is, where each symbol stands, and why it is likely to be wrong.

        Raises:
            ImageError: If the image cannot be read as one line of text.
            UsageError: If ``image`` is nothing that holds an image, or the recogniser is closed.
        """
        label = name or name_of(image, 1)
        turn = colour_of if self.spec.preprocess.coloured else gray_of
        pixels = turn(image, name=label, max_pixels=self.max_pixels)
        return self._read_pixels(np.float32(1) - pixels if invert else pixels, label)

    def read_many(self, images: Iterable[ImageSource], *, invert: bool = False) -> Iterator[Reading]:
        """Read images one by one as they are asked for; only one is held at a time.

        Args:
            images: Any number of what ``read`` takes; a generator is fine.
            invert: See ``read``.

        Yields:
            One reading per image, in order.

        Raises:
            ImageError: When the reading of an image that cannot be read is asked for; it says which. The others are
                still in ``images`` if that is a generator: pass it again.
            UsageError: See ``read``.
        """
        for number, image in enumerate(images, start=1):
            yield self.read(image, invert=invert, name=name_of(image, number))

    def read_prepared(self, inputs: Sequence[npt.NDArray[Any]], *, batch: int = 1) -> list[Transcription]:
        """Read prepared images.

        Only lines of one padded size share a batch, so a line's text never depends on its neighbours.

        Args:
            inputs: Each (1, c, h, w), from ``inkport.core.preprocess.prepare``.
            batch: Most lines per call of the session.

        Returns:
            One transcription per image, in order.

        Raises:
            UsageError: If the recogniser is closed.
        """
        reads = self.spec.decoder is Decoder.TEXT
        found = self.run_prepared(inputs, batch=batch)
        return [transcription(line) if reads else self.decode(line, self.spec.charset) for line in found]

    def run_prepared(self, inputs: Sequence[npt.NDArray[Any]], *, batch: int = 1) -> list[Any]:
        """Return what the session gives for prepared images; arguments and errors are of ``read_prepared``.

        Returns:
            One per image, in order: logits, float32 (t, k), or a ``ReadText`` where the recogniser returns text.
        """
        by_size: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, prepared in enumerate(inputs):
            by_size[prepared.shape[2:]].append(index)
        results: dict[int, Any] = {}
        for indices in by_size.values():
            for start in range(0, len(indices), batch):
                chunk = indices[start : start + batch]
                results |= zip(chunk, self._run(np.concatenate([inputs[i] for i in chunk])), strict=True)
        return [results[index] for index in range(len(inputs))]

    def close(self) -> None:
        """Close the session, after a reading in progress; calling it twice is fine."""
        with self._turn:
            if not self._closed:
                self._closed = True
                self.session.close()

    def _read_pixels(self, pixels: npt.NDArray[np.float32], name: str) -> Reading:
        gray = luma(pixels) if pixels.ndim == 3 else pixels
        try:
            prepared = prepare(pixels, self.spec.preprocess)
        except ImageError as error:
            raise ImageError(f"{name}: {error.message}", remedy=error.remedy) from error
        (found,) = self.read_prepared([prepared])
        warnings = doubts(
            gray,
            height=self.spec.preprocess.height,
            confidence=confidence_of(found),
            turned=lambda: self._confidence_upside_down(pixels),
            least=self.min_confidence,
        )
        height, width = gray.shape
        return to_reading(found, shape=(height, width), spec=self.spec, warnings=warnings)

    def _confidence_upside_down(self, pixels: npt.NDArray[np.float32]) -> float | None:
        (found,) = self.read_prepared([prepare(np.ascontiguousarray(pixels[::-1, ::-1]), self.spec.preprocess)])
        return confidence_of(found)

    def _run(self, images: npt.NDArray[Any]) -> Any:
        # Not every engine can run one session in two threads at once (OpenVINO's requests cannot).
        with self._turn:
            if self._closed:
                raise UsageError("this recogniser is closed", remedy="read inside the with block, or load it again")
            return self.session.run(images)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[..., Recogniser], tuple[Any, ...]]:
        if self._opened_by is None:
            raise TypeError("a recogniser made by hand cannot be pickled; inkport.load makes one that can")
        return self._opened_by
