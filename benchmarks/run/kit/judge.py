"""Each stage of a result against its golden values; a stage is judged by what it was itself given."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby

import numpy as np
from PIL import Image

from inkport.benchmarks.run.kit.archive import Array, Values
from inkport.benchmarks.run.kit.manifest import ORDER, KitLine, KitStage, as_gray, as_input, tensor_stage
from inkport.benchmarks.run.kit.mistakes import by_nearest, resampled_by, without_antialiasing
from inkport.benchmarks.run.kit.open import Kit, LineResult, Result
from inkport.core.charset import BLANK, Charset
from inkport.core.contract import contract_fault
from inkport.core.errors import ImageError, InkportError
from inkport.core.preprocess import RESAMPLINGS, TRIANGLE_V1, TRIANGLE_V2, PreprocessSpec, prepare
from inkport.core.preprocess_settings import Side
from inkport.core.resampling import FOREIGN
from inkport.core.target import Precision
from inkport.lines.line import Line
from inkport.runtimes.logits import name_fault


LEVEL = 1 / 255
"""One gray level of an 8-bit image."""
GRAY_LEVELS = 1.0
"""Root mean square difference of decoded images, in levels of 1/255: the rounding of luma may differ by one.

Allowed where images are floats; where they are bytes, a mistake is recognised by it.
"""
TENSOR_LEVELS = 0.5
"""The same of prepared images.

On the golden sample lines, pixels rounded to 8 bits differ by up to 0.34; bilinear resizing without antialiasing, or
padding with 240 instead of 255, by 1.07 and more (``tests/unit/benchmarks/run/kit/test_kit_faults.py``).
"""


def distance(found: Array, expected: Array, *, scale: float = 1.0) -> float:
    """Return the root mean square difference in gray levels of 1/255.

    Args:
        found: What a runner shows.
        expected: What it should be, of the same shape.
        scale: How much one unit of the values is in gray values of 0..1.
    """
    return float(np.sqrt(np.mean((found.astype(np.float64) - expected) ** 2))) * scale / LEVEL


def name_gray_fault(found: Array, expected: Array, levels: float, *, image: bytes) -> str | None:
    """Compare a decoded image with what it should be.

    Args:
        found: What a runner decoded.
        expected: float32 (h, w), 0 black .. 1 white.
        levels: Allowed root mean square difference, in gray levels; 0 if no value may differ.
        image: The encoded image, for the mistakes that only its colours show.

    Returns:
        The fault in one phrase, or None if there is none.
    """
    if found.shape != expected.shape:
        return f"has shape {found.shape}, expected {expected.shape}"
    if not np.isfinite(found).all():
        return "holds NaN or infinity"
    if distance(found, expected) <= levels:
        return None
    if distance(found / np.float32(255), expected) <= levels:
        return "goes from 0 to 255 instead of 0 to 1"
    mistakes: Mapping[str, Callable[[], Array]] = {
        "has ink and paper swapped": lambda: 1 - expected,
        "has red and blue swapped": lambda: _gray(image, (0.114, 0.587, 0.299)),
        "is the mean of red, green and blue instead of their luma": lambda: _gray(image, (1 / 3, 1 / 3, 1 / 3)),
        "is upside down": lambda: expected[::-1],
        "is mirrored": lambda: expected[:, ::-1],
    }
    if expected.ndim == 3:
        mistakes = {**mistakes, "has red and blue swapped": lambda: expected[..., ::-1]}
    return _known(found, expected, mistakes, max(levels, GRAY_LEVELS), 1.0) or _difference(found, expected, levels, 1.0)


def name_tensor_fault(found: Array, expected: Array, levels: float, *, gray: Array, spec: PreprocessSpec) -> str | None:
    """Compare a prepared image with what it should be.

    Args:
        found: What a runner prepared.
        expected: float32 (1, 1, h, w).
        levels: Allowed root mean square difference, in gray levels before normalisation; 0 if no value may differ.
        gray: What it was prepared from, float32 (h, w).
        spec: How it is to be prepared.

    Returns:
        The fault in one phrase, or None if there is none.
    """
    if found.shape != expected.shape:
        return _shape_fault(found, expected)
    if not np.isfinite(found).all():
        return "holds NaN or infinity"
    scale = spec.largest_std
    off = distance(found, expected, scale=scale)
    if off <= levels:
        return None
    content = spec.content_width(*gray.shape[:2])
    if spec.side is Side.RIGHT and distance(found[..., :content], expected[..., :content], scale=scale) <= levels:
        padding = float(found[..., content:].mean())
        return f"pads with {padding:.3g}, expected {float(expected[0, 0, 0, -1]):.3g}"
    near, other = max(levels, TENSOR_LEVELS), TRIANGLE_V1 if spec.in_bytes else TRIANGLE_V2
    mistakes: Mapping[str, Callable[[], Array]] = {
        f"is resampled as {other} defines, expected {spec.resampling}": lambda: prepare(
            gray, replace(spec, resampling=other)
        ),
        "is upside down": lambda: expected[:, :, ::-1],
        "lies at the right edge": lambda: np.roll(expected, expected.shape[3] - content, axis=3),
    }
    if spec.planes == 1:
        mistakes = {
            "is resampled without antialiasing (two taps, whatever the scale)": lambda: without_antialiasing(
                gray, spec
            ),
            "is resampled by the nearest pixel": lambda: by_nearest(gray, spec, found),
            **mistakes,
        }
    if spec.resampling in FOREIGN:
        others = (name for name in RESAMPLINGS if name != spec.resampling)
        mistakes = {**{f"is resampled by {name}": resampled_by(name, gray, spec) for name in others}, **mistakes}
    return (
        _known(found, expected, mistakes, near, scale)
        # What lies near is off here and there: a gain and an offset that fit it say nothing.
        or (_normalisation(found, expected, near * LEVEL / scale) if off > near else None)
        or _difference(found, expected, levels, scale)
    )


def name_text_fault(text: str, logits: Array, charset: Charset) -> str | None:
    """Compare a text with the greedy decoding of the logits beside it.

    Args:
        text: What a runner read.
        logits: float32 (t, k), finite.
        charset: What the labels mean.

    Returns:
        The fault in one phrase, or None if there is none.
    """
    labels = [int(label) for label in logits.argmax(axis=1)]
    merged = [label for label, _ in groupby(labels)]
    expected = charset.decode(merged)
    if text == expected:
        return None
    last = [charset.size - 1 if label == BLANK else label - 1 for label in merged]
    mistakes = {
        "keeps repeated labels": charset.decode(labels),
        "drops blanks before it merges repeats": charset.decode(
            [label for label, _ in groupby(label for label in labels if label != BLANK)]
        ),
        "takes label 0 for the first symbol, it is the blank": "".join(
            charset.symbols[label] for label in merged if label < charset.size - 1
        ),
        "takes the last label for the blank": charset.decode([label for label in merged if label != charset.size - 1]),
        "is off by one label": charset.decode([label for label in last if 0 < label < charset.size - 1]),
        "is reversed": expected[::-1],
    }
    known = next((fault for fault, wrong in mistakes.items() if wrong == text), None)
    return known or f"reads {text!r}, greedy decoding of the logits beside it gives {expected!r}"


def _shape_fault(found: Array, expected: Array) -> str:
    if found.ndim == expected.ndim and found.shape[:3] == expected.shape[:3]:
        return f"is {found.shape[3]} px wide, expected {expected.shape[3]}: padded or scaled otherwise"
    return f"has shape {found.shape}, expected {expected.shape}"


def _known(
    found: Array, expected: Array, mistakes: Mapping[str, Callable[[], Array]], levels: float, scale: float
) -> str | None:
    """Return the mistake that comes nearest, if it is near and nearer than what is right."""
    distances: dict[str, float] = {}
    for fault, make in mistakes.items():
        try:
            wrong = make()
        except (InkportError, ValueError, OSError):
            continue
        if wrong.shape == found.shape:
            distances[fault] = distance(found, wrong, scale=scale)
    nearest = min(distances, key=distances.__getitem__, default="")
    within = min(levels, np.nextafter(distance(found, expected, scale=scale), 0))
    return nearest if nearest and distances[nearest] <= within else None


def _normalisation(found: Array, expected: Array, allowed: float) -> str | None:
    """Fit ``gain * expected + offset``; a port that normalises otherwise differs by just that."""
    centred = expected.astype(np.float64) - expected.mean()
    if not (power := float((centred**2).sum())):
        return None
    gain = float((centred * found).sum()) / power
    offset = float(found.mean() - gain * expected.mean())
    residual = float(np.sqrt(np.mean((found - (gain * expected + offset)) ** 2)))
    if gain == 0 or residual > allowed * max(1.0, abs(gain)):
        return None
    return f"is normalised otherwise: {gain:.4g} times the value that it should be, and {offset:+.4g}"


def _difference(found: Array, expected: Array, levels: float, scale: float) -> str:
    difference = np.abs(found - expected)
    row, column = np.unravel_index(int(difference.argmax()), difference.shape)[-2:]
    return (
        f"differs by {distance(found, expected, scale=scale):.3g} gray levels (root mean square, {levels:g} allowed), "
        f"most at row {row}, column {column}: {found[..., row, column].item():.3g} instead of "
        f"{expected[..., row, column].item():.3g}"
    )


def _gray(image: bytes, weights: tuple[float, float, float]) -> Array:
    with Image.open(io.BytesIO(image)) as opened:
        colours = np.asarray(opened.convert("RGB"), dtype=np.float32)
    return (colours @ np.asarray(weights, dtype=np.float32)) / np.float32(255)


ROUNDED_INPUT = 0.05
"""Gray levels from which on a prepared image of triangle-v1 counts as rounded otherwise than the golden one.

Sums in another order differ by less than 0.001 levels, pixels rounded to 8 bits by 0.12 to 0.34.
"""
ROUNDED_AS = Precision.BF16
"""The tolerance of logits of such an input is at least this precision's.

Pixels rounded to 8 bits moved logits of convtext-tiny by up to 0.25 standard deviations.
"""


class State(StrEnum):
    """What is known about a stage."""

    GIVEN = "given"
    """The runner was given its golden values, or those of a later stage."""
    RIGHT = "right"
    """Its values are the golden ones, within the tolerance."""
    WRONG = "wrong"
    """They are not."""
    NOT_SHOWN = "not shown"
    """The runner does not show it."""
    NOT_JUDGED = "not judged"
    """It cannot be told whether it is right, because what went into it is wrong or not shown."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is known about one stage."""

    stage: KitStage
    """The stage."""
    state: State
    """What is known about it."""
    lines: int = 0
    """Lines that were judged."""
    wrong_lines: int = 0
    """How many of them are wrong."""
    line: str = ""
    """Id of the first wrong line."""
    fault: str = ""
    """What is wrong with it."""


def judge_stages(kit: Kit, result: Result) -> tuple[Finding, ...]:
    """Judge every stage but the image, in order.

    Args:
        kit: The kit.
        result: A result of it, whose lines are the kit's.
    """
    document = result.document
    wrong: dict[KitStage, list[tuple[str, str]]] = {stage: [] for stage in document.shown}
    judged = dict.fromkeys(document.shown, 0)
    lines = list(zip(kit.manifest.lines, kit.lines, document.lines, strict=True))
    # The golden lines first: where they show that the input is wrong, the logits of other lines are not to blame.
    for entry, line, found in sorted(lines, key=lambda item: item[0].golden is None):
        input_wrong = bool(wrong.get(KitStage.GRAY) or wrong.get(KitStage.TENSOR))
        for stage, fault in _faults(kit, result, entry, line, found):
            if stage is KitStage.LOGITS and input_wrong and entry.golden is None:
                continue
            judged[stage] += 1
            if fault:
                wrong[stage].append((line.id, fault))
    return tuple(_finding(stage, result, judged.get(stage, 0), wrong.get(stage, [])) for stage in ORDER[1:])


def _finding(stage: KitStage, result: Result, judged: int, wrong: Sequence[tuple[str, str]]) -> Finding:
    if ORDER.index(stage) <= ORDER.index(result.document.start):
        return Finding(stage=stage, state=State.GIVEN)
    if stage not in result.document.shown:
        return Finding(stage=stage, state=State.NOT_SHOWN)
    if not judged:
        return Finding(stage=stage, state=State.NOT_JUDGED)
    if not wrong:
        return Finding(stage=stage, state=State.RIGHT, lines=judged)
    line, fault = wrong[0]
    return Finding(stage=stage, state=State.WRONG, lines=judged, wrong_lines=len(wrong), line=line, fault=fault)


def _faults(
    kit: Kit, result: Result, entry: KitLine, line: Line, found: LineResult
) -> Iterator[tuple[KitStage, str | None]]:
    """Yield each stage of one line that can be judged, and what is wrong with it."""
    spec, golden = kit.spec, kit.golden(entry)
    tensor, logits = result.tensor(found, KitStage.TENSOR), result.tensor(found, KitStage.LOGITS)
    input_wrong = False
    if golden:
        for stage, fault in _input_faults(kit, result, entry, found, golden):
            input_wrong = input_wrong or fault is not None
            yield stage, fault
    if logits is None:
        return
    shape = (1, spec.frames(spec.preprocess.padded_width(*line.gray().shape)), spec.charset.size)
    broken = contract_fault(logits, shape) if logits.ndim == len(shape) else f"returns {logits.ndim} axes, expected 3"
    if broken and not input_wrong:
        yield KitStage.LOGITS, broken
    elif golden and not input_wrong:
        rounded = tensor is not None and _is_rounded(tensor, golden[KitStage.TENSOR], spec.preprocess)
        yield KitStage.LOGITS, name_fault(logits, golden[KitStage.LOGITS], _tolerance(kit, result, rounded=rounded))
    if found.text is not None and is_decodable(logits, spec.charset.size):
        yield KitStage.TEXT, name_text_fault(found.text, logits[0], spec.charset)


def _input_faults(
    kit: Kit, result: Result, entry: KitLine, found: LineResult, golden: Mapping[KitStage, Values]
) -> Iterator[tuple[KitStage, str | None]]:
    """Yield the stages before the network: the image against the golden one, the tensor against what it came from."""
    spec, allowed, image = kit.spec.preprocess, kit.manifest.tolerances, kit.members[entry.image]
    gray, tensor = result.tensor(found, KitStage.GRAY), result.tensor(found, KitStage.TENSOR)
    if gray is not None:
        yield (
            KitStage.GRAY,
            _type_fault(gray, golden[KitStage.GRAY])
            or name_gray_fault(as_gray(gray), as_gray(golden[KitStage.GRAY]), allowed.gray_levels, image=image),
        )
    if tensor is not None:
        usable = gray is not None and not _type_fault(gray, golden[KitStage.GRAY])
        given = gray if gray is not None and usable else golden[KitStage.GRAY]
        hidden = gray is None and result.document.start is KitStage.IMAGE
        levels = max(allowed.gray_levels, allowed.tensor_levels) if hidden else allowed.tensor_levels
        try:
            expected = tensor_stage(given, spec)
        except ImageError:
            given, expected = golden[KitStage.GRAY], golden[KitStage.TENSOR]
        yield (
            KitStage.TENSOR,
            _type_fault(tensor, expected)
            or name_tensor_fault(
                as_input(tensor, spec), as_input(expected, spec), levels, gray=as_gray(given), spec=spec
            ),
        )


def _type_fault(found: Values, expected: Values) -> str | None:
    if found.dtype == expected.dtype:
        return None
    return f"holds {found.dtype} values, expected {expected.dtype}"


def is_decodable(logits: Array, classes: int) -> bool:
    """Return whether logits are those of one line, finite, with as many classes as the charset has."""
    return logits.ndim == 3 and len(logits) == 1 and logits.shape[2] == classes and bool(np.isfinite(logits).all())


def _is_rounded(tensor: Values, golden: Values, spec: PreprocessSpec) -> bool:
    if spec.in_bytes:
        return False
    return tensor.shape != golden.shape or distance(tensor, golden, scale=spec.largest_std) > ROUNDED_INPUT


def _tolerance(kit: Kit, result: Result, *, rounded: bool) -> float:
    allowed = kit.manifest.tolerances.logits
    precision = kit.manifest.artifact_of(kit.target(result.document.target)).precision
    return max(allowed[precision], allowed[ROUNDED_AS] if rounded else 0.0)
