"""Golden lines: the values of every stage, so that an application can find the first one that it computes wrongly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inkport.core.charset import Charset
from inkport.core.ctc import Transcription, best_path, greedy
from inkport.core.errors import ImageError, LineDataError
from inkport.core.image import load_pixels
from inkport.core.preprocess import normalise, prepare_bytes, to_bytes
from inkport.core.runtime import CheckedSession
from inkport.export.bundle.pictures import KINDS, Kind, Pixels
from inkport.lines.line import Line


CANDIDATES = 12
"""Lines that are tried for each kind of file; the one whose text is farthest from changing is taken."""
NOISE = 0.5
"""Standard deviation of what is added to logits to see whether a text stays: engines differ by less in int8."""
DRAWS = 24
"""How often it is added."""
FOLDER = "golden"
"""Name of the folder in a bundle."""
DIGESTS = "digests.txt"
"""Name of the list in it of the files that the values were made with, as ``sha256sum`` writes it."""
LIST = "lines.txt"
"""Name of the list in it: name, file and what the line shows, separated by tabs."""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """One file with its golden values."""

    data: bytes
    """The file."""
    gray: Pixels
    """uint8 (h, w), upright, 0 black .. 255 white."""
    tensor: Pixels
    """uint8 (height, w), prepared."""
    reading: Transcription
    """What greedy decoding reads."""
    steadiness: int
    """How many of ``DRAWS`` readings of logits with noise have the same labels."""


def write_golden(
    folder: Path, lines: Iterable[Line], session: CheckedSession, *, skip_bad_images: bool = False
) -> None:
    """Write the golden lines of a recogniser.

    Texts of int8 differ between engines and processors in lines that are close to changing, so of a few lines the one
    whose text bears most noise is taken for each kind: what changes it is a wrong preparation.

    Args:
        folder: Where to; made here.
        lines: Lines to choose from; those with symbols beyond ASCII come first, which bytes are not.
        session: The recogniser, open.
        skip_bad_images: Whether lines whose images cannot be used are left out.

    Raises:
        ImageError: If a line's image cannot be used and these are not left out.
        LineDataError: If there is no line that can be read.
    """
    sources = _candidates(lines, skip_bad_images=skip_bad_images)
    rows: list[str] = []
    for name, kind in KINDS.items():
        golden = _choose(kind, sources, session)
        place = folder / name
        place.mkdir(parents=True)
        (place / kind.file).write_bytes(golden.data)
        (place / "gray.pgm").write_bytes(pgm(golden.gray))
        (place / "tensor.pgm").write_bytes(pgm(golden.tensor))
        symbols, charset = golden.reading.emissions, session.spec.charset
        (place / "ids.txt").write_text(_row(charset.symbols.index(e.symbol) + 1 for e in symbols), encoding="ascii")
        (place / "confidences.txt").write_text(_row(f"{e.confidence:.9g}" for e in symbols), encoding="ascii")
        # As bytes and without a line's end: the text is compared as it is.
        (place / "text.txt").write_bytes(golden.reading.text.encode())
        rows.append(f"{name}\t{kind.file}\t{kind.shows}\n")
    (folder / LIST).write_text("".join(rows), encoding="utf-8")


def pgm(pixels: Pixels) -> bytes:
    """Return uint8 (h, w) as a binary PGM file."""
    return b"P5\n%d %d\n255\n" % pixels.shape[::-1] + pixels.tobytes()


def _row(values: Iterable[object]) -> str:
    return " ".join(map(str, values)) + "\n"


def _candidates(lines: Iterable[Line], *, skip_bad_images: bool) -> list[Pixels]:
    found: list[tuple[bool, Pixels]] = []
    for line in islice(lines, 10 * CANDIDATES):
        try:
            found.append((line.text.isascii(), to_bytes(line.pixels())))
        except ImageError:
            if not skip_bad_images:
                raise
    if not found:
        raise LineDataError("no line for golden values", remedy="pass line sets with images that can be read")
    found.sort(key=lambda entry: entry[0])
    return [pixels for _, pixels in found[:CANDIDATES]]


def _choose(kind: Kind, sources: Sequence[Pixels], session: CheckedSession) -> Golden:
    made: list[Golden] = []
    fault: ImageError | None = None
    for pixels in sources:
        try:
            made.append(_golden(kind.encode(pixels), session))
        except ImageError as error:
            # Too long for the network in this kind of file.
            fault = error
    if not made:
        raise LineDataError(f"no line for golden values: {fault}", remedy="pass line sets with shorter lines")
    # A line without any text tells nothing of labels and confidences.
    return max(made, key=lambda golden: (bool(golden.reading.text), golden.steadiness, golden.reading.gap))


def _golden(data: bytes, session: CheckedSession) -> Golden:
    spec = session.spec
    gray = to_bytes(load_pixels(data))
    tensor = prepare_bytes(gray, spec.preprocess)
    logits = session.run(normalise(tensor, spec.preprocess))[0]
    return Golden(
        data=data,
        gray=gray,
        tensor=tensor[0, 0],
        reading=greedy(logits, spec.charset),
        steadiness=steadiness(logits, spec.charset),
    )


def steadiness(logits: npt.NDArray[np.float32], charset: Charset) -> int:
    """Return how many of ``DRAWS`` readings of logits (t, k) with noise have the labels of the logits alone."""
    labels, rng = best_path(logits, charset), np.random.default_rng(0)
    noise = NOISE * rng.standard_normal((DRAWS, *logits.shape), dtype=np.float32)
    return sum(best_path(logits + one, charset) == labels for one in noise)
