"""Each stage of a result against its golden values; a stage is judged by what it was itself given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from inkport.benchmarks.kit.faults import distance, name_gray_fault, name_tensor_fault, name_text_fault
from inkport.benchmarks.kit.manifest import KitLine
from inkport.benchmarks.kit.open import Kit
from inkport.benchmarks.kit.result import LineResult, Result
from inkport.benchmarks.kit.stages import ORDER, Stage
from inkport.benchmarks.kit.tensors import Array
from inkport.core.errors import ImageError
from inkport.core.preprocess import prepare
from inkport.core.target import Precision
from inkport.lines.line import Line
from inkport.runtimes.faults import contract_fault, name_fault


ROUNDED_INPUT = 0.05
"""Gray levels from which on a prepared image counts as rounded otherwise than the golden one.

Sums in another order differ by less than 0.001 levels, pixels rounded to 8 bits by 0.3.
"""
ROUNDED_AS = Precision.FP16
"""The tolerance of logits of such an input is at least this precision's: 8-bit pixels are as coarse as fp16 sums."""


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

    stage: Stage
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
    wrong: dict[Stage, list[tuple[str, str]]] = {stage: [] for stage in document.shown}
    judged = dict.fromkeys(document.shown, 0)
    for entry, line, found in zip(kit.manifest.lines, kit.lines, document.lines, strict=True):
        for stage, fault in _faults(kit, result, entry, line, found):
            judged[stage] += 1
            if fault:
                wrong[stage].append((line.id, fault))
    return tuple(
        Finding(stage=stage, state=state)
        if (state := _state(stage, result, judged, wrong)) not in (State.RIGHT, State.WRONG)
        else Finding(
            stage=stage,
            state=state,
            lines=judged[stage],
            wrong_lines=len(wrong[stage]),
            line=wrong[stage][0][0] if wrong[stage] else "",
            fault=wrong[stage][0][1] if wrong[stage] else "",
        )
        for stage in ORDER[1:]
    )


def _state(stage: Stage, result: Result, judged: dict[Stage, int], wrong: dict[Stage, list[tuple[str, str]]]) -> State:
    if ORDER.index(stage) <= ORDER.index(result.document.start):
        return State.GIVEN
    if stage not in result.document.shown:
        return State.NOT_SHOWN
    if not judged[stage]:
        return State.NOT_JUDGED
    return State.WRONG if wrong[stage] else State.RIGHT


def _faults(
    kit: Kit, result: Result, entry: KitLine, line: Line, found: LineResult
) -> Iterator[tuple[Stage, str | None]]:
    """Yield each stage of one line that can be judged, and what is wrong with it."""
    spec, levels = kit.spec, kit.manifest.tolerances.gray_levels
    golden = kit.golden(entry)
    gray, tensor, logits = (result.tensor(found, stage) for stage in (Stage.GRAY, Stage.TENSOR, Stage.LOGITS))
    given, prepared_wrong = line.gray(), False
    if gray is not None and golden:
        fault = name_gray_fault(gray, golden[Stage.GRAY], levels, image=kit.members[entry.image])
        yield Stage.GRAY, fault
        prepared_wrong = fault is not None
        given = gray
    if tensor is not None and golden:
        expected = _prepared(given, kit, golden[Stage.TENSOR])
        yield Stage.TENSOR, name_tensor_fault(tensor, expected, levels, gray=given, spec=spec.preprocess)
        prepared_wrong = _is_far(tensor, golden[Stage.TENSOR], levels, spec.preprocess.std)
    if logits is None:
        return
    shape = (1, spec.frames(spec.preprocess.padded_width(*line.gray().shape)), spec.charset.size)
    broken = contract_fault(logits, shape)
    if broken and not prepared_wrong:
        yield Stage.LOGITS, broken
    elif golden and not prepared_wrong:
        rounded = tensor is not None and _is_far(tensor, golden[Stage.TENSOR], ROUNDED_INPUT, spec.preprocess.std)
        yield Stage.LOGITS, name_fault(logits, golden[Stage.LOGITS], _tolerance(kit, result, rounded=rounded))
    if found.text is not None and logits.ndim == 3 and logits.shape[2] == spec.charset.size and not _bad(logits):
        yield Stage.TEXT, name_text_fault(found.text, logits[0], spec.charset)


def _prepared(gray: Array, kit: Kit, golden: Array) -> Array:
    """Return what becomes of the runner's own gray image, or the golden tensor where that image is none."""
    try:
        return prepare(gray, kit.spec.preprocess)
    except ImageError:
        return golden


def _is_far(tensor: Array, golden: Array, levels: float, std: float) -> bool:
    # Written so that NaN is far too.
    return tensor.shape != golden.shape or not distance(tensor, golden, scale=std) <= levels


def _bad(logits: Array) -> bool:
    return len(logits) != 1 or not bool(np.isfinite(logits).all())


def _tolerance(kit: Kit, result: Result, *, rounded: bool) -> float:
    allowed = kit.manifest.tolerances.logits
    precision = kit.manifest.artifact_of(kit.target(result.document.target)).precision
    return max(allowed[precision], allowed[ROUNDED_AS] if rounded else 0.0)
