"""From a picture of a handwritten line to its text: one file to copy, with numpy, Pillow and ONNX Runtime.

    recogniser = Recogniser("bundle")
    reading = recogniser.read("line.png")

Made by ``inkport bundle --for python``. Licence: Apache-2.0.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps


FORMAT = 1
"""Version of the specification and of golden/ that this file reads."""
WEIGHT_BITS = 11
"""S of triangle-v2: weights are multiples of 2^-S."""
MIN_SIDE, MAX_SIDE = 8, 1 << 15
"""Fewest and most pixels of an image, either way."""
STAGES = ("bundle", "gray", "tensor", "ids", "confidence", "text")
"""What the self-test compares, in order."""
LEVEL_TOLERANCE, CHANCE_TOLERANCE = 1e-6, 1e-5
"""float32 against exact values around 1, a few units in the last place (2^-24), and against probabilities."""
SCORES, LIFTS = (2, 6, 4, 0, 3), (0, 1000, -1000, -2000, 2000)
"""What the self-test decodes: the score of a label in each frame, over 0 of all others, and what is added to all.

Where all are equal the first, the blank, counts. What is added changes no probability, but lets a softmax overflow
that does not subtract the peak.
"""
SYMBOLS = ((0, 2, 6), (4, 4, 3))
"""First frame, last frame and best score of the two symbols that these are."""
Bytes = npt.NDArray[np.uint8]


class Error(Exception):
    """What is wrong with a file, an image or the engine, in one sentence for a person."""


@dataclass(frozen=True)
class Symbol:
    """One symbol that was read."""

    label: int
    """1 and above."""
    text: str
    """One Unicode code point."""
    first_frame: int
    """First frame of its run, counted from 0."""
    last_frame: int
    """Last frame of its run, included."""
    confidence: float
    """Softmax probability at its best frame, 0..1."""


@dataclass(frozen=True)
class Reading:
    """What was read on one line."""

    text: str
    """In Unicode's normal form C."""
    symbols: tuple[Symbol, ...]
    """In reading order."""
    confidence: float
    """Mean of the symbols'; not a number without symbols."""


@dataclass(frozen=True)
class Fault:
    """The first stage that is wrong on this device."""

    stage: str
    """One of ``STAGES``."""
    line: str
    """Name of the golden line, of what the self-test makes itself, or of the file that golden/ was not made with."""
    detail: str
    """What was found."""


def load_gray(file: Path) -> Bytes:
    """Decode an image file: upright, transparency on white, 8 bits of gray (h, w), 0 black .. 255 white."""
    with Image.open(file) as opened:
        image: Image.Image = ImageOps.exif_transpose(opened)
        if image.mode.startswith("I"):
            deep = np.asarray(image).astype(np.int64)
            deep[deep == image.info.get("transparency", -1)] = 65535
            return ((deep + 128) // 257).astype(np.uint8)
        if image.has_transparency_data:
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
        if image.mode not in ("1", "L"):
            image = image.convert("RGB")
        return np.asarray(image.convert("L"))


def resample(pixels: Bytes, target: int) -> Bytes:
    """Resample the rows of bytes (n, k) to ``target`` rows by triangle-v2, in integers: bytes (target, k)."""
    source = len(pixels)
    reach = 2 * max(source, target)
    out = np.empty((target, pixels.shape[1]), dtype=np.uint8)
    for row in range(target):
        centre = (2 * row + 1) * source
        first = max(0, (centre - reach) // (2 * target) - 1)
        last = min(source, (centre + reach) // (2 * target) + 2)
        distance = np.abs((2 * np.arange(first, last, dtype=np.int64) + 1) * target - centre)
        shares = np.maximum(0, reach - distance)
        total = int(shares.sum())
        weights = (2 ** (WEIGHT_BITS + 1) * shares + total) // (2 * total)
        sums = weights @ pixels[first:last].astype(np.int64)
        out[row] = np.minimum(255, (sums + 2 ** (WEIGHT_BITS - 1)) >> WEIGHT_BITS)
    return out


class Recogniser:
    """Reads lines of text.

    Args:
        bundle: The bundle's folder.
        threads: Threads of the computation.

    Raises:
        Error: If the specification is not one that this file reads.
    """

    def __init__(self, bundle: Path | str, *, threads: int = 1) -> None:
        import onnxruntime

        self.folder = Path(bundle)
        rows = (self.folder / "specification.txt").read_text(encoding="utf-8").splitlines()
        self.spec = dict(row.split(" = ", 1) for row in rows if row and not row.startswith("#"))
        if self.spec.get("format") != str(FORMAT) or self.spec.get("resampling") != "triangle-v2":
            found = f"format {self.spec.get('format')}, resampling {self.spec.get('resampling')}"
            raise Error(f"the specification has {found}; this file reads format {FORMAT}, triangle-v2")
        self.symbols = [chr(int(point)) for point in self.spec["symbols"].split()]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        path = str(self.folder / self.spec["model"])
        self._session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def prepare(self, gray: Bytes) -> Bytes:
        """Return the network's input as bytes (height, width): resampled, padded on the right.

        Raises:
            Error: If the image is too small to hold a line of text, or longer than the network takes.
        """
        keys = ("height", "width_multiple", "min_width", "max_width", "background")
        height, multiple, narrowest, widest, background = (int(self.spec[key]) for key in keys)
        h, w = gray.shape
        content = max(1, (2 * w * height + h) // (2 * h))
        padded = -(-max(content, narrowest) // multiple) * multiple
        if min(h, w, content) < MIN_SIDE or max(h, w) > MAX_SIDE:
            raise Error(f"the image has {w} x {h} px, a line of text {MIN_SIDE} to {MAX_SIDE} px each way")
        if padded > widest:
            raise Error(f"the line is {content} px wide at the network's height, at most {widest} are taken: cut it")
        resampled = resample(resample(gray, height).T, content).T
        return np.pad(resampled, ((0, 0), (0, padded - content)), constant_values=background)

    def normalise(self, tensor: Bytes) -> npt.NDArray[np.float32]:
        """Return a prepared line as the network takes it, float32."""
        mean, std = np.float32(self.spec["mean"]), np.float32(self.spec["std"])
        return (tensor.astype(np.float32) / np.float32(255) - mean) / std

    def run(self, tensor: Bytes) -> npt.NDArray[np.float32]:
        """Return the logits (frames, classes) of a prepared line."""
        images = self.normalise(tensor)[None, None]
        (logits,) = self._session.run([self.spec["output"]], {self.spec["input"]: images})
        found: npt.NDArray[np.float32] = logits[0]
        return found

    def decode(self, logits: npt.NDArray[np.float32]) -> Reading:
        """Decode by best path: the best label of each frame, equal neighbours merged, blanks dropped."""
        wide = logits.astype(np.float64)
        chances = np.exp(wide - wide.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        symbols: list[Symbol] = []
        before = 0
        for frame, label in enumerate(map(int, logits.argmax(axis=1))):
            chance = float(chances[frame, label])
            if label and label == before:
                last = symbols.pop()
                symbols.append(
                    Symbol(label, last.text, last.first_frame, frame, max(last.confidence, chance)),
                )
            elif label:
                symbols.append(Symbol(label, self.symbols[label - 1], frame, frame, chance))
            before = label
        confidence = float(np.mean([symbol.confidence for symbol in symbols])) if symbols else float("nan")
        return Reading("".join(symbol.text for symbol in symbols), tuple(symbols), confidence)

    def read(self, image: Path | str | Bytes) -> Reading:
        """Read one line: a file, or gray (h, w), 0 black .. 255 white."""
        gray = image if isinstance(image, np.ndarray) else load_gray(Path(image))
        return self.decode(self.run(self.prepare(gray)))

    def self_test(self) -> Fault | None:
        """Compare this device with golden/; return the first stage that is wrong, or None.

        Each stage is given the golden values of the one before, so that the stage named is the one at fault. What
        golden lines cannot show is made here: every level of gray, every label, lines as narrow as can be, or refused.
        """
        for row in (self.folder / "golden" / "digests.txt").read_text(encoding="utf-8").splitlines():
            wanted, name = row.split("  ")
            found = hashlib.sha256((self.folder / name).read_bytes()).hexdigest()
            if found != wanted:
                detail = f"another file than golden/ was made with: SHA-256 {found[:12]}, expected {wanted[:12]}"
                return Fault("bundle", name, detail)
        faults: list[Fault] = []
        for row in (self.folder / "golden" / "lines.txt").read_text(encoding="utf-8").splitlines():
            line, file, _ = row.split("\t")
            try:
                stage, detail = self._check(self.folder / "golden" / line, file)
            except Error as error:
                stage, detail = "tensor", str(error)
            except (OSError, ValueError) as error:
                stage, detail = "gray", str(error)
            if detail:
                faults.append(Fault(stage, line, detail))
        made: list[tuple[str, str, Callable[[], str]]] = [
            ("tensor", "every-level", self._check_levels),
            ("tensor", "limits", self._check_limits),
            *((stage, "every-label", partial(self._check_labels, stage)) for stage in ("ids", "confidence", "text")),
        ]
        for stage, name, check in made:
            try:
                detail = check()
            except (Error, ValueError, IndexError) as error:
                detail = str(error)
            if detail:
                faults.append(Fault(stage, name, detail))
        return min(faults, key=lambda fault: STAGES.index(fault.stage), default=None)

    def _check(self, folder: Path, file: str) -> tuple[str, str]:
        gray, tensor = (np.asarray(Image.open(folder / name)) for name in ("gray.pgm", "tensor.pgm"))
        for stage, found, wanted in (
            ("gray", load_gray(folder / file), gray),
            ("tensor", self.prepare(gray), tensor),
        ):
            if found.shape != wanted.shape or not np.array_equal(found, wanted):
                return stage, f"{found.shape[1]} x {found.shape[0]} px, other bytes than golden/"
        reading = self.decode(self.run(tensor))
        ids = [int(word) for word in (folder / "ids.txt").read_text(encoding="ascii").split()]
        if [symbol.label for symbol in reading.symbols] != ids:
            return "ids", f"{len(reading.symbols)} labels that are not the {len(ids)} expected"
        expected = [float(word) for word in (folder / "confidences.txt").read_text(encoding="ascii").split()]
        # Confidences of a wrong softmax are wrong by more than engines differ, which in int8 is a lot.
        tolerance = 0.001 if self.spec["precision"] == "fp32" else 0.2
        for symbol, wanted_confidence in zip(reading.symbols, expected, strict=True):
            if not abs(symbol.confidence - wanted_confidence) <= tolerance:
                return "confidence", f"{symbol.text!r} has {symbol.confidence}, expected {wanted_confidence}"
        text = (folder / "text.txt").read_text(encoding="utf-8")
        return "text", "" if reading.text == text else f"{reading.text!r}, expected {text!r}"

    def _check_levels(self) -> str:
        """Check the step from bytes to the network's floats."""
        mean, std = float(self.spec["mean"]), float(self.spec["std"])
        levels = np.arange(256, dtype=np.uint8)
        wanted = (levels - 255 * mean) / (255 * std)
        near = np.abs(self.normalise(levels[None])[0] - wanted) <= LEVEL_TOLERANCE * np.maximum(1, np.abs(wanted))
        return "" if near.all() else f"level {near.argmin()} is not {wanted[near.argmin()]}"

    def _check_limits(self) -> str:
        """Check the narrowest line, which is padded, and those that are refused."""
        keys = ("height", "width_multiple", "min_width", "max_width", "background")
        height, multiple, narrowest, widest, background = (int(self.spec[key]) for key in keys)
        for h, w in (
            (height, widest + 1),
            (height, MIN_SIDE - 1),
            (MIN_SIDE - 1, 10 * MIN_SIDE),
            (10 * height, MIN_SIDE),
        ):
            try:
                self.prepare(np.full((h, w), 255, np.uint8))
            except Error:
                continue
            return f"an image of {w} x {h} px is not refused"
        line = (37 * np.arange(height * MIN_SIDE) % 256).astype(np.uint8).reshape(height, MIN_SIDE)
        # At the network's height nothing is resampled, and all that is not the image is padding.
        wanted = np.full((height, max(narrowest, -(-MIN_SIDE // multiple) * multiple)), background, np.uint8)
        wanted[:, :MIN_SIDE] = line
        return "" if np.array_equal(self.prepare(line), wanted) else "a line of 8 px is not padded as it should be"

    def _check_labels(self, stage: str) -> str:
        """Check the decoding of scores that are made here: exact on every engine, unlike golden lines in int8."""
        points = self.spec["symbols"].split()
        for label, point in enumerate(points, 1):
            logits = np.zeros((len(SCORES), len(points) + 1), dtype=np.float32)
            logits[:, label] = SCORES
            reading = self.decode(logits + np.array(LIFTS, dtype=np.float32)[:, None])
            chances = [1 / (1 + len(points) * np.exp(-best)) for _, _, best in SYMBOLS]
            found = [*(symbol.confidence for symbol in reading.symbols), reading.confidence]
            right = {
                "ids": [(s.label, s.first_frame, s.last_frame) for s in reading.symbols]
                == [(label, first, last) for first, last, _ in SYMBOLS],
                "confidence": len(found) == len(chances) + 1
                and bool(np.all(np.abs(np.subtract(found, [*chances, np.mean(chances)])) <= CHANCE_TOLERANCE)),
                "text": [ord(symbol) for symbol in reading.text] == [int(point)] * len(SYMBOLS),
            }
            if not right[stage]:
                return f"label {label} became {reading}"
        return ""


def main(words: list[str]) -> int:
    """Print the text of each file, or with ``--self-test`` what is wrong on this device; return the exit code."""
    recogniser = Recogniser(Path(__file__).parent)
    if words == ["--self-test"]:
        fault = recogniser.self_test()
        sys.stdout.write(f"{fault.stage}\t{fault.line}\t{fault.detail}\n" if fault else "all stages are right\n")
        return int(fault is not None)
    for word in words:
        sys.stdout.write(f"{word}\t{recogniser.read(word).text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
