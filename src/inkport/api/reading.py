"""``inkport.load``."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, TypeAlias

from inkport.commands._reader import MEGAPIXELS, open_reader
from inkport.core.beam import lm_not_judged
from inkport.core.doubts import UNSURE
from inkport.core.errors import ArtifactError, UsageError
from inkport.core.recogniser import Recogniser
from inkport.core.target import Precision


StrPath: TypeAlias = "str | os.PathLike[str]"
"""A path, or a name that stands for one."""


def load(
    model: StrPath = "convtext-tiny",
    runtime: str | None = None,
    *,
    device: str = "cpu",
    precision: str | None = None,
    threads: int = 1,
    lm: StrPath | None = None,
    min_confidence: float = UNSURE,
    max_megapixels: float = MEGAPIXELS,
) -> Recogniser:
    """Open a recogniser for reading.

    >>> import inkport
    >>> from importlib.resources import files
    >>> line = files("inkport.benchmarks") / "samples" / "rendered-en-000000.png"
    >>> with inkport.load() as recogniser:
    ...     reading = recogniser.read(line)
    >>> reading.text
    'life of thought and intellectual energy to science,'
    >>> reading.confidence > 0.9, reading.warnings
    (True, ())

    Args:
        model: The name of a shipped model, of which the first artifact that runs here is taken, int8 first; an
            artifact's directory, a weights file, or one of these on the hub: ``hf://user/model``.
        runtime: The runtime's name; the first that can run the model here if None.
        device: In the runtime's own words.
        precision: Number format to insist on: ``int8``, ``fp32``, ...; any if None.
        threads: Threads of the computation.
        lm: Language model to decode with: ``fr-en``, or a file.
        min_confidence: Confidence of a line below which its text is doubted, 0..1.
        max_megapixels: Largest image that is read, in millions of pixels.

    Returns:
        A recogniser, to be closed or used as a context manager.

    Raises:
        UsageError: If there is no such model, not in this precision, or a number is out of range.
        ArtifactError: If the model or the language model is damaged, or is not there.
        HubError: If the model is on the hub, and not there, no artifact, or out of reach.
        TargetError: If the runtime is not registered, or cannot run the model here.
    """
    # For a worker, which may run in another folder.
    arguments: dict[str, Any] = {
        "model": _whole(model),
        "runtime": runtime,
        "device": device,
        "precision": precision,
        "threads": threads,
        "lm": None if lm is None else _whole(lm),
        "min_confidence": min_confidence,
        "max_megapixels": max_megapixels,
    }
    recogniser = open_reader(
        os.fspath(model),
        runtime=runtime,
        device=device,
        precision=_precision(precision),
        threads=threads,
        lm=None if lm is None else Path(lm),
        min_confidence=min_confidence,
        max_megapixels=max_megapixels,
        opened_by=lambda digest: (_load_again, (digest, arguments)),
    )
    if lm is not None and recogniser.artifact and (reason := lm_not_judged(Path(lm), recogniser.artifact)):
        warnings.warn(reason, stacklevel=2)
    return recogniser


def _load_again(digest: str, arguments: dict[str, Any]) -> Recogniser:
    """Open what another process had open.

    Raises:
        ArtifactError: If it is not the same artifact: another file lies there by now, or another one runs here.
    """
    recogniser = load(**arguments)
    if recogniser.digest != digest:
        recogniser.close()
        raise ArtifactError(
            f"{arguments['model']}: opened {recogniser.digest[:12]} here, {digest[:12]} where it was sent from",
            remedy="install the same inkport and runtimes for the workers, and keep the model's files",
        )
    return recogniser


def _whole(path: StrPath) -> str:
    """Return the absolute path of what exists, and a name as it is."""
    return str(Path(path).resolve()) if Path(path).exists() else os.fspath(path)


def _precision(name: str | None) -> Precision | None:
    try:
        return None if name is None else Precision(name)
    except ValueError as error:
        raise UsageError(f"precision {name!r} is none", remedy=f"choose from {', '.join(Precision)}") from error
