"""What a recogniser says of one line: the text, how sure it is, and where each symbol stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inkport.core.ctc import Emission, Transcription
from inkport.core.doubts import Doubt
from inkport.core.spec import RecogniserSpec


@dataclass(frozen=True)
class Symbol:
    """One symbol that was read, and where."""

    symbol: str
    """The symbol."""
    confidence: float
    """Softmax probability of the symbol at its best frame, 0..1."""
    gap: float
    """Smallest top-1 minus top-2 logit over its frames, >= 0: how far the reading is from changing here."""
    first_frame: int
    """Its first frame, counted from 0."""
    last_frame: int
    """Its last frame, included."""
    x0_px: float
    """Left edge of its first frame, in pixels of the image as it is displayed."""
    x1_px: float
    """Right edge of its last frame, likewise."""


@dataclass(frozen=True)
class Reading:
    """What was read on one line."""

    text: str
    """The text."""
    confidence: float | None
    """Mean of the symbols' confidences, 0..1; what a recogniser says that returns text; None where nothing was read, or
    it does not say."""
    symbols: tuple[Symbol, ...]
    """One entry per symbol, in reading order; none from a recogniser that returns text."""
    warnings: tuple[Doubt, ...]
    """Why the text is likely to be wrong; none for a line that looks right."""


@dataclass(frozen=True)
class ArtifactId:
    """The artifact that read."""

    sha256: str
    """Its digest."""


@dataclass(frozen=True)
class ReadRecord:
    """What `inkport read` says of one image in JSON."""

    image: str
    """The image as it was named; ``-`` for standard input."""
    text: str
    """The text."""
    confidence: float | None
    """Mean of the symbols' confidences, 0..1; what a recogniser says that returns text; null where nothing was read, or
    it does not say."""
    symbols: tuple[Symbol, ...]
    """One entry per symbol, in reading order; none from a recogniser that returns text."""
    warnings: tuple[Doubt, ...]
    """Why the text is likely to be wrong; none for a line that looks right."""
    runtime: str
    """The runtime that read."""
    artifact: ArtifactId
    """The artifact that read."""


def confidence_of(found: Transcription) -> float | None:
    """Return the confidence of a line: its own, else the mean over its symbols; None where neither is known."""
    return mean_confidence(found.emissions) if found.confidence is None else found.confidence


def mean_confidence(emissions: Sequence[Emission]) -> float | None:
    """Return the confidence of a line: the mean over its symbols, None without any."""
    return sum(emission.confidence for emission in emissions) / len(emissions) if emissions else None


def to_reading(
    found: Transcription, *, shape: tuple[int, int], spec: RecogniserSpec, warnings: tuple[Doubt, ...]
) -> Reading:
    """Give the symbols of a transcription their places in the image.

    Args:
        found: What was decoded.
        shape: Height and width of the image, in pixels, as it is displayed.
        spec: The recogniser.
        warnings: What is doubtful.
    """
    height, width = shape
    scale = width / spec.preprocess.content_width(height, width)
    frame_px, left_px = spec.frame_px * scale, spec.preprocess.content_left(height, width) * scale
    symbols = tuple(
        Symbol(
            symbol=emission.symbol,
            confidence=round(float(emission.confidence), 6),
            gap=round(float(emission.gap), 6),
            first_frame=emission.first_frame,
            last_frame=emission.last_frame,
            x0_px=round(min(max(emission.first_frame * frame_px - left_px, 0), width), 2),
            x1_px=round(min(max((emission.last_frame + 1) * frame_px - left_px, 0), width), 2),
        )
        for emission in found.emissions
    )
    confidence = confidence_of(found)
    return Reading(found.text, None if confidence is None else round(float(confidence), 6), symbols, warnings)


def to_record(reading: Reading, *, image: str, runtime: str, artifact: str) -> ReadRecord:
    """Say what read which image.

    Args:
        reading: What was read.
        image: The image as it was named.
        runtime: The runtime.
        artifact: SHA-256 (hex) of the artifact.
    """
    return ReadRecord(
        image=image,
        text=reading.text,
        confidence=reading.confidence,
        symbols=reading.symbols,
        warnings=reading.warnings,
        runtime=runtime,
        artifact=ArtifactId(artifact),
    )
