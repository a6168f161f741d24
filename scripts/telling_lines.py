"""Makes the telling lines: sample lines whose text changes if a port decodes or resizes them wrongly.

    python scripts/telling_lines.py MODEL MODEL --fonts fonts [--out benchmarks/samples/telling]

MODEL are ONNX artifacts, one in fp32 and one in int8. Lines of short texts are drawn in the fonts that the sample lines
name, and made into files of each kind. A file is a candidate if all models read its text, and each reads another one if
the mistake is made that its kind is for. Of the candidates those are kept whose labels bear most noise on the logits.
The same fonts and models give the same files.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from inkport.benchmarks.run.kit.mistakes import without_antialiasing
from inkport.benchmarks.run.telling import TELLING, digests
from inkport.core.artifact import load_artifact
from inkport.core.ctc import greedy
from inkport.core.errors import ImageError
from inkport.core.image import load_gray
from inkport.core.preprocess import prepare
from inkport.core.registry import open_session
from inkport.core.runtime import CheckedSession
from inkport.export.bundle.golden import steadiness
from inkport.export.bundle.pictures import ORIENTATION, TURNS
from inkport.lines.line import Line
from inkport.train.synth.fonts import load_font
from inkport.train.synth.line import render_line


Pixels = npt.NDArray[np.uint8]
Gray = npt.NDArray[np.float32]
TEXTS = (
    "a letter from home",
    "the garden gate",
    "bread and butter",
    "winter is near",
    "under the bridge",
    "a ship at anchor",
    "la porte du jardin",
    "une lettre de Paris",
    "le pont de pierre",
    "du pain et du vin",
    "l'hiver approche",
    "au bord de la mer",
)
"""Short, so that the files are small; both languages of the shipped recogniser."""
FONTS = ("patrick-hand-400", "kalam-400", "handlee-400", "caveat-400", "architects-daughter-400", "coming-soon-400")
"""Those of the sample lines' fonts that are read most surely."""
SCAN_PX = 256
"""Height of scans: 5.3 times the network's. A raster of 4 px then falls between the two taps of a plain bilinear."""
RASTER = 4
"""Side of the ordered dither's matrix, in pixels."""
INK, PAPER = (40, 140, 255), (255, 190, 60)
"""Red, green and blue. Their luma is 123 and 195; with red and blue swapped it is 163 and 159, and the ink is gone."""
FAINT_INK, FAINT_PAPER = 171, 187
"""Gray values of faint writing: no more than 16 levels apart."""
JPEG = b"\xff\xd8"
"""How JPEG files begin."""
LEVELS = 16
"""Levels of gray that drawn lines are rounded to: PNG files of them are small."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file, and the mistake that it tells of."""

    count: int
    """Lines of it that are kept."""
    shows: str
    """The mistake, as the manifest says it."""
    encode: Callable[[Pixels, int], bytes]
    """Makes the file of a drawn line, uint8 (64, w), and the number of the candidate."""
    mistaken: Callable[[bytes], Gray]
    """Decodes the file with the mistake, float32 (h, w); as it should be if the mistake comes later."""
    resize: bool = False
    """Whether the mistake is one of resizing."""


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _threshold(side: int) -> npt.NDArray[np.float64]:
    """Return Bayer's matrix: thresholds 0..1 for an ordered dither."""
    matrix = np.zeros((1, 1))
    while len(matrix) < side:
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return (matrix + 0.5) / side**2


def _scan(pixels: Pixels, _: int) -> bytes:
    image = Image.fromarray(pixels)
    width = round(image.width * SCAN_PX / image.height)
    large = np.asarray(image.resize((width, SCAN_PX), Image.Resampling.LANCZOS))
    tiles = np.tile(_threshold(RASTER), (SCAN_PX // RASTER, width // RASTER + 1))[:, :width]
    return _png(Image.fromarray(large > 255 * tiles))


def _turned(pixels: Pixels, number: int, *, format_: str) -> bytes:
    orientation, out, exif = (6, 8, 3)[number % 3], io.BytesIO(), Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(pixels).transpose(TURNS[orientation]).save(out, format_, optimize=True, quality=75, exif=exif)
    return out.getvalue()


def _transparent(pixels: Pixels, _: int) -> bytes:
    layers = np.zeros((*pixels.shape, 4), dtype=np.uint8)
    layers[..., 3] = 255 - pixels
    return _png(Image.fromarray(layers))


def _between(pixels: Pixels, ink: Sequence[int], paper: Sequence[int]) -> Pixels:
    share = pixels[..., None] / 255
    mixed: Pixels = np.rint(share * np.array(paper) + (1 - share) * np.array(ink)).astype(np.uint8)
    return mixed


def _inks(pixels: Pixels, _: int) -> bytes:
    return _png(Image.fromarray(_between(pixels, INK, PAPER)))


def _faint(pixels: Pixels, _: int) -> bytes:
    return _png(Image.fromarray(_between(pixels, [FAINT_INK], [FAINT_PAPER])[..., 0]))


def _opened(data: bytes, mode: str) -> npt.NDArray[np.float32]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert(mode), dtype=np.float32) / np.float32(255)


KINDS: Mapping[str, Kind] = {
    "scan": Kind(count=4, shows="resized without antialiasing", encode=_scan, mistaken=load_gray, resize=True),
    "turned": Kind(
        count=3,
        shows="EXIF's orientation is not applied",
        encode=partial(_turned, format_="JPEG"),
        mistaken=lambda data: _opened(data, "L"),
    ),
    "turned-png": Kind(
        count=2,
        shows="EXIF's orientation is not applied",
        encode=partial(_turned, format_="PNG"),
        mistaken=lambda data: _opened(data, "L"),
    ),
    "transparent": Kind(
        count=2, shows="transparency became black", encode=_transparent, mistaken=lambda data: _opened(data, "L")
    ),
    "inks": Kind(
        count=3,
        shows="red and blue are swapped",
        encode=_inks,
        mistaken=lambda data: _opened(data, "RGB")[..., ::-1] @ np.array([0.299, 0.587, 0.114], dtype=np.float32),
    ),
    "faint": Kind(
        count=2,
        shows="gray is rounded to 16 levels",
        encode=_faint,
        mistaken=lambda data: np.rint(load_gray(data) * 15) / np.float32(15),
    ),
}
"""What is made, by the beginning of the lines' ids."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A file that tells of its mistake."""

    data: bytes
    """The file."""
    text: str
    """What is written in it."""
    font: str
    """In which font."""
    steadiness: int
    """How much noise its labels bear, in the model that bears least."""


def candidates(kind: Kind, fonts: Path, sessions: Sequence[CheckedSession]) -> Iterator[Candidate]:
    """Yield the files of a kind that all models read, and read otherwise with the mistake."""
    for number, (text, font) in enumerate(product(TEXTS, FONTS)):
        gray = render_line(text, load_font(fonts / f"{font}.ttf"), np.random.default_rng([2026, number]))
        drawn = (np.rint(gray / 255 * (LEVELS - 1)) * (255 // (LEVELS - 1))).astype(np.uint8)
        data = kind.encode(drawn, number // len(FONTS))
        bears = [_bears(kind, data, text, session) for session in sessions]
        if all(bears):
            yield Candidate(data=data, text=text, font=font, steadiness=min(bears))


def _bears(kind: Kind, data: bytes, text: str, session: CheckedSession) -> int:
    """Return how much noise the labels bear; 0 if the line is misread, or reads the same with the mistake."""
    spec, gray = session.spec, load_gray(data)
    try:
        right = prepare(gray, spec.preprocess)
        wrong = (
            without_antialiasing(gray, spec.preprocess)
            if kind.resize
            else prepare(kind.mistaken(data), spec.preprocess)
        )
    except ImageError:
        # What is refused needs no line to tell of it.
        return 0
    logits = session.run(right)[0]
    if greedy(logits, spec.charset).text != text or greedy(session.run(wrong)[0], spec.charset).text == text:
        return 0
    return steadiness(logits, spec.charset)


def choose(found: Sequence[Candidate], count: int) -> list[Candidate]:
    """Return the steadiest, each text once; the smaller file of equals."""
    kept: dict[str, Candidate] = {}
    for candidate in sorted(found, key=lambda one: (-one.steadiness, len(one.data))):
        kept.setdefault(candidate.text, candidate)
    return list(kept.values())[:count]


def main() -> None:
    """Make the files and their manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/samples/telling"))
    asked = parser.parse_args()
    sessions = [open_session(load_artifact(path), runtime="onnxruntime") for path in asked.models]
    asked.out.mkdir(parents=True, exist_ok=True)
    rows = [("id", "image", "text", "dataset", "writer", "shows", "picture", "tensor")]
    for name, kind in KINDS.items():
        for index, one in enumerate(choose(list(candidates(kind, asked.fonts, sessions)), kind.count)):
            id_ = f"{TELLING}-{name}-{index}"
            image = f"{name}-{index}" + (".jpg" if one.data.startswith(JPEG) else ".png")
            (asked.out / image).write_bytes(one.data)
            line = Line(id=id_, image=one.data, text=one.text)
            rows.append((id_, image, one.text, TELLING, one.font, kind.shows, *digests(line)))
            print(id_, len(one.data), one.steadiness, one.text, one.font)  # noqa: T201
    (asked.out / "lines.tsv").write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
