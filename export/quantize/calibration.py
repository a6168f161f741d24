"""Which lines a quantizer sees: chosen by their ids alone, so that every run chooses the same ones."""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Calibration
from inkport.core.errors import ImageError, LineDataError
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.lines.held_out import refuse_test_lines
from inkport.lines.line import Line
from inkport.lines.roles import Role, describe_lines


CALIBRATION_LINES = 64
"""How many lines a quantizer sees by default; 32 and 256 give the same errors (docs/export.md)."""


@dataclass(frozen=True, kw_only=True)
class CalibrationSet:
    """Prepared lines for a quantizer, and the record of which they are."""

    inputs: tuple[npt.NDArray[np.float32], ...]
    """Prepared images, each float32 (1, 1, h, w), widths as they come."""
    record: Calibration
    """Ids and digest, for the artifact's provenance."""
    skipped: tuple[str, ...] = ()
    """Ids of chosen lines that were passed over because their image is bad."""


def choose_calibration(
    lines: Iterable[Line],
    preprocess: PreprocessSpec,
    *,
    count: int = CALIBRATION_LINES,
    skip_bad_images: bool = False,
) -> CalibrationSet:
    """Choose and prepare calibration lines.

    The data sets take turns, in the order of their names; each gives its lines in the order of their ids'
    SHA-256. So the choice depends on neither chance nor the order of the files.

    Args:
        lines: The lines to choose from, ids unique; lines the model was trained on, never test lines.
        preprocess: The recogniser's preprocessing.
        count: How many to choose, at least 1; all if there are fewer.
        skip_bad_images: Whether to pass over lines whose image cannot be prepared instead of refusing them.

    Raises:
        LineDataError: If there is no usable line, one is of a test split, or a chosen line is a listed test line or
            has an unusable image.
    """
    if count < 1:
        raise LineDataError(f"calibration needs at least 1 line, {count} were asked for")
    chosen: list[Line] = []
    skipped: list[str] = []
    inputs: list[npt.NDArray[np.float32]] = []
    lines = refuse_test_lines(lines, purpose="calibration", listed=False)
    for line in _in_turns(lines, None if skip_bad_images else count):
        if len(chosen) == count:
            break
        try:
            inputs.append(prepare(line.gray(), preprocess))
        except ImageError as error:
            if not skip_bad_images:
                raise LineDataError(
                    f"calibration line {line.id}: {error.message}",
                    remedy="fix it, or pass --skip bad-image",
                ) from error
            skipped.append(line.id)
            continue
        chosen.append(line)
    if not chosen:
        raise LineDataError("no line to calibrate on", remedy="pass a line set with readable images")
    # Of thousands of lines a few are chosen: only these are looked up in the list, which takes decoding them.
    chosen = list(refuse_test_lines(chosen, purpose="calibration"))
    record = describe_lines(chosen, Role.CALIBRATION)
    return CalibrationSet(inputs=tuple(inputs), record=record, skipped=tuple(skipped))


def _in_turns(lines: Iterable[Line], most: int | None) -> Iterable[Line]:
    """Yield lines of the data sets in turns, at most ``most`` per set, each set sorted by the hash of the id."""
    sets: dict[str, list[tuple[str, Line]]] = defaultdict(list)
    for line in lines:
        items = sets[line.dataset]
        items.append((hashlib.sha256(line.id.encode()).hexdigest(), line))
        # Lines hold encoded images: a training set need not fit into memory for a few of them.
        if most is not None and len(items) >= 4 * most:
            items[:] = heapq.nsmallest(most, items, key=itemgetter(0))
    ranked = [sorted(items, key=itemgetter(0))[:most] for _, items in sorted(sets.items())]
    for turn in range(max(map(len, ranked), default=0)):
        yield from (items[turn][1] for items in ranked if turn < len(items))
