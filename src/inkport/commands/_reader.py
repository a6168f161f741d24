"""Which artifact reads lines, and in what."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from inkport.commands._model import SHIPPED, resolve_model
from inkport.core.artifact import Artifact, bundled_artifacts
from inkport.core.beam import load_decoder
from inkport.core.doubts import UNSURE
from inkport.core.errors import UsageError
from inkport.core.image import MAX_PIXELS
from inkport.core.recogniser import Recogniser
from inkport.core.registry import choose_runtime, open_any, opens
from inkport.core.runtime import SessionOptions
from inkport.core.target import Precision


MOST_MEGAPIXELS = 100
"""Largest image that can be asked for, in millions of pixels: a page of A3 at 600 dpi has 70."""
MEGAPIXELS = MAX_PIXELS / 1e6
"""Largest image unless told otherwise."""


def open_reader(
    model: str | None = None,
    *,
    runtime: str | None = None,
    device: str = "cpu",
    precision: Precision | None = None,
    threads: int = 1,
    lm: Path | None = None,
    min_confidence: float = UNSURE,
    max_megapixels: float = MEGAPIXELS,
    opened_by: Callable[[str], tuple[Callable[..., Recogniser], tuple[Any, ...]]] | None = None,
) -> Recogniser:
    """Open a recogniser for reading; see ``inkport.api.load``.

    Args:
        model: See ``choose_artifact``.
        runtime: Its registered name; the first that can run here if None.
        device: In the runtime's words.
        precision: See ``choose_artifact``.
        threads: Threads of the session.
        lm: A language model's file, or the name of a shipped one.
        min_confidence: Confidence below which a text is doubted, 0..1.
        max_megapixels: Largest image, in millions of pixels.
        opened_by: Given the artifact's digest, says how another process opens the same recogniser.

    Raises:
        UsageError: If a number is out of range, or there is no such model.
        InkportError: If the artifact, the language model or the runtime cannot be opened.
    """
    max_pixels = require_megapixels(max_megapixels)
    if not 0 <= min_confidence <= 1:
        raise UsageError(f"min-confidence must be within 0..1, found {min_confidence}")
    artifact = choose_artifact(model, runtime=runtime, precision=precision)
    decode = load_decoder(lm, artifact)
    chosen = choose_runtime(artifact) if runtime is None else runtime
    session = open_any(artifact, runtime=chosen, device=device, options=SessionOptions(threads=threads))
    return Recogniser(
        artifact.spec,
        session,
        decode=decode,
        min_confidence=min_confidence,
        max_pixels=max_pixels,
        artifact=artifact,
        runtime=chosen,
        opened_by=opened_by(artifact.digest) if opened_by else None,
    )


def require_megapixels(megapixels: float) -> int:
    """Return how many pixels an image may have.

    Raises:
        UsageError: If that is more than anything can be asked for, or none.
    """
    if not 0 < megapixels <= MOST_MEGAPIXELS:
        raise UsageError(f"max-megapixels must be above 0 and at most {MOST_MEGAPIXELS}, found {megapixels}")
    return round(1e6 * megapixels)


def choose_artifact(model: str | None, *, runtime: str | None, precision: Precision | None = None) -> Artifact:
    """Return what reads for a model: of a shipped model the first artifact that runs here, int8 first.

    Args:
        model: What ``resolve_model`` takes. The name of a shipped model means the artifacts in the package, then the
            weights where they are there; a file, a folder or the name of one artifact means that alone.
        runtime: The runtime that is to open it; any that can run here if None.
        precision: The number format that it must have; any if None.

    Raises:
        UsageError: If there is no such model, or not in this precision.
        ArtifactError: If one is damaged.
        TargetError: If the named runtime is not registered, or cannot be loaded.
    """
    named = SHIPPED if model is None else model
    bundled = () if Path(named).exists() else bundled_artifacts()
    family = [artifact for artifact in bundled if artifact.spec.name == named]
    if not family:
        family = [resolve_model(named)]
    else:
        # A build without the weights has the artifacts all the same.
        with suppress(UsageError):
            family.append(resolve_model(named))
    wanted = [artifact for artifact in family if precision in (None, artifact.precision)]
    if not wanted:
        found = ", ".join(dict.fromkeys(artifact.precision for artifact in family))
        raise UsageError(f"{named} is here in {found}, not in {precision}", remedy=f"ask for {found}, or export it")
    return next((artifact for artifact in wanted if opens(artifact, runtime)), wanted[0])
